# SPDX-License-Identifier: Apache-2.0
"""Map pixels between the RGB and the thermal image.

The cameras are a few centimetres apart, so the map depends on the depth of a point: 5 cm shift it
by 1.4 thermal px at 3 m and by 0.7 px at 6 m. `Registration`, for calibrated cameras, takes the
depth as an argument. `PlaneRegistration` is exact at one depth only.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose
from thermal_pose.types import Float64Array, UInt8Array


@dataclass(frozen=True)
class Registration:
    """Two calibrated cameras.

    Attributes
    ----------
    thermal, rgb : lenses.
    rgb_to_thermal : transform from the axes of the RGB camera to those of the thermal camera.
    """

    thermal: CameraIntrinsics
    rgb: CameraIntrinsics
    rgb_to_thermal: CameraPose

    def to_rgb(self, thermal_px: npt.ArrayLike, depth_m: npt.ArrayLike) -> Float64Array:
        """Map thermal pixels (..., 2) to RGB pixels (..., 2).

        Parameters
        ----------
        depth_m : scalar or (...), distance along the *thermal* camera's axis.
        """
        points = _lift(self.thermal, thermal_px, depth_m)
        rotation, translation = self.rgb_to_thermal.rotation, self.rgb_to_thermal.translation_m
        return self.rgb.to_pixels((points - translation) @ rotation)

    def to_thermal(self, rgb_px: npt.ArrayLike, depth_m: npt.ArrayLike) -> Float64Array:
        """Map RGB pixels (..., 2) to thermal pixels (..., 2).

        Parameters
        ----------
        depth_m : scalar or (...), distance along the *thermal* camera's axis, as for `to_rgb`.
        """
        rays = self.rgb.to_rays(rgb_px)
        rotation, translation = self.rgb_to_thermal.rotation, self.rgb_to_thermal.translation_m
        directions = rays @ rotation.T
        # The point on the ray that has this depth in the axes of the thermal camera.
        scale = (np.asarray(depth_m, dtype=np.float64) - translation[2]) / directions[..., 2]
        return self.thermal.to_pixels(directions * scale[..., None] + translation)

    def boxes_to_thermal(self, boxes_xyxy: npt.ArrayLike, depth_m: npt.ArrayLike) -> Float64Array:
        """Map boxes (N, 4) to the thermal image: the boxes around the mapped corners."""
        boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        depths_m = np.asarray(depth_m, dtype=np.float64).reshape(-1, 1)
        mapped = self.to_thermal(corners, np.broadcast_to(depths_m, (len(boxes), 4)))
        return np.concatenate([mapped.min(axis=1), mapped.max(axis=1)], axis=1)

    def warp_to_rgb(self, image: UInt8Array, depth_m: float) -> UInt8Array:
        """Warp a thermal picture (h, w[, 3]) into the view of the RGB camera, at one depth."""
        width, height = self.rgb.size_wh
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
        source = self.to_thermal(grid, depth_m).astype(np.float32)
        return np.asarray(
            cv2.remap(image, source[..., 0], source[..., 1], cv2.INTER_LINEAR), dtype=np.uint8
        )


@dataclass(frozen=True)
class PlaneRegistration:
    """A fixed homography, which is exact for points at one depth.

    Attributes
    ----------
    matrix : (3, 3) from homogeneous RGB pixels to thermal pixels.
    depth_m : depth at which it was determined; None if unknown, such as an average over people.
    """

    matrix: Float64Array
    depth_m: float | None = None

    def __post_init__(self) -> None:
        if self.matrix.shape != (3, 3) or abs(np.linalg.det(self.matrix)) < 1e-12:
            raise ValueError("matrix: expected an invertible (3, 3) matrix")

    def to_thermal(self, rgb_px: npt.ArrayLike) -> Float64Array:
        """Map RGB pixels (..., 2) to thermal pixels (..., 2) at the depth of the plane.

        >>> plane = PlaneRegistration(np.diag([0.1, 0.1, 1.0]))
        >>> plane.to_thermal(np.array([400.0, 300.0])).tolist()
        [40.0, 30.0]
        """
        return _apply_homography(self.matrix, rgb_px)

    def to_rgb(self, thermal_px: npt.ArrayLike) -> Float64Array:
        """Map thermal pixels (..., 2) to RGB pixels (..., 2) at the depth of the plane."""
        inverse = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        return _apply_homography(inverse, thermal_px)


def plane_registration(registration: Registration, depth_m: float) -> PlaneRegistration:
    """Fit a homography to two calibrated cameras at one depth.

    The fit is least squares over the thermal image, because a homography has no lens distortion.
    """
    width, height = registration.thermal.size_wh
    x, y = np.meshgrid(np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 9))
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    rgb = registration.to_rgb(grid, depth_m)
    matrix, _ = cv2.findHomography(rgb, grid)
    return PlaneRegistration(np.asarray(matrix, dtype=np.float64), depth_m)


def plane_error_by_depth(
    plane: PlaneRegistration,
    registration: Registration,
    depths_m: npt.ArrayLike,
    thermal_px: npt.ArrayLike,
) -> Float64Array:
    """Error of a fixed homography at other depths.

    Parameters
    ----------
    plane : the homography.
    registration : the true geometry.
    depths_m : (D,) along the thermal camera's axis.
    thermal_px : (N, 2) points of the thermal image to average over.

    Returns
    -------
    error_px : (D,) mean distance between true and mapped points, thermal px.
    """
    points = np.asarray(thermal_px, dtype=np.float64)
    errors = []
    for depth_m in np.atleast_1d(np.asarray(depths_m, dtype=np.float64)):
        mapped = plane.to_thermal(registration.to_rgb(points, depth_m))
        errors.append(np.linalg.norm(mapped - points, axis=-1).mean())
    return np.array(errors)


def depth_of_person(box_height_px: float, body_height_m: float, focal_px: float) -> float:
    """Estimate the distance of a standing person from the height of the box.

    Raises
    ------
    ValueError
        A height or the focal length is not positive.
    """
    if min(box_height_px, body_height_m, focal_px) <= 0:
        raise ValueError(
            "expected positive heights and focal length, got "
            f"{box_height_px}, {body_height_m}, {focal_px}"
        )
    return focal_px * body_height_m / box_height_px


def _lift(lens: CameraIntrinsics, pixels: npt.ArrayLike, depth_m: npt.ArrayLike) -> Float64Array:
    return lens.to_rays(pixels) * np.asarray(depth_m, dtype=np.float64)[..., None]


def _apply_homography(matrix: Float64Array, pixels: npt.ArrayLike) -> Float64Array:
    points = np.asarray(pixels, dtype=np.float64)
    homogeneous = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ matrix.T
    return homogeneous[..., :2] / homogeneous[..., 2:]
