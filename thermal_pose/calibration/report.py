# SPDX-License-Identifier: Apache-2.0
"""Output of a calibration: YAML files that the nodes load, a picture, and figures."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from thermal_pose.calibration.files import save_camera_info, save_extrinsics
from thermal_pose.calibration.page import calibration_page
from thermal_pose.calibration.picture import edges_over_rgb
from thermal_pose.calibration.session import CalibrationViews, SeenPair
from thermal_pose.calibration.stereo import PairCalibration, target_pose
from thermal_pose.calibration.target import SpotTarget
from thermal_pose.errors import StorageError
from thermal_pose.files import write_whole
from thermal_pose.imaging.camera_info import camera_info_of
from thermal_pose.imaging.registration import (
    PlaneRegistration,
    Registration,
    plane_error_by_depth,
    plane_registration,
)
from thermal_pose.types import Float64Array

#: Depths at which the error of the fixed homography is reported, m: the walkway, 3 to 7 m.
DEPTHS_M = (2.5, 3.0, 4.0, 5.0, 6.0, 7.0)
HOMOGRAPHY_DEPTH_M = 4.5


def errors_by_depth(plane: PlaneRegistration, registration: Registration) -> dict[str, float]:
    """Error of a fixed map around the middle of the image, thermal px, by depth in m."""
    width, height = registration.thermal.size_wh
    middle = [(x, y) for x in (0.3 * width, 0.7 * width) for y in (0.3 * height, 0.7 * height)]
    errors = plane_error_by_depth(plane, registration, DEPTHS_M, middle)
    return dict(zip(map(str, DEPTHS_M), errors.round(3).tolist(), strict=True))


def calibration_figures(calibration: PairCalibration, views: CalibrationViews) -> dict[str, Any]:
    """The calibration in numbers, for JSON."""
    registration = calibration.registration
    plane = plane_registration(registration, HOMOGRAPHY_DEPTH_M)
    lenses = {"thermal": calibration.thermal, "rgb": calibration.rgb}
    return {
        "views": calibration.common_views,
        "left_out": {"moving": views.moving, "alike": views.alike},
        "stamp_offset_s": round(views.streams.offset_s, 6),
        "unmatched": {
            "thermal": views.streams.unmatched_thermal,
            "rgb": views.streams.unmatched_rgb,
        },
        "cross_rms_thermal_px": round(calibration.cross_rms_px, 4),
        **{
            name: {
                "rms_px": round(lens.rms_px, 4),
                "worst_view_rms_px": round(float(lens.view_rms_px.max()), 4),
                "focal_px": [round(lens.intrinsics.fx_px, 3), round(lens.intrinsics.fy_px, 3)],
                "focal_sd_px": round(lens.focal_sd_px, 3),
            }
            for name, lens in lenses.items()
        },
        "fixed_homography_error_px": {
            "depth_m": HOMOGRAPHY_DEPTH_M,
            "by_depth": errors_by_depth(plane, registration),
        },
    }


def write_results(
    folder: Path, calibration: PairCalibration, views: CalibrationViews, target: SpotTarget
) -> dict[str, Any]:
    """Write thermal.yaml, rgb.yaml, extrinsics.yaml, proof.png, calibration.json and .html.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    numbers = calibration_figures(calibration, views)
    write_whole(folder / "calibration.json", json.dumps(numbers, indent=2) + "\n")
    thermal, rgb = calibration.thermal.intrinsics, calibration.rgb.intrinsics
    save_camera_info(folder / "thermal.yaml", camera_info_of(thermal), "thermal_camera")
    save_camera_info(folder / "rgb.yaml", camera_info_of(rgb), "rgb_camera")
    save_extrinsics(folder / "extrinsics.yaml", calibration.rgb_to_thermal)
    _write_proof(folder / "proof.png", calibration, views, target)
    write_whole(folder / "calibration.html", calibration_page(numbers, folder / "proof.png"))
    return numbers


def _write_proof(
    path: Path, calibration: PairCalibration, views: CalibrationViews, target: SpotTarget
) -> None:
    depths = [_depths_m(pair, calibration, target) for pair in views.pairs]
    # One depth must do for the whole picture: the view that is tilted least.
    flattest = int(np.argmin([np.ptp(depth) for depth in depths]))
    pair, depth_m = views.pairs[flattest], float(depths[flattest].mean())
    picture = edges_over_rgb(
        pair.thermal.centikelvin, pair.rgb.bgr, calibration.registration, depth_m
    )
    if not cv2.imwrite(str(path), picture):
        raise StorageError(f"cannot write {path}")


def _depths_m(pair: SeenPair, calibration: PairCalibration, target: SpotTarget) -> Float64Array:
    """Depths (N,) of the target's spots along the axis of the thermal camera."""
    assert pair.view.thermal is not None
    pose = target_pose(pair.view.thermal, calibration.thermal.intrinsics, target)
    return pose.to_camera(target.points_m)[:, 2]
