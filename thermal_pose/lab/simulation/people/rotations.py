# SPDX-License-Identifier: Apache-2.0
"""Rotation matrices about the axes of a body or a room: x forward, y left, z up."""

import numpy as np
import numpy.typing as npt

from thermal_pose.types import Float64Array


def rotation_x(angle_rad: npt.ArrayLike) -> Float64Array:
    """Return rotations (..., 3, 3) about the forward axis; a positive angle leans right.

    >>> rotation_x(np.pi / 2).round(3) @ [0.0, 0.0, 1.0]
    array([ 0., -1.,  0.])
    """
    return _about(angle_rad, 0)


def rotation_y(angle_rad: npt.ArrayLike) -> Float64Array:
    """Return rotations (..., 3, 3) about the left axis; a positive angle leans forward.

    >>> rotation_y(np.pi / 2).round(3) @ [0.0, 0.0, 1.0]
    array([1., 0., 0.])
    """
    return _about(angle_rad, 1)


def rotation_z(angle_rad: npt.ArrayLike) -> Float64Array:
    """Return rotations (..., 3, 3) about the vertical; a positive angle turns left.

    >>> rotation_z(np.pi / 2).round(3) @ [1.0, 0.0, 0.0]
    array([0., 1., 0.])
    """
    return _about(angle_rad, 2)


def _about(angle_rad: npt.ArrayLike, axis: int) -> Float64Array:
    angle = np.asarray(angle_rad, dtype=np.float64)
    cos, sin = np.cos(angle), np.sin(angle)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.zeros((*angle.shape, 3, 3))
    rotation[..., axis, axis] = 1.0
    rotation[..., first, first] = cos
    rotation[..., second, second] = cos
    rotation[..., first, second] = -sin
    rotation[..., second, first] = sin
    return rotation
