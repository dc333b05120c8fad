# SPDX-License-Identifier: Apache-2.0
"""What stands between the thermal camera and the person on the chair.

Legend: F faces, K joints.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.lab.simulation.rooms.scene import Distractor, Scene, Triple
from thermal_pose.lab.simulation.rooms.shapes import distractor_shape

#: A thing that hides more of the seated person's joints than this is out of place.
MOST_HIDDEN: Final = 1 / 3
_PARALLEL: Final = 1e-9


def hidden_joints(
    thing: Distractor, camera_m: Triple, joints_m: npt.NDArray[np.floating]
) -> npt.NDArray[np.bool_]:
    """Which joints (K, 3), m in the room, a thing hides from a camera; (K,).

    Each line of sight is cut with each triangle of the thing (Moller and Trumbore 1997).
    """
    shape = distractor_shape(thing)
    corners = shape.vertices[shape.faces].astype(np.float64)  # (F, 3, 3)
    start = np.asarray(camera_m, np.float64)
    ways = np.asarray(joints_m, np.float64)[:, None] - start  # (K, 1, 3)
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(ways, two)  # (K, F, 3)
    determinant = (across * one).sum(-1)
    scale = 1 / np.where(np.abs(determinant) < _PARALLEL, np.inf, determinant)
    offset = start - corners[:, 0]
    u = (across * offset).sum(-1) * scale
    up = np.cross(offset, one)  # (F, 3)
    v = (ways * up).sum(-1) * scale
    along = (up * two).sum(-1) * scale
    cut = (u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0) & (along < 1)
    return np.asarray(cut.any(axis=1))


def with_clear_sight(scene: Scene, joints_m: npt.NDArray[np.floating]) -> Scene:
    """The scene without what hides the person on the chair from the thermal camera.

    Whoever sets up the test sees to it that the camera sees the chair. Things that hide at most
    `MOST_HIDDEN` of the joints stay, and so do those that hide a person who walks.

    Parameters
    ----------
    joints_m : (K, 3) of the seated person, m in the room.
    """
    camera_m = scene.thermal_placement.position_m
    stays = tuple(
        thing
        for thing in scene.distractors
        if hidden_joints(thing, camera_m, joints_m).mean() <= MOST_HIDDEN
    )
    return scene if len(stays) == len(scene.distractors) else replace(scene, distractors=stays)
