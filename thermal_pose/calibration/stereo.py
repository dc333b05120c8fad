# SPDX-License-Identifier: Apache-2.0
"""Pose of the thermal camera relative to the RGB camera, from views of the target by both."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from thermal_pose.calibration.lens import MIN_VIEWS, LensCalibration, calibrate_lens, disc_offsets
from thermal_pose.calibration.target import SpotTarget
from thermal_pose.errors import CalibrationError
from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose
from thermal_pose.imaging.registration import Registration
from thermal_pose.types import Float64Array

#: Greatest error at which the views of both cameras are consistent, thermal px.
MAX_CROSS_RMS_PX = 1.0


@dataclass(frozen=True)
class TargetView:
    """Spot centres (N, 2) px of one moment; None if a camera did not find the target."""

    thermal: Float64Array | None
    rgb: Float64Array | None


@dataclass(frozen=True)
class PairCalibration:
    """Calibration of both cameras.

    Attributes
    ----------
    thermal, rgb : lens of each camera, from all views in which it found the target.
    rgb_to_thermal : transform from the axes of the RGB camera to those of the thermal camera.
    common_views : number of moments at which both cameras found the target.
    cross_rms_px : error of the extrinsics: distance between the spots of the thermal view and those
        of the RGB view, mapped through the pose of the target, thermal px.
    """

    thermal: LensCalibration
    rgb: LensCalibration
    rgb_to_thermal: CameraPose
    common_views: int
    cross_rms_px: float

    @property
    def registration(self) -> Registration:
        """The geometry in the form of `imaging.registration`."""
        return Registration(self.thermal.intrinsics, self.rgb.intrinsics, self.rgb_to_thermal)


def calibrate_pair(
    views: Sequence[TargetView],
    target: SpotTarget,
    thermal_wh: tuple[int, int],
    rgb_wh: tuple[int, int],
) -> PairCalibration:
    """Calibrate both lenses and the pose between them.

    Raises
    ------
    CalibrationError
        A lens cannot be calibrated (see `calibrate_lens`), there are too few common views, or the
        views of both cameras contradict each other.
    """
    thermal_views = [view.thermal for view in views if view.thermal is not None]
    rgb_views = [view.rgb for view in views if view.rgb is not None]
    common = [(v.thermal, v.rgb) for v in views if v.thermal is not None and v.rgb is not None]
    thermal = calibrate_lens(thermal_views, target, thermal_wh, "thermal")
    rgb = calibrate_lens(rgb_views, target, rgb_wh, "RGB")
    if len(common) < MIN_VIEWS:
        raise CalibrationError(
            f"both cameras found the target together in {len(common)} views, at least "
            f"{MIN_VIEWS} are needed"
        )
    seen = [
        (
            _corrected(in_thermal, thermal.intrinsics, target),
            _corrected(in_rgb, rgb.intrinsics, target),
        )
        for in_thermal, in_rgb in common
    ]
    rgb_to_thermal = _solve_pose(seen, target, thermal.intrinsics, rgb.intrinsics)
    cross_rms_px = _cross_rms_px(seen, target, thermal.intrinsics, rgb.intrinsics, rgb_to_thermal)
    if not cross_rms_px < MAX_CROSS_RMS_PX:
        raise CalibrationError(
            f"the views of both cameras do not fit together: {cross_rms_px:.1f} thermal px, at "
            f"most {MAX_CROSS_RMS_PX:g} are allowed: is one image mirrored, was a camera moved?"
        )
    return PairCalibration(
        thermal=thermal,
        rgb=rgb,
        rgb_to_thermal=rgb_to_thermal,
        common_views=len(common),
        cross_rms_px=cross_rms_px,
    )


Pairs = Sequence[tuple[Float64Array, Float64Array]]


def target_pose(view: Float64Array, lens: CameraIntrinsics, target: SpotTarget) -> CameraPose:
    """Transform from target to camera, from the spots (N, 2) of one view, px."""
    solved, turn, shift = cv2.solvePnP(
        target.points_m, view, lens.matrix, np.array(lens.distortion), flags=cv2.SOLVEPNP_ITERATIVE
    )
    if not solved:
        raise CalibrationError("the pose of the target cannot be found from its spots")
    rotation = np.asarray(cv2.Rodrigues(turn)[0], dtype=np.float64)
    return CameraPose(rotation, np.asarray(shift, dtype=np.float64).ravel())


def _corrected(view: Float64Array, lens: CameraIntrinsics, target: SpotTarget) -> Float64Array:
    return view - disc_offsets(lens, target_pose(view, lens, target), target)


def _solve_pose(
    seen: Pairs, target: SpotTarget, thermal: CameraIntrinsics, rgb: CameraIntrinsics
) -> CameraPose:
    """The pose between the cameras for given lenses."""
    points = [target.points_m.astype(np.float32)] * len(seen)
    result = cv2.stereoCalibrate(
        points,
        [in_rgb.astype(np.float32) for _, in_rgb in seen],
        [in_thermal.astype(np.float32) for in_thermal, _ in seen],
        rgb.matrix,
        np.array(rgb.distortion),
        thermal.matrix,
        np.array(thermal.distortion),
        rgb.size_wh,
        flags=cv2.CALIB_FIX_INTRINSIC,
    )
    rotation, translation = result[5], result[6]
    return CameraPose(
        np.asarray(rotation, dtype=np.float64), np.asarray(translation, dtype=np.float64).ravel()
    )


def _cross_rms_px(
    seen: Pairs,
    target: SpotTarget,
    thermal: CameraIntrinsics,
    rgb: CameraIntrinsics,
    rgb_to_thermal: CameraPose,
) -> float:
    squares = []
    for in_thermal, in_rgb in seen:
        in_camera = target_pose(in_rgb, rgb, target).to_camera(target.points_m)
        carried = thermal.to_pixels(rgb_to_thermal.to_camera(in_camera))
        squares.append(((carried - in_thermal) ** 2).sum(axis=1))
    return float(np.sqrt(np.mean(squares)))
