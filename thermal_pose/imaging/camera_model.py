# SPDX-License-Identifier: Apache-2.0
"""Pinhole cameras with distortion: project points of the room, unproject pixels.

Camera axes are those of ROS optical frames: x right, y down, z forward. Pixel (0, 0) is the centre
of the top left pixel. The distortion model is OpenCV's `plumb_bob`: k1, k2, p1, p2, k3 (Brown).
"""

from dataclasses import dataclass
from math import tan
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.types import Float64Array

NO_DISTORTION: Final = (0.0, 0.0, 0.0, 0.0, 0.0)
#: Fixed-point steps that remove the distortion; the error is below 1e-6 px for |k1| <= 0.4.
_UNDISTORT_STEPS: Final = 40
_UNDISTORT_ENOUGH: Final = 1e-9


@dataclass(frozen=True)
class CameraIntrinsics:
    """Projection of a lens onto a sensor.

    Attributes
    ----------
    size_wh : (width, height), px.
    fx_px, fy_px, cx_px, cy_px : focal lengths and principal point, px.
    distortion : k1, k2, p1, p2, k3.
    """

    size_wh: tuple[int, int]
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, float, float, float, float] = NO_DISTORTION

    def __post_init__(self) -> None:
        if min(self.size_wh) <= 0 or min(self.fx_px, self.fy_px) <= 0.0:
            raise ValueError(
                "size_wh, fx_px, fy_px: expected positive values, "
                f"got {self.size_wh}, {self.fx_px}, {self.fy_px}"
            )
        if len(self.distortion) != 5:
            raise ValueError(f"distortion: expected 5 coefficients, got {self.distortion}")

    @property
    def matrix(self) -> Float64Array:
        """Camera matrix (3, 3), as OpenCV's `K`."""
        return np.array(
            [[self.fx_px, 0.0, self.cx_px], [0.0, self.fy_px, self.cy_px], [0.0, 0.0, 1.0]]
        )

    def distort(self, normalised: npt.ArrayLike) -> Float64Array:
        """Distort ideal normalised coordinates (..., 2), which are (x / z, y / z)."""
        xy = np.asarray(normalised, dtype=np.float64)
        k1, k2, p1, p2, k3 = self.distortion
        x, y = xy[..., 0], xy[..., 1]
        r2 = x * x + y * y
        radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        return np.stack(
            [
                x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
                y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
            ],
            axis=-1,
        )

    def undistort(self, distorted: npt.ArrayLike) -> Float64Array:
        """Remove the distortion of normalised coordinates (..., 2), by fixed-point iteration.

        >>> lens = CameraIntrinsics((80, 62), 83.0, 83.0, 39.5, 30.5, (-0.2, 0.0, 0.0, 0.0, 0.0))
        >>> lens.undistort(lens.distort(np.array([0.3, -0.1]))).round(6)
        array([ 0.3, -0.1])
        """
        wanted = np.asarray(distorted, dtype=np.float64)
        xy = wanted.copy()
        if any(self.distortion):
            for _ in range(_UNDISTORT_STEPS):
                missing = wanted - self.distort(xy)
                xy = xy + missing
                if np.abs(missing).max(initial=0.0) < _UNDISTORT_ENOUGH:
                    break
        return xy

    def to_pixels(self, points_camera_m: npt.ArrayLike) -> Float64Array:
        """Pixels (..., 2) of points (..., 3) in camera axes; NaN where z <= 0.

        >>> lens = CameraIntrinsics((80, 60), 100.0, 100.0, 39.5, 29.5)
        >>> lens.to_pixels(np.array([[0.0, 0.0, 2.0], [0.2, -0.1, 2.0]]))
        array([[39.5, 29.5],
               [49.5, 24.5]])
        """
        points = np.asarray(points_camera_m, dtype=np.float64)
        depth_m = np.where(points[..., 2:] > 0.0, points[..., 2:], np.nan)
        distorted = self.distort(points[..., :2] / depth_m)
        return distorted * (self.fx_px, self.fy_px) + (self.cx_px, self.cy_px)

    def to_rays(self, pixels: npt.ArrayLike) -> Float64Array:
        """Rays (..., 3) in camera axes, with z = 1, through pixels (..., 2).

        >>> lens = CameraIntrinsics((80, 60), 100.0, 100.0, 39.5, 29.5)
        >>> lens.to_rays(np.array([49.5, 24.5])).round(6)
        array([ 0.1 , -0.05,  1.  ])
        """
        xy = np.asarray(pixels, dtype=np.float64)
        ideal = self.undistort((xy - (self.cx_px, self.cy_px)) / (self.fx_px, self.fy_px))
        return np.concatenate([ideal, np.ones_like(ideal[..., :1])], axis=-1)


@dataclass(frozen=True)
class CameraPose:
    """Pose of a camera in a room: `camera_axes = rotation @ room_axes + translation_m`.

    Attributes
    ----------
    rotation : (3, 3) rotation from room axes to camera axes.
    translation_m : (3,) origin of the room in camera axes, m.
    """

    rotation: Float64Array
    translation_m: Float64Array

    def __post_init__(self) -> None:
        if self.rotation.shape != (3, 3) or self.translation_m.shape != (3,):
            raise ValueError(
                "rotation, translation_m: expected (3, 3) and (3,), "
                f"got {self.rotation.shape} and {self.translation_m.shape}"
            )
        if not np.allclose(self.rotation @ self.rotation.T, np.eye(3), atol=1e-5):
            raise ValueError("rotation: expected an orthonormal matrix")
        if np.linalg.det(self.rotation) < 0:
            raise ValueError("rotation: expected a rotation, got a mirror image")
        if not np.isfinite(self.translation_m).all():
            raise ValueError(f"translation_m: expected finite values, got {self.translation_m}")

    @classmethod
    def looking_at(
        cls, position_m: npt.ArrayLike, target_m: npt.ArrayLike, roll_rad: float = 0.0
    ) -> "CameraPose":
        """Pose of a camera at `position_m` that looks at `target_m`, both (3,) in the room, m.

        `roll_rad` rotates the camera clockwise about its axis; with 0 the horizon is level.

        Raises
        ------
        ValueError
            The line of sight is vertical, or its length is 0.

        Examples
        --------
        A camera 4 m in front of the origin, 1 m high, looks back at a point of its own height:

        >>> pose = CameraPose.looking_at((4.0, 0.0, 1.0), (0.0, 0.0, 1.0))
        >>> pose.to_camera(np.array([0.0, 0.5, 1.0])).round(6) + 0.0
        array([0.5, 0. , 4. ])
        """
        position = np.asarray(position_m, dtype=np.float64)
        forward = np.asarray(target_m, dtype=np.float64) - position
        right = np.cross(forward, (0.0, 0.0, 1.0))
        if np.linalg.norm(right) < 1e-9:
            raise ValueError(f"target_m: expected a point not above {position}, got {target_m!r}")
        forward /= np.linalg.norm(forward)
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        cos, sin = np.cos(roll_rad), np.sin(roll_rad)
        rotation = np.stack([cos * right + sin * down, cos * down - sin * right, forward])
        return cls(rotation=rotation, translation_m=-rotation @ position)

    @classmethod
    def from_quaternion(
        cls, quaternion_xyzw: npt.ArrayLike, translation_m: npt.ArrayLike
    ) -> "CameraPose":
        """Pose from a quaternion (4,) of any positive length and a translation (3,), m.

        Raises
        ------
        ValueError
            The quaternion has no length, or a value is not finite.
        """
        quaternion = np.asarray(quaternion_xyzw, dtype=np.float64)
        length = float(np.linalg.norm(quaternion))
        if not 0.0 < length < np.inf:
            raise ValueError(f"quaternion_xyzw: expected a rotation, got {quaternion}")
        x, y, z, w = quaternion / length
        cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        rotation = np.eye(3) + 2.0 * (w * cross + cross @ cross)
        return cls(rotation, np.asarray(translation_m, dtype=np.float64))

    @property
    def quaternion_xyzw(self) -> Float64Array:
        """The rotation as a unit quaternion (x, y, z, w) with w >= 0, as in ROS."""
        turn = cv2.Rodrigues(self.rotation)[0].ravel().astype(np.float64)
        half_rad = 0.5 * float(np.linalg.norm(turn))
        # np.sinc(x) = sin(pi x) / (pi x), which is defined at 0.
        axis = 0.5 * np.sinc(half_rad / np.pi) * turn
        return np.array([*axis, np.cos(half_rad)])

    @property
    def inverse(self) -> "CameraPose":
        """The inverse transform, from camera axes to room axes."""
        return CameraPose(self.rotation.T, self.position_m)

    @property
    def position_m(self) -> Float64Array:
        """Position (3,) of the camera in the room, m."""
        return -self.rotation.T @ self.translation_m

    def to_camera(self, points_m: npt.ArrayLike) -> Float64Array:
        """Transform points (..., 3) from room axes to camera axes, m."""
        return np.asarray(points_m, dtype=np.float64) @ self.rotation.T + self.translation_m

    def relative_to(self, other: "CameraPose") -> "CameraPose":
        """Transform from the axes of the camera `other` to those of this camera."""
        rotation = self.rotation @ other.rotation.T
        return CameraPose(rotation, self.translation_m - rotation @ other.translation_m)


@dataclass(frozen=True)
class CameraModel:
    """A camera in the room."""

    intrinsics: CameraIntrinsics
    pose: CameraPose

    def project(self, points_m: npt.ArrayLike) -> tuple[Float64Array, Float64Array]:
        """Project points of the room.

        Parameters
        ----------
        points_m : (..., 3), m.

        Returns
        -------
        pixels : (..., 2) px, which may lie outside the image; NaN behind the camera.
        depths_m : (...) distance along the optical axis, m.

        Examples
        --------
        >>> lens = CameraIntrinsics((80, 60), 100.0, 100.0, 39.5, 29.5)
        >>> pose = CameraPose.looking_at((4.0, 0.0, 1.0), (0.0, 0.0, 1.0))
        >>> pixels, depth_m = CameraModel(lens, pose).project(np.array([0.0, 0.4, 1.0]))
        >>> pixels.round(6), round(float(depth_m), 6)
        (array([49.5, 29.5]), 4.0)
        """
        camera = self.pose.to_camera(points_m)
        return self.intrinsics.to_pixels(camera), camera[..., 2]

    def unproject(self, pixels: npt.ArrayLike, depths_m: npt.ArrayLike) -> Float64Array:
        """Points (..., 3) of the room at pixels (..., 2) and depths (...) along the axis, m.

        >>> lens = CameraIntrinsics((80, 60), 100.0, 100.0, 39.5, 29.5)
        >>> pose = CameraPose.looking_at((4.0, 0.0, 1.0), (0.0, 0.0, 1.0))
        >>> CameraModel(lens, pose).unproject(np.array([49.5, 29.5]), 4.0).round(6) + 0.0
        array([0. , 0.4, 1. ])
        """
        rays = self.intrinsics.to_rays(pixels)
        camera = rays * np.asarray(depths_m, dtype=np.float64)[..., None]
        return (camera - self.pose.translation_m) @ self.pose.rotation


def intrinsics_of_view(size_wh: tuple[int, int], hfov_rad: float) -> CameraIntrinsics:
    """Ideal intrinsics with square pixels and the principal point in the middle.

    Raises
    ------
    ValueError
        `hfov_rad` is not between 0 and pi.
    """
    if not 0.0 < hfov_rad < np.pi:
        raise ValueError(f"hfov_rad: expected between 0 and pi, got {hfov_rad}")
    focal_px = 0.5 * size_wh[0] / tan(0.5 * hfov_rad)
    return CameraIntrinsics(
        size_wh, focal_px, focal_px, 0.5 * (size_wh[0] - 1), 0.5 * (size_wh[1] - 1)
    )


#: Sensors of 80x60 (FLIR Lepton) and 80x62 (Meridian SenXor) pixels, with lenses of about 51 deg.
LEPTON: Final = CameraIntrinsics((80, 60), 84.0, 84.0, 39.5, 29.5)
SENXOR: Final = CameraIntrinsics((80, 62), 84.0, 84.0, 39.5, 30.5)
#: A webcam with a field of view of 69 degrees, as in the paper.
RGB_1024: Final = intrinsics_of_view((1024, 576), float(np.deg2rad(69.0)))
