# SPDX-License-Identifier: Apache-2.0
"""One person's hand on another person, as of a carer who helps."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.people.body import BONE_INDEX, Body, BodyPose
from thermal_pose.lab.simulation.people.skinning import bone_transforms
from thermal_pose.lab.simulation.people.subject import Rng
from thermal_pose.lab.simulation.stream.postures import Angles
from thermal_pose.lab.simulation.stream.reaching import reach
from thermal_pose.types import Float64Array

#: Joints of the other person that a hand may be put on.
_HELD: Final = ("upper_arm.L", "upper_arm.R", "forearm.L", "forearm.R", "hand.L", "hand.R")
#: Distance of the wrist from the joint that the hand is on, m: the palm lies on the limb.
_PALM_M: Final = 0.10
#: Least and greatest distance of wrist and shoulder, as shares of the arm's length.
_REACH: Final = (0.35, 0.97)
#: Farthest step towards the other person, m, and the least height of the pelvis of a person who can
#: take one, as a share of stature.
_STEP_M: Final = 0.4
_STANDING_SHARE: Final = 0.42


@dataclass(frozen=True)
class _Grasp:
    """A side ('L' or 'R'), a step (3,), and a wrist (3,) from its shoulder, in the room, m."""

    side: str
    step_m: Float64Array
    wrist_m: Float64Array


def hand_on(
    body: Body, pose: BodyPose, other: Body, other_pose: BodyPose, rng: Rng
) -> BodyPose | None:
    """Put a hand on the nearer arm or shoulder of another person, with a step if that is needed.

    Returns
    -------
    pose : the same posture but for one arm and the step; None if no hand reaches.
    """
    grasps = _grasps(body, pose, _joints_m(other, other_pose, _HELD))
    if not grasps:
        return None
    grasp = grasps[int(rng.integers(len(grasps)))]
    clavicle = BONE_INDEX[f"clavicle.{grasp.side}"]
    chest = bone_transforms(body, pose)[0][clavicle].astype(np.float64)
    angles = Angles()
    elbow = np.array((-0.3, 0.5 if grasp.side == "L" else -0.5, -0.8))
    reach(angles, body, grasp.side, chest.T @ grasp.wrist_m, elbow)
    rotations, put = pose.rotations.copy(), angles.rotations(np.eye(3))
    for bone in (f"upper_arm.{grasp.side}", f"forearm.{grasp.side}"):
        rotations[BONE_INDEX[bone]] = put[BONE_INDEX[bone]]
    return BodyPose((pose.pelvis_m + grasp.step_m).astype(np.float32), rotations)


def _grasps(body: Body, pose: BodyPose, held_m: Float64Array) -> list[_Grasp]:
    """All that either hand reaches, of joints (N, 3) of the other person, m."""
    stands = float(pose.pelvis_m[2]) > _STANDING_SHARE * body.shape.height_m
    longest_step_m = _STEP_M if stands else 0.0
    grasps = []
    for side in "LR":
        shoulder, elbow, wrist = (
            body.bone_head(f"{name}.{side}") for name in ("upper_arm", "forearm", "hand")
        )
        arm_m = float(np.linalg.norm(elbow - shoulder) + np.linalg.norm(wrist - elbow))
        from_m = _joints_m(body, pose, (f"upper_arm.{side}",))[0]
        for joint_m in held_m:
            step_m = _step(joint_m - from_m, arm_m, longest_step_m)
            way = joint_m - from_m - step_m
            distance_m = float(np.linalg.norm(way))
            wrist_m = way * (1.0 - _PALM_M / max(distance_m, 1e-6))
            if _REACH[0] * arm_m <= distance_m - _PALM_M <= _REACH[1] * arm_m + 1e-6:
                grasps.append(_Grasp(side, step_m, wrist_m))
    return grasps


def _step(way_m: Float64Array, arm_m: float, longest_m: float) -> Float64Array:
    """The step (3,) on the floor after which the end of a way (3,) is in reach, or none, m."""
    reach_m = _REACH[1] * arm_m + _PALM_M
    level_m, rise_m = float(np.hypot(way_m[0], way_m[1])), abs(float(way_m[2]))
    step_m = level_m - max(reach_m**2 - rise_m**2, 0.0) ** 0.5
    if not 0.0 < step_m <= longest_m or rise_m >= reach_m:
        return np.zeros(3)
    return np.array((way_m[0], way_m[1], 0.0)) * step_m / level_m


def _joints_m(body: Body, pose: BodyPose, bones: tuple[str, ...]) -> Float64Array:
    """Where bones begin, (N, 3) in the room, m."""
    rotations, translations = bone_transforms(body, pose)
    index = [BONE_INDEX[bone] for bone in bones]
    heads = np.einsum("bij,bj->bi", rotations[index], body.bone_heads[index])
    return np.asarray(heads + translations[index], dtype=np.float64)
