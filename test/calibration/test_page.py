# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest

from thermal_pose.calibration.page import calibration_page, judge_calibration

LENS = {"rms_px": 0.05, "worst_view_rms_px": 0.1, "focal_px": [100.0, 100.0], "focal_sd_px": 0.2}
GOOD = {
    "views": 15,
    "left_out": {"moving": 2, "alike": 3},
    "stamp_offset_s": 0.012,
    "unmatched": {"thermal": 1, "rgb": 4},
    "cross_rms_thermal_px": 0.08,
    "thermal": LENS,
    "rgb": LENS,
    "fixed_homography_error_px": {"depth_m": 4.5, "by_depth": {"3.0": 0.7, "7.0": 0.4}},
}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, ""),
        ({"views": 8}, "Only 8 views"),
        ({"thermal": LENS | {"rms_px": 0.6}}, "thermal spots"),
        ({"rgb": LENS | {"rms_px": 1.6}}, "rgb spots"),
        ({"thermal": LENS | {"focal_sd_px": 2.0}}, "uncertain by 2.0 %"),
        ({"cross_rms_thermal_px": 0.8}, "disagree by 0.80"),
    ],
)
def test_the_verdict_names_the_worst_problem(change: dict, verdict: str) -> None:
    finding = judge_calibration(GOOD | change)
    assert finding.good == (not verdict) and verdict in finding.verdict
    assert finding.next_step.endswith((".", "says."))


def test_the_page_holds_verdict_picture_and_figures(tmp_path: Path) -> None:
    proof = tmp_path / "proof.png"
    cv2.imwrite(str(proof), np.zeros((12, 16, 3), dtype=np.uint8))
    page = calibration_page(GOOD, proof)
    assert "agree within 0.08 thermal px" in page and "Next step." in page
    assert "data:image/png;base64" in page and "12.0 ms" in page and "0.70 px" in page
    assert "http://" not in page and "https://" not in page
