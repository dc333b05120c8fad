# SPDX-License-Identifier: Apache-2.0
"""Skirts and gowns, the only garments with a surface of their own."""

import numpy as np

from thermal_pose.lab.simulation.people.body import BONE_INDEX, N_INFLUENCES, Body, Mesh
from thermal_pose.lab.simulation.people.cloth import DressedBody, Level, painted, slow_pattern
from thermal_pose.lab.simulation.people.outfits import Outfit
from thermal_pose.skeleton import Joint
from thermal_pose.types import Int32Array


def skirt(body: Body, outfit: Outfit, level: Level) -> DressedBody:
    """A tube from the waist; its weights go from the pelvis to the nearer thigh."""
    rows, columns = (24, 48) if level == "fine" else (8, 20)
    rng = np.random.default_rng(outfit.texture_seed + 1)
    waist_m = float(body.bone_head("spine_lower")[2]) + 0.06
    hips = body.keypoints[[Joint.LEFT_HIP, Joint.RIGHT_HIP]]
    trunk = body.coarse.vertices[np.abs(body.coarse.vertices[:, 2] - hips[0, 2]) < 0.12]
    trunk = trunk[np.abs(trunk[:, 1]) < 0.3]
    centre = 0.5 * (trunk[:, :2].max(axis=0) + trunk[:, :2].min(axis=0))
    radius = 0.5 * np.ptp(trunk[:, :2], axis=0) + 0.015
    depth = np.linspace(0.0, 1.0, rows)[:, None]
    angle = np.linspace(0.0, 2 * np.pi, columns, endpoint=False)[None, :]
    widening = 0.82 + 0.18 * np.minimum(depth / 0.25, 1.0) + 0.22 * depth
    ripple = 1.0 + 0.05 * depth * np.sin(7 * angle + rng.uniform(0, 6))
    length_m = waist_m - float(hips[0, 2]) + outfit.skirt_m
    x = centre[0] + radius[0] * widening * ripple * np.cos(angle)
    y = centre[1] + radius[1] * widening * ripple * np.sin(angle)
    z = np.broadcast_to(waist_m - depth * length_m, x.shape)
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(np.float32)
    indices = np.zeros((rows * columns, N_INFLUENCES), np.int32)
    indices[:, 1], indices[:, 2] = BONE_INDEX["thigh.L"], BONE_INDEX["thigh.R"]
    thigh = np.clip((depth - 0.15) / 0.45, 0.0, 1.0) * np.ones_like(angle)
    left = np.clip(0.5 + 0.9 * np.sin(angle), 0.0, 1.0) * np.ones_like(depth)
    weights = np.stack([1 - thigh, thigh * left, thigh * (1 - left), 0 * thigh], axis=-1)
    folds = slow_pattern(vertices, rng)
    colour = painted(vertices, outfit.bottom_colour, outfit.pattern, rng)
    return DressedBody(
        mesh=Mesh(
            vertices,
            _tube_faces(rows, columns),
            indices,
            weights.reshape(-1, N_INFLUENCES).astype(np.float32),
        ),
        warm_share=np.asarray(outfit.bottom_warmth + 0.07 * folds - 0.05, np.float32),
        warm_k=np.zeros(len(vertices), np.float32),
        colour=np.clip(colour * (1.0 + 0.12 * folds[:, None]), 0.004, 0.95).astype(np.float32),
    )


def _tube_faces(rows: int, columns: int) -> Int32Array:
    row, column = np.mgrid[: rows - 1, :columns]
    a = (row * columns + column).ravel()
    b = (row * columns + (column + 1) % columns).ravel()
    c, d = a + columns, b + columns
    outside = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    # Both faces of the cloth: the inside shows below the hem.
    return np.concatenate([outside, outside[:, ::-1]]).astype(np.int32)
