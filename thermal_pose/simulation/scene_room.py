# SPDX-License-Identifier: Apache-2.0
"""What a camera sees of an empty room: one ray a pixel against the six inner planes."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from thermal_pose.simulation.render import View
from thermal_pose.simulation.scene import Room

Float32Array = npt.NDArray[np.float32]


class Plane(IntEnum):
    """The planes of a room, by the axis and side they bound."""

    BACK_WALL = 0
    FAR_WALL = 1
    RIGHT_WALL = 2
    LEFT_WALL = 3
    FLOOR = 4
    CEILING = 5


@dataclass(frozen=True)
class RoomView:
    """The empty room as one view sees it, by sub-pixel.

    Attributes
    ----------
    plane : (H, W) uint8 of `Plane`.
    points_m : (H, W, 3) float32 where each ray ends.
    inverse_depth : (H, W) float32, 1/m along the optical axis.
    cosine : (H, W) float32 between the ray and the plane's normal, 0 at grazing incidence.
    """

    plane: npt.NDArray[np.uint8]
    points_m: Float32Array
    inverse_depth: Float32Array
    cosine: Float32Array

    def on(self, plane: Plane) -> npt.NDArray[np.bool_]:
        """Mask (H, W) of the sub-pixels that show `plane`."""
        return np.asarray(self.plane == plane)

    def coordinates(self) -> tuple[Float32Array, Float32Array]:
        """Two coordinates (H, W) along each plane, m: horizontal, then vertical or lateral."""
        x, y, z = np.moveaxis(self.points_m, -1, 0)
        side = np.isin(self.plane, (Plane.RIGHT_WALL, Plane.LEFT_WALL))
        flat = np.isin(self.plane, (Plane.FLOOR, Plane.CEILING))
        return np.where(side | flat, x, y), np.where(flat, y, z)


def view_room(room: Room, view: View) -> RoomView:
    """Intersect the rays of `view` with the room's planes (the camera is inside)."""
    rays = view.rays()
    origin = view.camera.pose.position_m
    low = np.array((room.x_min_m, room.y_min_m, 0.0))
    high = np.array((room.x_max_m, room.y_max_m, room.height_m))
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(rays > 0.0, (high - origin) / rays, (low - origin) / rays)
    depth = np.where(np.abs(rays) < 1e-9, np.inf, depth)
    axis = depth.argmin(axis=-1)
    nearest = np.take_along_axis(depth, axis[..., None], -1)
    along = np.take_along_axis(rays, axis[..., None], -1)[..., 0]
    cosine = np.abs(along) / np.linalg.norm(rays, axis=-1)
    return RoomView(
        plane=(2 * axis + (along > 0.0)).astype(np.uint8),
        points_m=(origin + nearest * rays).astype(np.float32),
        inverse_depth=(1.0 / nearest[..., 0]).astype(np.float32),
        cosine=cosine.astype(np.float32),
    )


def slow_field(
    a: npt.NDArray[Any], b: npt.NDArray[Any], rng: np.random.Generator, waves: int = 4
) -> Float32Array:
    """A smooth random field, about -1 to 1, over two coordinates in metres."""
    field = np.zeros(a.shape, np.float32)
    for _ in range(waves):
        ka, kb = rng.normal(0.0, 1.6, 2).astype(np.float32)
        field += np.sin(ka * a + kb * b + np.float32(rng.uniform(0, 2 * np.pi)))
    return field / np.float32(np.sqrt(2.0 * waves))
