# SPDX-License-Identifier: Apache-2.0
"""Dressed surfaces, and the random patterns of cloth: folds, prints, colours by vertex.

Legend: V vertices, F faces.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from thermal_pose.lab.simulation.people.body import Mesh
from thermal_pose.lab.simulation.people.outfits import Colour
from thermal_pose.types import BoolArray, FloatArray, Int32Array

#: Resolution of a body's mesh: fine for the colour camera, coarse for the thermal one.
Level = Literal["fine", "coarse"]


@dataclass(frozen=True)
class DressedBody:
    """A skinned surface with temperature and colour, ready to render.

    Attributes
    ----------
    mesh : shifted surface with its skin weights.
    warm_share : (V,) float32: temperature is air + warm_share * (skin - air) + warm_k.
    warm_k : (V,) float32.
    colour : (V, 3) float32 linear BGR.
    """

    mesh: Mesh
    warm_share: FloatArray
    warm_k: FloatArray
    colour: FloatArray

    def temperature_degc(self, air_degc: float, skin_degc: float) -> FloatArray:
        """Surface temperature (V,) in a room of `air_degc`."""
        warm = self.warm_share * np.float32(skin_degc - air_degc)
        return np.asarray(np.float32(air_degc) + warm + self.warm_k, dtype=np.float32)


def joined(first: DressedBody, second: DressedBody) -> DressedBody:
    """Both surfaces as one."""

    def both(name: str) -> Any:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    offset = len(first.mesh.vertices)
    mesh = Mesh(
        np.concatenate([first.mesh.vertices, second.mesh.vertices]),
        np.concatenate([first.mesh.faces, second.mesh.faces + offset]),
        np.concatenate([first.mesh.bone_indices, second.mesh.bone_indices]),
        np.concatenate([first.mesh.bone_weights, second.mesh.bone_weights]),
    )
    return DressedBody(mesh, both("warm_share"), both("warm_k"), both("colour"))


def vertex_normals(vertices: FloatArray, faces: Int32Array) -> FloatArray:
    """Unit normals (V, 3) of a mesh, weighted by the area of the faces."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros((len(vertices), 3))
    for k in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(faces[:, k], face_normals[:, axis], len(vertices))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-12), dtype=np.float32)


def smoothed(values: FloatArray, faces: Int32Array) -> FloatArray:
    """Values (V,) averaged over the faces of each vertex, which rounds the rims of garments."""
    mean = values[faces].mean(axis=1)
    total = np.zeros(len(values))
    count = np.zeros(len(values))
    for k in range(3):
        total += np.bincount(faces[:, k], mean, len(values))
        count += np.bincount(faces[:, k], minlength=len(values))
    return np.where(count > 0, total / np.maximum(count, 1), values).astype(np.float32)


def slow_pattern(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A smooth random field (V,) over the surface, about -1 to 1, for folds and mottling."""
    field = np.zeros(len(points))
    for scale_per_m, amplitude in ((9.0, 0.45), (21.0, 0.35), (45.0, 0.25)):
        for _ in range(2):
            wave = rng.normal(size=3) * scale_per_m
            field += amplitude * np.sin(points @ wave + rng.uniform(0.0, 2 * np.pi))
    return np.asarray(np.clip(field, -1.3, 1.3), dtype=np.float32)


def folds_and_contacts(
    points: FloatArray, clothed: BoolArray, rng: np.random.Generator
) -> FloatArray:
    """A rough random field (V,), about unit deviation: folds, and spots that touch the skin."""
    field = 0.9 * slow_pattern(1.6 * points, rng)
    spots = points[rng.choice(np.flatnonzero(clothed), 14)] if clothed.any() else points[:0]
    for spot in spots:
        reach_m = rng.uniform(0.03, 0.11)
        blob = np.exp(-np.sum((points - spot) ** 2, axis=1) / reach_m**2)
        field += rng.normal(0.0, 0.9) * blob.astype(np.float32)
    return np.asarray(np.clip(field, -1.6, 1.6), dtype=np.float32)


def painted(
    points: FloatArray, colour: Colour, pattern: int, rng: np.random.Generator
) -> FloatArray:
    """Colours (V, 3) of cloth with a pattern, numbered as in `Outfit`."""
    base = np.tile(np.array(colour, np.float32), (len(points), 1))
    if pattern == 0:
        return base
    other = np.clip(rng.uniform(0.02, 0.8, 3), 0.0, 1.0).astype(np.float32)
    period_m = rng.uniform(0.04, 0.12)
    stripes = (np.mod(points[:, 2], period_m) < 0.5 * period_m, np.mod(points[:, 1], period_m))
    if pattern == 1:
        chosen = stripes[0]
    elif pattern == 2:
        chosen = stripes[1] < 0.4 * period_m
    elif pattern == 3:
        chosen = stripes[0] ^ (stripes[1] < 0.5 * period_m)
    else:
        chosen = slow_pattern(points * 1.5, rng) > 0.25
    base[chosen] = other
    return base
