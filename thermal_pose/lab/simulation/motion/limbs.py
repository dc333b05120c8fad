# SPDX-License-Identifier: Apache-2.0
"""Two-bone inverse kinematics: bone rotations from hips, trunk, ankles and hands.

All functions work on whole motions: T is time, and the order of sides is left, right.
"""

from dataclasses import dataclass

import numpy as np

from thermal_pose.lab.simulation.motion.profile import Array
from thermal_pose.lab.simulation.people.body import BONE_INDEX, N_BONES, Body, BodyPose
from thermal_pose.lab.simulation.people.rotations import rotation_y
from thermal_pose.lab.simulation.people.skinning import pose_vertices

SIDES = ("L", "R")
SPINE = ("spine_lower", "spine_upper", "chest")
#: Greatest extension of a limb, as a share of its length.
MAX_REACH = 0.998


def unit(vectors: Array) -> Array:
    """Scale vectors (..., 3) to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def apply(rotation: Array, vector: Array) -> Array:
    """Apply rotations (..., 3, 3) to vectors (..., 3)."""
    return np.einsum("...ij,...j->...i", rotation, vector)


def fraction_of_rotation(rotation: Array, share: float) -> Array:
    """Rotations (..., 3, 3) about the same axes by a share of the angle, which is below 180 deg."""
    cos = np.clip((np.trace(rotation, axis1=-2, axis2=-1) - 1) / 2, -1.0, 1.0)
    angle = np.arccos(cos)[..., None]
    skew = np.stack(
        [
            rotation[..., 2, 1] - rotation[..., 1, 2],
            rotation[..., 0, 2] - rotation[..., 2, 0],
            rotation[..., 1, 0] - rotation[..., 0, 1],
        ],
        axis=-1,
    )
    axis = skew / np.maximum(2 * np.sin(angle), 1e-9)
    cross = np.zeros((*axis.shape[:-1], 3, 3))
    cross[..., 0, 1], cross[..., 0, 2] = -axis[..., 2], axis[..., 1]
    cross[..., 1, 0], cross[..., 1, 2] = axis[..., 2], -axis[..., 0]
    cross[..., 2, 0], cross[..., 2, 1] = -axis[..., 1], axis[..., 0]
    part = (angle * share)[..., None]
    return np.eye(3) + np.sin(part) * cross + (1 - np.cos(part)) * (cross @ cross)


@dataclass(frozen=True)
class Limbs:
    """Dimensions of a body, in its rest frame (x forward, y left, z up).

    Attributes
    ----------
    heads : (N_BONES, 3) joints, m.
    thigh_m, shank_m : lengths from hip to knee and from knee to ankle.
    ankle_height_m : height of the ankle joint above the sole.
    heel_back_m, ball_front_m : distances from the ankle back to the heel and forward to the ball.
    hip_width_m : distance between the hip joints.
    upper_arm_m, forearm_m : lengths from shoulder to elbow and from elbow to wrist.
    seat_drop_m : height of the hip joints above the seat when sitting.
    """

    heads: Array
    thigh_m: float
    shank_m: float
    ankle_height_m: float
    heel_back_m: float
    ball_front_m: float
    hip_width_m: float
    upper_arm_m: float
    forearm_m: float
    seat_drop_m: float

    @property
    def leg_m(self) -> float:
        """Length of the straight leg from hip to ankle."""
        return self.thigh_m + self.shank_m

    @property
    def hip_height_m(self) -> float:
        """Height of the hip joints above the floor when standing straight."""
        return self.leg_m + self.ankle_height_m


def _distance(heads: Array, first: str, second: str) -> float:
    return float(np.linalg.norm(heads[BONE_INDEX[first]] - heads[BONE_INDEX[second]]))


def measure_limbs(body: Body) -> Limbs:
    """Measure a body's limbs in its rest pose."""
    heads = body.bone_heads.astype(np.float64)
    foot = heads[BONE_INDEX["foot.L"]]
    mesh = body.coarse
    strongest = mesh.bone_indices[np.arange(len(mesh.vertices)), mesh.bone_weights.argmax(axis=1)]
    sole = mesh.vertices[np.isin(strongest, [BONE_INDEX["foot.L"], BONE_INDEX["toes.L"]])]
    return Limbs(
        heads=heads,
        thigh_m=_distance(heads, "thigh.L", "shank.L"),
        shank_m=_distance(heads, "shank.L", "foot.L"),
        ankle_height_m=float(foot[2] - sole[:, 2].min()),
        heel_back_m=float(foot[0] - sole[:, 0].min()),
        ball_front_m=float(heads[BONE_INDEX["toes.L"]][0] - foot[0]),
        hip_width_m=_distance(heads, "thigh.L", "thigh.R"),
        upper_arm_m=_distance(heads, "upper_arm.L", "forearm.L"),
        forearm_m=_distance(heads, "forearm.L", "hand.L"),
        seat_drop_m=_seat_drop_m(body),
    )


def _seat_drop_m(body: Body) -> float:
    """Height of the hip joints above the seat when sitting with level thighs."""
    rotations = np.tile(np.eye(3, dtype=np.float32), (N_BONES, 1, 1))
    for side in SIDES:
        rotations[BONE_INDEX[f"thigh.{side}"]] = rotation_y(np.array(-np.pi / 2))
        rotations[BONE_INDEX[f"shank.{side}"]] = rotation_y(np.array(np.pi / 2))
    pose = BodyPose(body.bone_heads[0].copy(), rotations)
    vertices = pose_vertices(body.coarse, body, pose)
    hips = (body.bone_head("thigh.L") + body.bone_head("thigh.R")) / 2
    near = np.abs(vertices[:, 0] - hips[0]) < 0.16
    near &= np.abs(vertices[:, 1]) < 0.2
    # The tissue below the joint is compressed by a tenth.
    return 0.9 * float(hips[2] - vertices[near, 2].min())


@dataclass(frozen=True)
class Posture:
    """Targets of a whole motion in the room.

    Attributes
    ----------
    hips_m : (T, 3) middle of the hip joints.
    pelvis, chest, head : (T, 3, 3) orientations; the identity is upright and faces +x.
    ankles_m, feet : (T, 2, 3) and (T, 2, 3, 3) ankle joints and orientations of the feet.
    toe_bend_rad : (T, 2) upward bend of the toes relative to the foot.
    hand_offsets_m : (T, 2, 3) free wrists relative to the shoulders, in the axes of the room.
    hand_targets_m : (T, 2, 3) points that the wrists hold on to.
    hand_shares : (T, 2) 0 if a wrist is free to 1 if it is at its target.
    elbow_poles : (T, 2, 3) directions in which the elbows point.
    """

    hips_m: Array
    pelvis: Array
    chest: Array
    head: Array
    ankles_m: Array
    feet: Array
    toe_bend_rad: Array
    hand_offsets_m: Array
    hand_targets_m: Array
    hand_shares: Array
    elbow_poles: Array


def two_bone(root: Array, target: Array, pole: Array, lengths_m: tuple[float, float]) -> Array:
    """Middle joints of limbs that reach from `root` to `target` and bend towards `pole`.

    Parameters
    ----------
    root, target : (T, 3) ends of the limbs, m; targets out of reach are approached.
    pole : (T, 3) direction in which the middle joint lies.
    lengths_m : lengths of the upper and the lower bone.

    Returns
    -------
    middle : (T, 3), m.

    Examples
    --------
    A leg of 0.4 m and 0.4 m from the hip, 0.56 m above the ankle, bends forward by 0.29 m:

    >>> hip, ankle = np.array([[0.0, 0.0, 0.56]]), np.array([[0.0, 0.0, 0.0]])
    >>> two_bone(hip, ankle, np.array([[1.0, 0.0, 0.0]]), (0.4, 0.4)).round(2)
    array([[0.29, 0.  , 0.28]])
    """
    upper_m, lower_m = lengths_m
    span = target - root
    distance = np.linalg.norm(span, axis=-1, keepdims=True)
    along = span / np.maximum(distance, 1e-9)
    reach = np.clip(distance, abs(upper_m - lower_m) + 0.02, MAX_REACH * (upper_m + lower_m))
    cos = (upper_m**2 + reach**2 - lower_m**2) / (2 * upper_m * reach)
    sin = np.sqrt(np.clip(1 - cos**2, 0.0, 1.0))
    outward = unit(pole - np.sum(pole * along, axis=-1, keepdims=True) * along)
    return root + upper_m * (cos * along + sin * outward)


def _frames(directions: Array, poles: Array) -> Array:
    """Frames (..., 3, 3) with the columns bone, hinge (pole x bone), and bone x hinge."""
    bone = unit(directions)
    hinge = unit(np.cross(poles, bone))
    return np.stack([bone, hinge, np.cross(bone, hinge)], axis=-1)


def _limb_rotations(
    limb: tuple[Array, Array, Array], rest: Array, pole: Array, rest_pole: Array
) -> tuple[Array, Array]:
    """Orientations (T, 3, 3) of the two bones of a limb, from its joints and those at rest."""
    root, middle, end = limb
    # Both bones share the hinge, which is perpendicular to the pole and the line between the ends.
    line = unit(end - root)
    hinge = unit(np.cross(pole, line))
    rest_hinge = unit(np.cross(rest_pole, unit(rest[2] - rest[0])))
    rotations = []
    for start, stop, rest_start, rest_stop in (
        (root, middle, rest[0], rest[1]),
        (middle, end, rest[1], rest[2]),
    ):
        now = _frames(stop - start, np.cross(stop - start, hinge))
        then = _frames(rest_stop - rest_start, np.cross(rest_stop - rest_start, rest_hinge))
        rotations.append(now @ np.swapaxes(then, -1, -2))
    return rotations[0], rotations[1]


def solve(limbs: Limbs, posture: Posture) -> tuple[Array, Array]:
    """Pelvis positions (T, 3) and bone rotations (T, N_BONES, 3, 3), as in `BodyPose`."""
    heads = limbs.heads
    local = np.tile(np.eye(3), (len(posture.hips_m), N_BONES, 1, 1))
    rest_hips = (heads[BONE_INDEX["thigh.L"]] + heads[BONE_INDEX["thigh.R"]]) / 2
    pelvis_m = posture.hips_m - apply(posture.pelvis, rest_hips - heads[0])
    local[:, 0] = posture.pelvis
    bend = fraction_of_rotation(np.swapaxes(posture.pelvis, -1, -2) @ posture.chest, 1 / 3)
    position, orientation, parent = pelvis_m, posture.pelvis, heads[0]
    for name in SPINE:
        bone = BONE_INDEX[name]
        position = position + apply(orientation, heads[bone] - parent)
        orientation, parent = orientation @ bend, heads[bone]
        local[:, bone] = bend
    nod = fraction_of_rotation(np.swapaxes(posture.chest, -1, -2) @ posture.head, 0.5)
    local[:, BONE_INDEX["neck"]] = nod
    local[:, BONE_INDEX["head"]] = nod
    for index, side in enumerate(SIDES):
        _solve_leg(limbs, posture, index, side, pelvis_m, local)
        shoulder = position + apply(posture.chest, heads[BONE_INDEX[f"upper_arm.{side}"]] - parent)
        _solve_arm(limbs, posture, index, side, shoulder, local)
    return pelvis_m, local


def _solve_leg(
    limbs: Limbs, posture: Posture, index: int, side: str, pelvis_m: Array, local: Array
) -> None:
    thigh, shank, foot = (BONE_INDEX[f"{bone}.{side}"] for bone in ("thigh", "shank", "foot"))
    heads = limbs.heads
    hip = pelvis_m + apply(posture.pelvis, heads[thigh] - heads[0])
    ankle = posture.ankles_m[:, index]
    forward = unit(posture.pelvis[..., 0] + 1.5 * posture.feet[:, index, :, 0])
    knee = two_bone(hip, ankle, forward, (limbs.thigh_m, limbs.shank_m))
    rest = np.stack([heads[thigh], heads[shank], heads[foot]])
    upper, lower = _limb_rotations((hip, knee, ankle), rest, forward, np.array([1.0, 0.0, 0.0]))
    local[:, thigh] = np.swapaxes(posture.pelvis, -1, -2) @ upper
    local[:, shank] = np.swapaxes(upper, -1, -2) @ lower
    local[:, foot] = np.swapaxes(lower, -1, -2) @ posture.feet[:, index]
    local[:, BONE_INDEX[f"toes.{side}"]] = rotation_y(-posture.toe_bend_rad[:, index])


def _solve_arm(
    limbs: Limbs, posture: Posture, index: int, side: str, shoulder: Array, local: Array
) -> None:
    upper_arm, forearm, hand = (
        BONE_INDEX[f"{bone}.{side}"] for bone in ("upper_arm", "forearm", "hand")
    )
    heads = limbs.heads
    pole = posture.elbow_poles[:, index]
    share = posture.hand_shares[:, index, None]
    free = shoulder + posture.hand_offsets_m[:, index]
    wrist = (1 - share) * free + share * posture.hand_targets_m[:, index]
    elbow = two_bone(shoulder, wrist, pole, (limbs.upper_arm_m, limbs.forearm_m))
    rest = np.stack([heads[upper_arm], heads[forearm], heads[hand]])
    upper, lower = _limb_rotations((shoulder, elbow, wrist), rest, pole, np.array([-1.0, 0.0, 0.0]))
    local[:, upper_arm] = np.swapaxes(posture.chest, -1, -2) @ upper
    local[:, forearm] = np.swapaxes(upper, -1, -2) @ lower
