# SPDX-License-Identifier: Apache-2.0
"""From the RGB camera's pixels to the thermal camera's and back.

The cameras are a few centimetres apart, so the position of a point of one image in the other
depends on its depth: 1.4 thermal px at 3 m and 0.7 px at 6 m for 5 cm. Every function states
the depth that it assumes. With calibrated cameras (`Registration`) the depth is an argument, the
person's own. A `PlaneRegistration` is right at one depth only and reports its error at others.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose
from thermal_pose.types import Float64Array

#: Sub-samples per thermal pixel and axis when a colour image is brought down to its size.
_SUBSAMPLES = 4


@dataclass(frozen=True)
class Registration:
    """Two calibrated cameras.

    Attributes
    ----------
    thermal, rgb : lenses.
    rgb_to_thermal : takes points in the RGB camera's axes to the thermal camera's.
    """

    thermal: CameraIntrinsics
    rgb: CameraIntrinsics
    rgb_to_thermal: CameraPose

    def to_rgb(self, thermal_px: npt.ArrayLike, depth_m: npt.ArrayLike) -> Float64Array:
        """Pixels (..., 2) in the RGB image of thermal pixels (..., 2).

        Parameters
        ----------
        depth_m : scalar or (...), distance along the *thermal* camera's axis.
        """
        points = _lift(self.thermal, thermal_px, depth_m)
        rotation, translation = self.rgb_to_thermal.rotation, self.rgb_to_thermal.translation_m
        return self.rgb.to_pixels((points - translation) @ rotation)

    def to_thermal(self, rgb_px: npt.ArrayLike, depth_m: npt.ArrayLike) -> Float64Array:
        """Pixels (..., 2) in the thermal image of RGB pixels (..., 2).

        Parameters
        ----------
        depth_m : scalar or (...), distance along the *thermal* camera's axis, as for `to_rgb`.
        """
        rays = self.rgb.to_rays(rgb_px)
        rotation, translation = self.rgb_to_thermal.rotation, self.rgb_to_thermal.translation_m
        directions = rays @ rotation.T
        # The point on the ray whose z in the thermal camera's axes is the depth asked for.
        scale = (np.asarray(depth_m, dtype=np.float64) - translation[2]) / directions[..., 2]
        return self.thermal.to_pixels(directions * scale[..., None] + translation)

    def boxes_to_rgb(self, boxes_xyxy: npt.ArrayLike, depth_m: npt.ArrayLike) -> Float64Array:
        """Boxes (N, 4) of the thermal image, around their corners in the RGB image."""
        return _map_boxes(boxes_xyxy, depth_m, self.to_rgb)

    def boxes_to_thermal(self, boxes_xyxy: npt.ArrayLike, depth_m: npt.ArrayLike) -> Float64Array:
        """Boxes (N, 4) of the RGB image, around their corners in the thermal image."""
        return _map_boxes(boxes_xyxy, depth_m, self.to_thermal)

    def warp_to_thermal(
        self, image: npt.NDArray[np.uint8], depth_m: npt.ArrayLike
    ) -> npt.NDArray[np.uint8]:
        """The RGB image as the thermal camera would see it, averaged over each thermal pixel.

        Parameters
        ----------
        image : (H, W) or (H, W, 3) uint8 of the RGB camera.
        depth_m : scalar, or (h, w) of the thermal image's size: a depth for each of its pixels.

        Returns
        -------
        warped : (h, w[, 3]) uint8; 0 outside the RGB camera's view.
        """
        fine = self._fine_grid()
        width, height = self.thermal.size_wh
        depth = np.broadcast_to(np.asarray(depth_m, dtype=np.float64), (height, width))
        depth = depth.repeat(_SUBSAMPLES, axis=0).repeat(_SUBSAMPLES, axis=1)
        source = self.to_rgb(fine, depth).astype(np.float32)
        warped = cv2.remap(image, source[..., 0], source[..., 1], cv2.INTER_LINEAR)
        return np.asarray(
            cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
        )

    def warp_to_rgb(self, image: npt.NDArray[np.uint8], depth_m: float) -> npt.NDArray[np.uint8]:
        """A thermal picture (h, w[, 3]) as the RGB camera would see it, at one depth."""
        width, height = self.rgb.size_wh
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
        source = self.to_thermal(grid, depth_m).astype(np.float32)
        return np.asarray(
            cv2.remap(image, source[..., 0], source[..., 1], cv2.INTER_LINEAR), dtype=np.uint8
        )

    def _fine_grid(self) -> Float64Array:
        width, height = self.thermal.size_wh
        x = (np.arange(width * _SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5
        y = (np.arange(height * _SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5
        return np.stack(np.meshgrid(x, y), axis=-1)


@dataclass(frozen=True)
class PlaneRegistration:
    """One fixed homography, right for points at one depth.

    Attributes
    ----------
    matrix : (3, 3), takes homogeneous RGB pixels to thermal pixels.
    depth_m : depth at which it was determined; None if unknown (an average over moving people).
    """

    matrix: Float64Array
    depth_m: float | None = None

    def __post_init__(self) -> None:
        if self.matrix.shape != (3, 3) or abs(np.linalg.det(self.matrix)) < 1e-12:
            raise ValueError("matrix: expected an invertible (3, 3) matrix")

    def to_thermal(self, rgb_px: npt.ArrayLike) -> Float64Array:
        """Pixels (..., 2) in the thermal image of RGB pixels (..., 2) at the plane's depth."""
        return _apply_homography(self.matrix, rgb_px)

    def to_rgb(self, thermal_px: npt.ArrayLike) -> Float64Array:
        """Pixels (..., 2) in the RGB image of thermal pixels (..., 2) at the plane's depth."""
        inverse = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        return _apply_homography(inverse, thermal_px)


def plane_registration(registration: Registration, depth_m: float) -> PlaneRegistration:
    """The homography that best fits two calibrated cameras at one depth.

    Least squares over the thermal image; a homography cannot follow the lenses' distortion.
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
    """How wrong a fixed homography is at other depths.

    Parameters
    ----------
    plane : the homography.
    registration : the true geometry.
    depths_m : (D,) along the thermal camera's axis.
    thermal_px : (N, 2) places in the thermal image to average over.

    Returns
    -------
    error_px : (D,) mean distance in thermal px between true and mapped places.
    """
    points = np.asarray(thermal_px, dtype=np.float64)
    errors = []
    for depth_m in np.atleast_1d(np.asarray(depths_m, dtype=np.float64)):
        mapped = plane.to_thermal(registration.to_rgb(points, depth_m))
        errors.append(np.linalg.norm(mapped - points, axis=-1).mean())
    return np.array(errors)


def depth_of_person(box_height_px: float, body_height_m: float, focal_px: float) -> float:
    """Distance of a standing person from the height of the box: an assumption, not a measure.

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


def _map_boxes(boxes_xyxy: npt.ArrayLike, depth_m: npt.ArrayLike, to_other: object) -> Float64Array:
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    depth = np.broadcast_to(np.asarray(depth_m, dtype=np.float64).reshape(-1, 1), (len(boxes), 4))
    assert callable(to_other)
    mapped = to_other(corners, depth)
    return np.concatenate([mapped.min(axis=1), mapped.max(axis=1)], axis=1)


def _apply_homography(matrix: Float64Array, pixels: npt.ArrayLike) -> Float64Array:
    points = np.asarray(pixels, dtype=np.float64)
    homogeneous = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ matrix.T
    return homogeneous[..., :2] / homogeneous[..., 2:]
