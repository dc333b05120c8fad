# SPDX-License-Identifier: Apache-2.0
"""Colours of an empty room: floor coverings, painted walls, doors, pictures and light."""

from typing import Final

import numpy as np

from thermal_pose.lab.simulation.rooms.scene import Room
from thermal_pose.lab.simulation.sensors.room_rays import (
    Plane,
    RoomView,
    distance_to_edge_m,
    slow_field,
)
from thermal_pose.types import Float64Array, FloatArray

_GRID: Final = 256
#: Positions along a wall where pictures hang without overlapping, m.
_PICTURE_PLACES_M: Final = np.arange(-2.2, 6.0, 1.15)


def room_colours(room: Room, view: RoomView) -> FloatArray:
    """Linear BGR radiance (H, W, 3) of the room at a brightness of 1."""
    rng = np.random.default_rng((room.texture_seed, 5))
    along, across = view.coordinates()
    albedo = np.empty((*view.plane.shape, 3), np.float32)
    wall = _wall_paint(rng)
    for plane in Plane:
        mask = view.on(plane)
        if not mask.any():
            continue
        a, b = along[mask], across[mask]
        if plane == Plane.FLOOR:
            albedo[mask] = _floor(a, b, rng)
        elif plane == Plane.CEILING:
            albedo[mask] = _ceiling(a, b)
        else:
            albedo[mask] = _wall(a, b, wall, rng)
    return albedo * _light(room, view, along, across, rng)[..., None]


def _light(
    room: Room, view: RoomView, along: FloatArray, across: FloatArray, rng: np.random.Generator
) -> FloatArray:
    level = np.choose(view.plane, (0.8, 0.75, 0.72, 0.85, 1.0, 0.62)).astype(np.float32)
    level *= 1.0 + 0.08 * slow_field(along, across, rng)
    edge_m = distance_to_edge_m(room, view.points_m)
    return level * (1.0 - np.float32(0.35) * np.exp(edge_m / np.float32(-0.25)))


def _grain(a: FloatArray, b: FloatArray, cell_m: float, rng: np.random.Generator) -> FloatArray:
    """Uncorrelated values, -1 to 1, per square cell of `cell_m`."""
    table = rng.uniform(-1.0, 1.0, (_GRID, _GRID)).astype(np.float32)
    i = np.floor(a / cell_m).astype(np.int32) % _GRID
    j = np.floor(b / cell_m).astype(np.int32) % _GRID
    return table[i, j]


def _floor(a: FloatArray, b: FloatArray, rng: np.random.Generator) -> FloatArray:
    kind = int(rng.integers(3))
    base = np.array(((0.22, 0.25, 0.28), (0.09, 0.2, 0.36), (0.35, 0.36, 0.37))[kind])
    base = base * rng.uniform(0.5, 1.5)
    shade = 1.0 + 0.04 * _grain(a, b, 0.02, rng)
    if kind == 1:  # planks
        plank = np.floor(b / 0.14)
        offset = (plank * 0.37) % 1.2
        shade += 0.14 * _grain(a + offset, b, 0.14, rng)
        shade += 0.05 * np.sin(a * 3.0 + 40.0 * b)
        joint = (np.mod(b, 0.14) < 0.004) | (np.mod(a + offset, 1.2) < 0.004)
        shade = np.where(joint, shade * 0.6, shade)
    elif kind == 2:  # tiles
        size = float(rng.choice((0.3, 0.45, 0.6)))
        shade += 0.06 * _grain(a, b, size, rng)
        joint = (np.mod(a, size) < 0.008) | (np.mod(b, size) < 0.008)
        shade = np.where(joint, shade * 0.65, shade)
    return np.asarray(shade[:, None] * base, dtype=np.float32)


def _ceiling(a: FloatArray, b: FloatArray) -> FloatArray:
    panel = (np.mod(a, 2.4) < 1.2) & (np.abs(np.mod(b, 2.4) - 1.2) < 0.15)
    level = np.where(panel, 2.4, 0.75)[:, None]
    return np.asarray(level * np.ones(3), dtype=np.float32)


def _wall_paint(rng: np.random.Generator) -> Float64Array:
    tint = rng.uniform(0.85, 1.0, 3)
    return np.asarray(tint * rng.uniform(0.4, 0.8))


def _wall(
    a: FloatArray, z: FloatArray, paint: Float64Array, rng: np.random.Generator
) -> FloatArray:
    shade = 1.0 + 0.015 * _grain(a, z, 0.012, rng)
    colour = shade[:, None] * paint
    if rng.random() < 0.5:  # dado
        dado = rng.uniform(0.6, 1.0) * paint * rng.uniform(0.7, 1.0, 3)
        colour = np.where((z < rng.uniform(0.8, 1.2))[:, None], shade[:, None] * dado, colour)
    colour[z < 0.09] = 0.6 * paint
    door_m = np.inf
    if rng.random() < 0.5:
        middle = door_m = rng.uniform(-2.0, 4.0)
        door = (np.abs(a - middle) < 0.45) & (z < 2.05)
        frame = (np.abs(a - middle) < 0.52) & (z < 2.12) & ~door
        wood = np.array((0.15, 0.28, 0.45)) if rng.random() < 0.5 else np.full(3, 0.65)
        colour[door] = wood * rng.uniform(0.7, 1.2)
        colour[frame] = 0.7
    for place_m in rng.permutation(_PICTURE_PLACES_M)[: int(rng.integers(0, 4))]:
        if abs(place_m - door_m) > 1.1:
            _hang_picture(colour, a, z, float(place_m), rng)
    return np.asarray(colour, dtype=np.float32)


def _hang_picture(
    colour: Float64Array,
    a: FloatArray,
    z: FloatArray,
    middle: float,
    rng: np.random.Generator,
) -> None:
    height = rng.uniform(1.3, 1.8)
    wide, tall = rng.uniform(0.15, 0.5), rng.uniform(0.15, 0.4)
    frame = (np.abs(a - middle) < wide + 0.02) & (np.abs(z - height) < tall + 0.02)
    inside = (np.abs(a - middle) < wide) & (np.abs(z - height) < tall)
    colour[frame] = rng.uniform(0.02, 0.7)
    painted = rng.uniform(0.05, 0.8, 3)
    waves = 1.0 + 0.6 * slow_field(9.0 * a[inside], 9.0 * z[inside], rng)
    colour[inside] = np.clip(waves, 0.1, None)[:, None] * painted
