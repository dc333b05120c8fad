# SPDX-License-Identifier: Apache-2.0
"""Objects between the thermal camera and the person on the chair.

Legend: F faces, K joints.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.lab.simulation.rooms.scene import Distractor, Scene, Triple
from thermal_pose.lab.simulation.rooms.shapes import distractor_shape
from thermal_pose.types import BoolArray

#: An object that hides a greater share of the seated person's joints is removed.
MAX_HIDDEN_SHARE: Final = 1 / 3
_PARALLEL: Final = 1e-9


def hidden_joints(
    thing: Distractor, camera_m: Triple, joints_m: npt.NDArray[np.floating]
) -> BoolArray:
    """Mask (K,) of the joints that an object hides from a camera.

    Each line of sight is intersected with each triangle of the object (Möller and Trumbore 1997).

    Parameters
    ----------
    thing : the object.
    camera_m : position of the camera in the room, m.
    joints_m : (K, 3) in the room, m.
    """
    shape = distractor_shape(thing)
    corners = shape.vertices[shape.faces].astype(np.float64)  # (F, 3, 3)
    start = np.asarray(camera_m, np.float64)
    rays = np.asarray(joints_m, np.float64)[:, None] - start  # (K, 1, 3)
    edge_1, edge_2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = np.cross(rays, edge_2)  # (K, F, 3)
    determinant = (p * edge_1).sum(-1)
    scale = 1 / np.where(np.abs(determinant) < _PARALLEL, np.inf, determinant)
    offset = start - corners[:, 0]
    u = (p * offset).sum(-1) * scale
    q = np.cross(offset, edge_1)  # (F, 3)
    v = (rays * q).sum(-1) * scale
    share = (q * edge_2).sum(-1) * scale  # of the way from the camera to the joint
    hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (share > 0) & (share < 1)
    return np.asarray(hit.any(axis=1))


def without_obstructions(scene: Scene, joints_m: npt.NDArray[np.floating]) -> Scene:
    """The scene without objects that hide the seated person from the thermal camera.

    In a real test, the camera is set up to see the chair. Objects stay if they hide at most
    `MAX_HIDDEN_SHARE` of the seated person's joints, even if they hide a walking person.

    Parameters
    ----------
    joints_m : (K, 3) of the seated person, m in the room.
    """
    camera_m = scene.thermal_placement.position_m
    kept = tuple(
        thing
        for thing in scene.distractors
        if hidden_joints(thing, camera_m, joints_m).mean() <= MAX_HIDDEN_SHARE
    )
    return scene if len(kept) == len(scene.distractors) else replace(scene, distractors=kept)
