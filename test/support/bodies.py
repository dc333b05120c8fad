# SPDX-License-Identifier: Apache-2.0
"""Bodies of the library that several tests share, from `test/data/bodies`."""

from functools import cache

import numpy as np

from thermal_pose.lab.simulation.people.bake import bake_body, library_shapes
from thermal_pose.lab.simulation.people.body import N_BONES, Body, BodyPose
from thermal_pose.lab.simulation.people.skinning import bone_transforms
from thermal_pose.types import FloatArray


@cache
def body(index=0):
    """A body of the library; the one of index 0 is a woman, of index 1 a man."""
    return bake_body(library_shapes(index + 1)[index])


def rest_pose(body: Body) -> BodyPose:
    """The rest pose at the room's origin, standing on the floor and facing +x."""
    rotations = np.tile(np.eye(3, dtype=np.float32), (N_BONES, 1, 1))
    return BodyPose(pelvis_m=body.bone_heads[0].copy(), rotations=rotations)


def bone_positions(body: Body, pose: BodyPose) -> FloatArray:
    """Positions (N_BONES, 3) of the joints about which the bones turn, in the room, m."""
    rotations, translations = bone_transforms(body, pose)
    positions = np.einsum("bij,bj->bi", rotations, body.bone_heads) + translations
    return np.asarray(positions, dtype=np.float32)
