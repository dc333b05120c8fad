# SPDX-License-Identifier: Apache-2.0
"""Intrinsics and distortion of one camera from views of a spot target.

The method is Zhang's plane-based calibration in OpenCV, with one deviation: the centre of a tilted
disc is not imaged to the centre of its image (half a pixel for a webcam). A first calibration gives
the correction of the spots, and a second one uses it (Heikkila, PAMI 22:10, 2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.calibration.target import SpotTarget
from thermal_pose.errors import CalibrationError
from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose
from thermal_pose.types import Float64Array

#: Least number of views that averages out the noise of 80 x 60 pixels.
MIN_VIEWS = 8
#: Least share of the image's width and height that the spots of all views must span (the thermal
#: camera's view fills half of a webcam's).
MIN_COVERAGE = 0.45
#: Views all square on leave focal length and distance undistinguishable.
MIN_TILT_SPREAD_DEG = 12.0
MAX_FOCAL_SD = 0.03

_CORRECTION_PASSES = 2
_CIRCLE = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 48, False)), np.sin(np.linspace(0, 2 * np.pi, 48, False))],
    axis=1,
)


@dataclass(frozen=True)
class LensCalibration:
    """The calibrated lens of one camera.

    Attributes
    ----------
    intrinsics : the lens.
    rms_px : reprojection error over all spots of all views.
    view_rms_px : (V,) reprojection error of each view.
    focal_sd_px : standard deviation of the focal length.
    poses : transform from target to camera of each view.
    """

    intrinsics: CameraIntrinsics
    rms_px: float
    view_rms_px: Float64Array
    focal_sd_px: float
    poses: tuple[CameraPose, ...]


def calibrate_lens(
    views: Sequence[Float64Array], target: SpotTarget, size_wh: tuple[int, int], camera: str
) -> LensCalibration:
    """Calibrate one camera.

    Parameters
    ----------
    views : spot centres (N, 2) px of each view.
    target : the target seen in all views.
    size_wh : size of the images.
    camera : name of the camera, for errors.

    Raises
    ------
    CalibrationError
        There are too few or too similar views, they cover too little of the image, or the focal
        length remains uncertain.
    """
    _check_views(views, size_wh, camera)
    corrected = list(views)
    calibration = _solve(corrected, target, size_wh)
    for _ in range(_CORRECTION_PASSES):
        corrected = [
            view - disc_offsets(calibration.intrinsics, pose, target)
            for view, pose in zip(views, calibration.poses, strict=True)
        ]
        calibration = _solve(corrected, target, size_wh)
    _check_result(calibration, camera)
    return calibration


def disc_offsets(lens: CameraIntrinsics, pose: CameraPose, target: SpotTarget) -> Float64Array:
    """Offsets (N, 2) from the imaged centre of each disc to the centre of its image, px."""
    centres = target.points_m
    rims = centres[:, None, :2] + target.radius_m * _CIRCLE
    rims = np.concatenate([rims, np.zeros_like(rims[..., :1])], axis=-1)
    image = lens.to_pixels(pose.to_camera(rims))
    following = np.roll(image, -1, axis=1)
    cross = image[..., 0] * following[..., 1] - following[..., 0] * image[..., 1]
    centroid = ((image + following) * cross[..., None]).sum(axis=1) / (3 * cross.sum(axis=1))[
        :, None
    ]
    return np.asarray(centroid - lens.to_pixels(pose.to_camera(centres)), dtype=np.float64)


def _solve(
    views: Sequence[Float64Array], target: SpotTarget, size_wh: tuple[int, int]
) -> LensCalibration:
    objects = [target.points_m.astype(np.float32)] * len(views)
    images = [view.astype(np.float32) for view in views]
    # At these resolutions, tangential distortion and k3 are below the noise.
    flags = cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST
    rms, matrix, distortion, turns, shifts, sds, _, view_rms = cv2.calibrateCameraExtended(
        objects, images, size_wh, np.eye(3), np.zeros(5), flags=flags
    )
    k1, k2, p1, p2, k3 = (float(value) for value in distortion.ravel()[:5])
    return LensCalibration(
        intrinsics=CameraIntrinsics(
            size_wh,
            float(matrix[0, 0]),
            float(matrix[1, 1]),
            float(matrix[0, 2]),
            float(matrix[1, 2]),
            (k1, k2, p1, p2, k3),
        ),
        rms_px=float(rms),
        view_rms_px=np.asarray(view_rms, dtype=np.float64).ravel(),
        focal_sd_px=float(max(sds.ravel()[:2])),
        poses=tuple(
            CameraPose(_rotation(turn), np.asarray(shift, dtype=np.float64).ravel())
            for turn, shift in zip(turns, shifts, strict=True)
        ),
    )


def _rotation(turn: npt.ArrayLike) -> Float64Array:
    return np.asarray(cv2.Rodrigues(np.asarray(turn))[0], dtype=np.float64)


def coverage_share(views: Sequence[Float64Array], size_wh: tuple[int, int]) -> tuple[float, float]:
    """Shares of the image's width and height that the spots of all views span."""
    points = np.concatenate(list(views))
    span = (points.max(axis=0) - points.min(axis=0)) / np.array(size_wh)
    return float(span[0]), float(span[1])


def _check_views(views: Sequence[Float64Array], size_wh: tuple[int, int], camera: str) -> None:
    if len(views) < MIN_VIEWS:
        raise CalibrationError(
            f"{camera} camera: the target was found in {len(views)} views, at least {MIN_VIEWS} "
            "are needed"
        )
    share = coverage_share(views, size_wh)
    if min(share) < MIN_COVERAGE:
        raise CalibrationError(
            f"{camera} camera: the views span {share[0]:.0%} of the image's width and "
            f"{share[1]:.0%} of its height, at least {MIN_COVERAGE:.0%} of both are needed: "
            "move the target further towards the edges"
        )
    if _spread(views) < 0.01:
        raise CalibrationError(
            f"{camera} camera: all views are alike; move and tilt the target between them"
        )


def _spread(views: Sequence[Float64Array]) -> float:
    """Difference between the shapes of the views, relative to their size."""
    shapes = []
    for view in views:
        centred = view - view.mean(axis=0)
        shapes.append(centred / np.linalg.norm(centred))
    return float(np.std(np.stack(shapes), axis=0).max())


def tilt_spread_deg(poses: Sequence[CameraPose]) -> float:
    """Root mean square angle of the target's normals to their mean, degrees."""
    normals = np.stack([pose.rotation[:, 2] for pose in poses])
    mean = normals.mean(axis=0)
    mean /= np.linalg.norm(mean)
    angles = np.degrees(np.arccos(np.clip(normals @ mean, -1.0, 1.0)))
    return float(np.sqrt((angles**2).mean()))


def _check_result(calibration: LensCalibration, camera: str) -> None:
    tilt = tilt_spread_deg(calibration.poses)
    if tilt < MIN_TILT_SPREAD_DEG:
        raise CalibrationError(
            f"{camera} camera: the target was tilted by {tilt:.0f} degrees only, at least "
            f"{MIN_TILT_SPREAD_DEG:.0f} are needed: tilt it to all sides"
        )
    relative_sd = calibration.focal_sd_px / calibration.intrinsics.fx_px
    if not relative_sd < MAX_FOCAL_SD:
        raise CalibrationError(
            f"{camera} camera: the focal length remains uncertain by {relative_sd:.1%}, at most "
            f"{MAX_FOCAL_SD:.0%} is allowed: more views, tilted more"
        )
