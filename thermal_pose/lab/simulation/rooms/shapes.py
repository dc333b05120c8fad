# SPDX-License-Identifier: Apache-2.0
"""Meshes of furniture, walking aids and warm objects, built from boxes, tubes and ellipsoids."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.people.rotations import rotation_z
from thermal_pose.lab.simulation.rooms.scene import AidPose, Chair, Distractor, Triple
from thermal_pose.types import Float64Array, FloatArray, Int32Array, Int64Array

_AWAY_FROM_AXIS: Final = 0.9


@dataclass(frozen=True)
class Shape:
    """A mesh with temperature and colour.

    Attributes
    ----------
    vertices : (V, 3) float32 in the room, m.
    faces : (F, 3) int32, counter-clockwise as seen from outside.
    warm_k : (V,) float32 temperature above the air.
    heat_print : (V,) float32, 0 to 1: share of the heat that a seated person leaves.
    colour : (V, 3) float32 linear BGR.
    """

    vertices: FloatArray
    faces: Int32Array
    warm_k: FloatArray
    heat_print: FloatArray
    colour: FloatArray


def join_shapes(shapes: list[Shape]) -> Shape:
    """Join shapes into one.

    Raises
    ------
    ValueError
        `shapes` is empty.
    """
    if not shapes:
        raise ValueError("shapes: expected at least one, got none")
    offsets = np.cumsum([0, *(len(shape.vertices) for shape in shapes[:-1])])
    return Shape(
        np.concatenate([shape.vertices for shape in shapes]),
        np.concatenate([s.faces + o for s, o in zip(shapes, offsets, strict=True)]),
        np.concatenate([shape.warm_k for shape in shapes]),
        np.concatenate([shape.heat_print for shape in shapes]),
        np.concatenate([shape.colour for shape in shapes]),
    )


def placed(shape: Shape, position_m: Triple, yaw_rad: float = 0.0) -> Shape:
    """The shape rotated about the vertical, then shifted."""
    vertices = shape.vertices @ rotation_z(yaw_rad).T + np.array(position_m)
    return replace(shape, vertices=vertices.astype(np.float32))


def cuboid(low: Triple, high: Triple, warm_k: float, colour: Triple, cells: int = 1) -> Shape:
    """An axis-aligned cuboid; each side is a grid of `cells` x `cells`."""
    centre, half = 0.5 * np.add(low, high), 0.5 * np.subtract(high, low)
    grid = np.linspace(-1.0, 1.0, cells + 1)
    u, v = (axis.ravel() for axis in np.meshgrid(grid, grid))
    sides: list[Float64Array] = []
    faces: list[Int64Array] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            side = np.empty((len(u), 3))
            side[:, axis] = sign
            side[:, (axis + 1) % 3] = u * sign
            side[:, (axis + 2) % 3] = v
            faces.append(_grid_faces(cells) + len(sides) * len(u))
            sides.append(side)
    return _plain(np.concatenate(sides) * half + centre, np.concatenate(faces), warm_k, colour)


def tube(
    start: Triple, end: Triple, radius_m: float, warm_k: float, colour: Triple, sides: int = 8
) -> Shape:
    """A round bar from `start` to `end` with closed ends."""
    first, last = np.array(start, float), np.array(end, float)
    axis = (last - first) / np.linalg.norm(last - first)
    helper = np.array((1.0, 0.0, 0.0) if abs(axis[0]) < _AWAY_FROM_AXIS else (0.0, 1.0, 0.0))
    across = _cross(axis, helper)
    across /= np.linalg.norm(across)
    angle = np.linspace(0.0, 2 * np.pi, sides, endpoint=False)
    ring = radius_m * (
        np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * _cross(axis, across)
    )
    vertices = np.concatenate([first + ring, last + ring, [first, last]])
    n = np.arange(sides)
    following = (n + 1) % sides
    faces = np.concatenate(
        [
            np.stack([n, following, n + sides], 1),
            np.stack([following, following + sides, n + sides], 1),
            np.stack([following, n, np.full(sides, 2 * sides)], 1),
            np.stack([n + sides, following + sides, np.full(sides, 2 * sides + 1)], 1),
        ]
    )
    return _plain(vertices, faces, warm_k, colour)


def ellipsoid(
    centre: Triple, radii: Triple, warm_k: float, colour: Triple, sides: int = 12
) -> Shape:
    """An ellipsoid with its axes along those of the room."""
    rows = max(sides // 2, 3)
    polar = np.linspace(0.0, np.pi, rows + 1)[:, None]
    angle = np.linspace(0.0, 2 * np.pi, sides + 1)[None, :]
    sphere = np.stack(
        [np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar) + 0 * angle],
        axis=-1,
    ).reshape(-1, 3)
    row, column = (axis.ravel() for axis in np.mgrid[:rows, :sides])
    a = row * (sides + 1) + column
    faces = np.concatenate(
        [
            np.stack([a, a + sides + 1, a + 1], 1),
            np.stack([a + 1, a + sides + 1, a + sides + 2], 1),
        ]
    )
    return _plain(sphere * np.array(radii) + np.array(centre), faces, warm_k, colour)


def chair_shape(chair: Chair, colour: Triple, frame_colour: Triple) -> Shape:
    """A chair with four legs; people leave heat on its seat and backrest."""
    half = 0.5 * chair.seat_width_m
    top, front, back = chair.seat_height_m, chair.seat_front_m, chair.seat_back_m
    seat = _printed_seat(cuboid((back, -half, top - 0.05), (front, half, top), 0.3, colour, 10))
    rest = _printed_back(
        cuboid((back - 0.04, -half, top + 0.12), (back, half, chair.back_height_m), 0.3, colour, 8)
    )
    parts = [seat, rest]
    for side in (-half + 0.02, half - 0.02):
        parts.append(tube((front - 0.03, side, 0.0), (front - 0.03, side, top), 0.014, 0.0,
                          frame_colour))  # fmt: skip
        parts.append(tube((back, side, 0.0), (back, side, chair.back_height_m), 0.014, 0.0,
                          frame_colour))  # fmt: skip
        if chair.arm_rests:
            rail = top + 0.22
            outer = side * 1.12
            low, high = (back, outer - 0.02, rail - 0.03), (front - 0.04, outer + 0.02, rail)
            parts.append(cuboid(low, high,
                             0.2, frame_colour))  # fmt: skip
            parts.append(tube((front - 0.07, outer, top - 0.05), (front - 0.07, outer, rail),
                              0.012, 0.0, frame_colour))  # fmt: skip
    return placed(join_shapes(parts), (*chair.position_m, 0.0), chair.yaw_rad)


def aid_shape(aid: AidPose) -> Shape:
    """A walking stick or a walking frame."""
    metal: Triple = (0.5, 0.5, 0.5)
    if aid.kind == "stick":
        wood: Triple = (0.04, 0.07, 0.14)
        return join_shapes(
            [
                tube(aid.foot_m, aid.top_m, 0.011, 0.3, wood, 6),
                ellipsoid(aid.top_m, (0.05, 0.02, 0.018), 4.0, wood, 8),
            ]
        )
    height = aid.top_m[2] - aid.foot_m[2]
    parts = []
    for side in (-0.27, 0.27):
        parts.append(tube((-0.2, side, 0.0), (-0.08, side, height), 0.014, 0.0, metal, 6))
        parts.append(tube((0.22, side, 0.0), (0.12, side, height), 0.014, 0.0, metal, 6))
        parts.append(tube((-0.12, side, height), (0.12, side, height), 0.018, 2.5, metal, 6))
        parts.append(tube((0.2, side, 0.3), (-0.17, side, 0.3), 0.011, 0.0, metal, 6))
    parts.append(tube((0.12, -0.27, height), (0.12, 0.27, height), 0.014, 0.0, metal, 6))
    parts.append(
        tube((0.17, -0.27, 0.5 * height), (0.17, 0.27, 0.5 * height), 0.013, 0.0, metal, 6)
    )
    return placed(join_shapes(parts), aid.foot_m, aid.yaw_rad)


def distractor_shape(thing: Distractor) -> Shape:
    """A warm or cold object at its position."""
    build = {
        "lamp": _lamp,
        "cup": _cup_on_stand,
        "radiator": _radiator,
        "window": _window,
        "monitor": _monitor,
        "pet": _pet,
        "bed": _bed,
        "table": _table,
    }[thing.kind]
    shape = build(thing.warm_k)
    scaled = replace(shape, vertices=np.asarray(shape.vertices * np.float32(thing.scale)))
    return placed(scaled, thing.position_m, thing.yaw_rad)


def _cross(a: Float64Array, b: Float64Array) -> Float64Array:
    """Cross product of two vectors (3,); `np.cross` takes ten times as long for a single pair."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx))


def _plain(vertices: Float64Array, faces: Int64Array, warm_k: float, colour: Triple) -> Shape:
    count = len(vertices)
    return Shape(
        vertices.astype(np.float32),
        faces.astype(np.int32),
        np.full(count, warm_k, np.float32),
        np.zeros(count, np.float32),
        np.tile(np.array(colour, np.float32), (count, 1)),
    )


def _grid_faces(cells: int) -> Int64Array:
    row, column = (axis.ravel() for axis in np.mgrid[:cells, :cells])
    a = row * (cells + 1) + column
    b, c, d = a + 1, a + cells + 1, a + cells + 2
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])


def _printed_seat(shape: Shape) -> Shape:
    x, y, z = shape.vertices.T
    lobes = sum(
        np.exp(-(((y - side) / 0.09) ** 2) - ((x - 0.02) / 0.16) ** 2) for side in (-0.09, 0.09)
    )
    heat_print = np.clip(lobes, 0.0, 1.0) * (z > z.max() - 1e-3)
    return replace(shape, heat_print=heat_print.astype(np.float32))


def _printed_back(shape: Shape) -> Shape:
    x, y, z = shape.vertices.T
    blob = 0.75 * np.exp(-((y / 0.13) ** 2) - ((z - z.mean()) / 0.17) ** 2)
    heat_print = blob * (x > x.max() - 1e-3)
    return replace(shape, heat_print=heat_print.astype(np.float32))


def _lamp(warm_k: float) -> Shape:
    pole: Triple = (0.3, 0.3, 0.3)
    return join_shapes(
        [
            tube((0, 0, 0), (0, 0, 1.45), 0.015, 0.5, pole),
            tube((0, 0, 0), (0, 0, 0.03), 0.14, 0.2, pole, 12),
            tube((0, 0, 1.4), (0, 0, 1.62), 0.15, 0.55 * warm_k, (0.7, 0.85, 0.9), 14),
            ellipsoid((0, 0, 1.63), (0.07, 0.07, 0.05), warm_k, (0.85, 0.93, 0.95)),
        ]
    )


def _cup(warm_k: float) -> Shape:
    return join_shapes(
        [
            tube((0, 0, 0), (0, 0, 0.1), 0.042, 0.8 * warm_k, (0.7, 0.7, 0.7), 12),
            tube((0, 0, 0.095), (0, 0, 0.101), 0.038, 1.2 * warm_k, (0.02, 0.05, 0.1), 12),
        ]
    )


def _cup_on_stand(warm_k: float) -> Shape:
    wood: Triple = (0.2, 0.3, 0.4)
    return join_shapes(
        [
            placed(_cup(warm_k), (0.0, 0.0, 0.62)),
            tube((0, 0, 0.6), (0, 0, 0.62), 0.2, 0.1, wood, 14),
            tube((0, 0, 0), (0, 0, 0.6), 0.025, 0.0, wood),
        ]
    )


def _radiator(warm_k: float) -> Shape:
    ribs = [
        cuboid((-0.05, y, 0.12), (0.05, y + 0.075, 0.68), warm_k, (0.75, 0.75, 0.75), 3)
        for y in (0.1 * step - 0.5 for step in range(10))
    ]
    shape = join_shapes(ribs)
    # Hot water enters at the top; the lower end of a radiator is a third colder.
    factor = 0.67 + 0.33 * (shape.vertices[:, 2] - 0.12) / 0.56
    return replace(shape, warm_k=shape.warm_k * factor)


def _window(warm_k: float) -> Shape:
    frame: Triple = (0.7, 0.7, 0.7)
    return join_shapes(
        [
            cuboid((-0.02, -0.6, 0.9), (0.02, 0.6, 2.1), warm_k, (0.9, 0.85, 0.8), 4),
            cuboid((-0.03, -0.65, 0.85), (0.03, 0.65, 0.9), 0.3 * warm_k, frame),
            cuboid((-0.03, -0.65, 2.1), (0.03, 0.65, 2.15), 0.3 * warm_k, frame),
            cuboid((-0.03, -0.025, 0.9), (0.03, 0.025, 2.1), 0.3 * warm_k, frame),
        ]
    )


def _monitor(warm_k: float) -> Shape:
    dark: Triple = (0.03, 0.03, 0.03)
    return join_shapes(
        [
            cuboid((-0.03, -0.27, 1.0), (0.02, 0.27, 1.34), 0.6 * warm_k, dark, 4),
            cuboid((-0.05, -0.15, 1.05), (-0.031, 0.15, 1.2), warm_k, dark),
            tube((0, 0, 0), (0, 0, 1.0), 0.02, 0.3, (0.4, 0.4, 0.4)),
        ]
    )


def _pet(warm_k: float) -> Shape:
    fur: Triple = (0.06, 0.1, 0.16)
    parts = [
        ellipsoid((0, 0, 0.24), (0.26, 0.1, 0.11), 0.75 * warm_k, fur, 16),
        ellipsoid((0.3, 0, 0.36), (0.09, 0.075, 0.08), warm_k, fur),
        tube((0.2, 0, 0.28), (0.29, 0, 0.36), 0.06, 0.85 * warm_k, fur),
        tube((-0.24, 0, 0.28), (-0.42, 0.03, 0.42), 0.022, 0.5 * warm_k, fur, 6),
    ]
    parts += [
        tube((x, y, 0), (x, y, 0.22), 0.026, 0.6 * warm_k, fur, 6)
        for x in (-0.17, 0.17)
        for y in (-0.06, 0.06)
    ]
    return join_shapes(parts)


def _bed(warm_k: float) -> Shape:
    metal: Triple = (0.6, 0.6, 0.6)
    parts = [
        cuboid((-1.0, -0.45, 0.42), (1.0, 0.45, 0.58), 0.3, (0.75, 0.72, 0.7), 4),
        cuboid((-0.95, -0.25, 0.58), (-0.6, 0.25, 0.68), 0.4 * warm_k, (0.8, 0.8, 0.8), 4),
        cuboid((-0.3, -0.44, 0.58), (0.98, 0.44, 0.62), warm_k, (0.6, 0.5, 0.4), 8),
        cuboid((-1.05, -0.46, 0.4), (-1.0, 0.46, 1.0), 0.0, metal),
    ]
    parts += [
        tube((x, y, 0), (x, y, 0.42), 0.025, 0.0, metal, 6)
        for x in (-0.95, 0.95)
        for y in (-0.4, 0.4)
    ]
    return join_shapes(parts)


def _table(warm_k: float) -> Shape:
    wood: Triple = (0.18, 0.3, 0.45)
    parts = [cuboid((-0.4, -0.6, 0.7), (0.4, 0.6, 0.73), 0.2, wood, 4)]
    parts += [
        tube((x, y, 0), (x, y, 0.7), 0.025, 0.0, wood, 6)
        for x in (-0.36, 0.36)
        for y in (-0.55, 0.55)
    ]
    parts.append(placed(_cup(warm_k), (0.1, 0.2, 0.73)))
    return join_shapes(parts)
