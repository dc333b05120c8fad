# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from thermal_pose.calibration.files import THERMAL_HFOV_DEG, default_camera_info
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.pipeline.lens import calibration_hash, with_lens, with_stream_lens


def info(focal_px: float) -> CameraInfo:
    k = np.array([[focal_px, 0.0, 39.5], [0.0, focal_px, 29.5], [0.0, 0.0, 1.0]])
    return CameraInfo((80, 60), k, np.zeros(5))


def test_a_calibration_gives_focal_length_and_hash() -> None:
    params = with_stream_lens(TugParams(), info(81.0))
    assert params.focal_px == 81.0
    assert params.calibration == calibration_hash(info(81.0))
    assert params.calibration != calibration_hash(info(81.1))


def test_trailing_zeros_of_the_distortion_change_no_hash() -> None:
    short = replace(info(81.0), distortion=np.zeros(4))
    assert calibration_hash(short) == calibration_hash(info(81.0))


@pytest.mark.parametrize("focal_px", [0.0, -3.0, 1e6, np.nan])
def test_an_uncalibrated_lens_says_nothing(focal_px: float) -> None:
    assert with_lens(TugParams(), info(focal_px)) == TugParams()


def test_an_assumed_lens_counts_only_where_it_was_given() -> None:
    assumed = default_camera_info((80, 60), THERMAL_HFOV_DEG)
    assert with_stream_lens(TugParams(), assumed) == TugParams()
    assert with_lens(TugParams(), assumed).focal_px > 0


def test_what_the_caller_gave_stays() -> None:
    given = TugParams(focal_px=80.0)
    assert with_stream_lens(given, info(81.0)) == given
