# SPDX-License-Identifier: Apache-2.0
"""Linear blend skinning: vertices and COCO joints of a posed body."""

import numpy as np

from thermal_pose.lab.simulation.jit import njit
from thermal_pose.lab.simulation.people.body import BONE_PARENTS, N_BONES, Body, BodyPose, Mesh
from thermal_pose.types import FloatArray, Int32Array


def bone_transforms(body: Body, pose: BodyPose) -> tuple[FloatArray, FloatArray]:
    """Rigid motion of every bone from the rest pose into the room.

    Returns
    -------
    rotations, translations : (N_BONES, 3, 3) and (N_BONES, 3) float32; a point `p` bound to
        bone `b` alone moves to `rotations[b] @ p + translations[b]`.
    """
    rotations, translations = _chain(body.bone_heads, BONE_PARENTS, pose.pelvis_m, pose.rotations)
    return rotations, translations


def pose_vertices(mesh: Mesh, body: Body, pose: BodyPose) -> FloatArray:
    """Vertices (V, 3) of `mesh` in the room, m."""
    rotations, translations = bone_transforms(body, pose)
    return _blend(mesh.vertices, mesh.bone_indices, mesh.bone_weights, rotations, translations)


def pose_keypoints(body: Body, pose: BodyPose) -> FloatArray:
    """COCO joints (17, 3) in the room, m.

    Notes
    -----
    The source model regresses each joint from surface vertices. Here the joint moves with the bones
    of those vertices instead, which gives the same result except for the small weights dropped by
    the reduction to four bones per vertex.
    """
    rotations, translations = bone_transforms(body, pose)
    return _blend(
        body.keypoints,
        body.keypoint_bone_indices,
        body.keypoint_bone_weights,
        rotations,
        translations,
    )


@njit(cache=True, nogil=True)
def _chain(
    heads: FloatArray, parents: Int32Array, pelvis_m: FloatArray, deltas: FloatArray
) -> tuple[FloatArray, FloatArray]:
    rotations = np.empty((N_BONES, 3, 3), np.float32)
    translations = np.empty((N_BONES, 3), np.float32)
    for bone in range(N_BONES):
        parent = parents[bone]
        for i in range(3):
            for j in range(3):
                if parent < 0:
                    rotations[bone, i, j] = deltas[bone, i, j]
                else:
                    total = np.float32(0.0)
                    for k in range(3):
                        total += rotations[parent, i, k] * deltas[bone, k, j]
                    rotations[bone, i, j] = total
        for i in range(3):
            if parent < 0:
                position = pelvis_m[i]
            else:
                position = translations[parent, i]
                for k in range(3):
                    position += rotations[parent, i, k] * heads[bone, k]
            for k in range(3):
                position -= rotations[bone, i, k] * heads[bone, k]
            translations[bone, i] = position
    return rotations, translations


@njit(cache=True, nogil=True, fastmath=True)
def _blend(
    points: FloatArray,
    indices: Int32Array,
    weights: FloatArray,
    rotations: FloatArray,
    translations: FloatArray,
) -> FloatArray:
    moved = np.empty_like(points)
    for v in range(points.shape[0]):
        x, y, z = points[v, 0], points[v, 1], points[v, 2]
        a, b, c = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for n in range(indices.shape[1]):
            w = weights[v, n]
            if w == 0.0:
                continue
            r, t = rotations[indices[v, n]], translations[indices[v, n]]
            a += w * (r[0, 0] * x + r[0, 1] * y + r[0, 2] * z + t[0])
            b += w * (r[1, 0] * x + r[1, 1] * y + r[1, 2] * z + t[1])
            c += w * (r[2, 0] * x + r[2, 1] * y + r[2, 2] * z + t[2])
        moved[v, 0], moved[v, 1], moved[v, 2] = a, b, c
    return moved
