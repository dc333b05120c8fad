# SPDX-License-Identifier: Apache-2.0
"""View of an empty room: one ray per sub-pixel, intersected with the six inner planes."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from thermal_pose.lab.simulation.jit import njit
from thermal_pose.lab.simulation.rooms.scene import Room
from thermal_pose.lab.simulation.sensors.rasteriser import View
from thermal_pose.types import BoolArray, Float64Array, FloatArray, UInt8Array


class Plane(IntEnum):
    """Planes of a room; the number is twice the axis, plus 1 on its positive side."""

    BACK_WALL = 0
    FAR_WALL = 1
    RIGHT_WALL = 2
    LEFT_WALL = 3
    FLOOR = 4
    CEILING = 5


@dataclass(frozen=True)
class RoomView:
    """The empty room in one view, per sub-pixel.

    Attributes
    ----------
    plane : (H, W) uint8, values of `Plane`.
    points_m : (H, W, 3) float32 end points of the rays.
    inverse_depth : (H, W) float32, 1/m along the optical axis.
    cosine : (H, W) float32 cosine of the angle between ray and normal.
    """

    plane: UInt8Array
    points_m: FloatArray
    inverse_depth: FloatArray
    cosine: FloatArray

    def on(self, plane: Plane) -> BoolArray:
        """Mask (H, W) of the sub-pixels that show a plane."""
        return np.asarray(self.plane == plane)

    def coordinates(self) -> tuple[FloatArray, FloatArray]:
        """Coordinates (H, W) along the planes, m: horizontal, then vertical (floor, ceiling: y)."""
        x, y, z = np.moveaxis(self.points_m, -1, 0)
        side = np.isin(self.plane, (Plane.RIGHT_WALL, Plane.LEFT_WALL))
        flat = np.isin(self.plane, (Plane.FLOOR, Plane.CEILING))
        return np.where(side | flat, x, y), np.where(flat, y, z)


def view_room(room: Room, view: View) -> RoomView:
    """Intersect the rays of a view with the planes of the room around the camera."""
    lens, pose = view.camera.intrinsics, view.camera.pose
    rows, columns = view.shape_hw
    plane = np.empty((rows, columns), np.uint8)
    points_m = np.empty((rows, columns, 3), np.float32)
    inverse_depth = np.empty((rows, columns), np.float32)
    cosine = np.empty((rows, columns), np.float32)
    _intersect(
        np.array((lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px, *lens.distortion)),
        float(view.scale),
        pose.rotation,
        pose.position_m,
        np.array((room.x_min_m, room.y_min_m, 0.0)),
        np.array((room.x_max_m, room.y_max_m, room.height_m)),
        plane,
        points_m,
        inverse_depth,
        cosine,
    )
    return RoomView(plane, points_m, inverse_depth, cosine)


@njit(cache=True, nogil=True)
def _intersect(
    lens: Float64Array,
    scale: float,
    rotation: Float64Array,
    origin: Float64Array,
    low: Float64Array,
    high: Float64Array,
    plane: UInt8Array,
    points_m: FloatArray,
    inverse_depth: FloatArray,
    cosine: FloatArray,
) -> None:
    rows, columns = plane.shape
    ray = np.empty(3)
    for row in range(rows):
        v = ((row + 0.5) / scale - 0.5 - lens[3]) / lens[1]
        for column in range(columns):
            u = ((column + 0.5) / scale - 0.5 - lens[2]) / lens[0]
            x, y = u, v
            for _ in range(30):  # remove the distortion, as CameraIntrinsics.undistort does
                r2 = x * x + y * y
                radial = 1.0 + r2 * (lens[4] + r2 * (lens[5] + r2 * lens[8]))
                dx = u - (x * radial + 2.0 * lens[6] * x * y + lens[7] * (r2 + 2.0 * x * x))
                dy = v - (y * radial + lens[6] * (r2 + 2.0 * y * y) + 2.0 * lens[7] * x * y)
                x += dx
                y += dy
                if abs(dx) + abs(dy) < 1e-7:
                    break
            nearest, axis = np.inf, 0
            for n in range(3):
                ray[n] = rotation[0, n] * x + rotation[1, n] * y + rotation[2, n]
                if abs(ray[n]) > 1e-9:
                    depth = ((high[n] if ray[n] > 0.0 else low[n]) - origin[n]) / ray[n]
                    if depth < nearest:
                        nearest, axis = depth, n
            plane[row, column] = 2 * axis + (1 if ray[axis] > 0.0 else 0)
            inverse_depth[row, column] = 1.0 / nearest
            cosine[row, column] = abs(ray[axis]) / np.sqrt(1.0 + x * x + y * y)
            for n in range(3):
                points_m[row, column, n] = origin[n] + nearest * ray[n]


def distance_to_edge_m(room: Room, points_m: FloatArray) -> FloatArray:
    """Distance (H, W) of points on the planes from the nearest edge between two planes, m."""
    low = np.array((room.x_min_m, room.y_min_m, 0.0), np.float32)
    high = np.array((room.x_max_m, room.y_max_m, room.height_m), np.float32)
    to_plane = np.minimum(points_m - low, high - points_m)
    a, b, c = to_plane[..., 0], to_plane[..., 1], to_plane[..., 2]
    # The smallest of the three is 0, the distance to the point's own plane; return the second.
    second = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    return np.maximum(second, np.float32(0.0))


def slow_field(
    a: npt.NDArray[Any], b: npt.NDArray[Any], rng: np.random.Generator, waves: int = 4
) -> FloatArray:
    """A smooth random field, about -1 to 1, over two coordinates in metres."""
    field = np.zeros(a.shape, np.float32)
    for _ in range(waves):
        ka, kb = rng.normal(0.0, 1.6, 2).astype(np.float32)
        field += np.sin(ka * a + kb * b + np.float32(rng.uniform(0, 2 * np.pi)))
    return field / np.float32(np.sqrt(2.0 * waves))
