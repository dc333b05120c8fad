# SPDX-License-Identifier: Apache-2.0
"""People of a trial: the person tested, and those who are in view besides."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.tug.definitions import TugKinematics, kinematics_from_joints
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.gait import WalkPath
from thermal_pose.lab.simulation.motion.limbs import Limbs
from thermal_pose.lab.simulation.motion.seat_moves import NO_SEAT, standing_moves
from thermal_pose.lab.simulation.motion.whole_body import PlannedMotion, plan_motion
from thermal_pose.lab.simulation.people.bake import bake_body
from thermal_pose.lab.simulation.people.body import Body
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.lab.simulation.people.subject import Rng, Subject
from thermal_pose.lab.simulation.rooms.scene import Chair
from thermal_pose.types import FloatArray

Role = Literal["subject", "carer", "bystander"]

#: Rate at which the truth is computed, Hz.
TRUTH_HZ = 100.0


@dataclass(frozen=True)
class Performer:
    """One person of a trial and how this person moves."""

    role: Role
    subject: Subject
    body: Body
    motion: PlannedMotion

    def joints(self, time_s: float) -> FloatArray:
        """COCO joints (17, 3) in the room at a time, m."""
        return pose_keypoints(self.body, self.motion.pose(time_s))


@dataclass(frozen=True)
class Companions:
    """People in view besides the person tested.

    Attributes
    ----------
    carer : a person who does not do the test; None if absent.
    second : a person who does the test at the same time; needed for trials of the kind
        SECOND_PERSON, otherwise unused.
    """

    carer: Subject | None = None
    second: Subject | None = None

    def required_second(self) -> Subject:
        """The second tested person.

        Raises
        ------
        SimulationError
            If there is none.
        """
        if self.second is None:
            raise SimulationError("second: expected a subject for a trial of two people, got None")
        return self.second


NOBODY = Companions()


def true_kinematics(performer: Performer) -> tuple[TugKinematics, npt.NDArray[np.bool_]]:
    """Kinematics of a performer's motion at `TRUTH_HZ`, and the seat contact (T,)."""
    motion = performer.motion
    times_s = np.arange(0.0, motion.times_s[-1], 1.0 / TRUTH_HZ)
    joints = np.stack([performer.joints(float(time_s)) for time_s in times_s])
    contact = motion.seat_contact[np.searchsorted(motion.times_s, times_s - 1e-6)]
    return kinematics_from_joints(times_s, joints, contact), contact


def fit_chair(chair: Chair, limbs: Limbs) -> Chair:
    """The chair, lowered if the legs are too short to sit on it without sinking in."""
    popliteal_m = limbs.shank_m + limbs.ankle_height_m
    height_m = max(0.36, min(chair.seat_height_m, popliteal_m + 0.015))
    back_m = chair.back_height_m - (chair.seat_height_m - height_m)
    return replace(chair, seat_height_m=round(height_m, 3), back_height_m=round(back_m, 3))


def beside(performer: Performer, chair: Chair, rng: Rng) -> tuple[Performer, Chair]:
    """Move a performer to a chair of the same kind beside the test's chair."""
    y_m = float(rng.choice([-1, 1]) * rng.uniform(0.85, 1.05))
    moved = replace(performer, motion=performer.motion.moved((0.0, y_m)))
    return moved, replace(chair, position_m=(0.0, y_m))


def plan_carer(carer: Subject, path: WalkPath, rng: Rng, bodies: Path | None) -> Performer:
    """A carer who stands or walks along a path without doing the test."""
    body = bake_body(carer.shape, bodies)
    moves = standing_moves(carer, path.times_s)
    return Performer("carer", carer, body, plan_motion(carer, body, path, moves, NO_SEAT, rng))
