# SPDX-License-Identifier: Apache-2.0
"""Postures of people in a ward beyond those of the test.

A posture consists of random joint angles for its kind; the body is put on the floor by its lowest
vertex. Angles are about the axes of the rest pose (see `BodyPose`).
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.people.body import BONE_INDEX, N_BONES, Body, BodyPose
from thermal_pose.lab.simulation.people.rotations import rotation_x, rotation_y, rotation_z
from thermal_pose.lab.simulation.people.skinning import pose_vertices
from thermal_pose.lab.simulation.people.subject import Rng
from thermal_pose.types import Float64Array, FloatArray

_ROTATIONS: Final = {"x": rotation_x, "y": rotation_y, "z": rotation_z}
#: Angles of the rest pose's arms and legs from the vertical, rad.
_ARM_OFF: Final = 0.66
_LEG_OFF: Final = 0.10


class Angles:
    """Joint angles of one posture, set step by step."""

    def __init__(self) -> None:
        self._rotations = np.tile(np.eye(3), (N_BONES, 1, 1))

    def turn(self, bone: str, about: str, angle_rad: float) -> None:
        """Rotate a bone about an axis ('x', 'y' or 'z') of the rest pose."""
        index = BONE_INDEX[bone]
        self._rotations[index] = _ROTATIONS[about](angle_rad) @ self._rotations[index]

    def put(self, bone: str, rotation: Float64Array) -> None:
        """Set the rotation (3, 3) of a bone, replacing any earlier one."""
        self._rotations[BONE_INDEX[bone]] = rotation

    def lean(self, forward_rad: float, left_rad: float = 0.0, twist_rad: float = 0.0) -> None:
        """Bend the trunk, divided among its three joints."""
        for bone, share in (("spine_lower", 0.4), ("spine_upper", 0.3), ("chest", 0.3)):
            self.turn(bone, "y", share * forward_rad)
            self.turn(bone, "x", -share * left_rad)
            self.turn(bone, "z", share * twist_rad)

    def look(self, nod_rad: float, turn_rad: float) -> None:
        """Nod and turn the head, divided between neck and head."""
        for bone in ("neck", "head"):
            self.turn(bone, "y", 0.5 * nod_rad)
            self.turn(bone, "z", 0.5 * turn_rad)

    def arm(self, side: str, raise_rad: float, forward_rad: float, elbow_rad: float) -> None:
        """Raise an arm sideways (0 hanging, pi/2 level) and forwards, and bend its elbow."""
        sign = 1.0 if side == "L" else -1.0
        self.turn(f"upper_arm.{side}", "x", sign * (raise_rad - _ARM_OFF))
        self.turn(f"upper_arm.{side}", "y", -forward_rad)
        self.turn(f"clavicle.{side}", "x", sign * 0.25 * max(raise_rad - 1.2, 0.0))
        self.turn(f"forearm.{side}", "y", -elbow_rad)
        self.turn(f"forearm.{side}", "z", -sign * 0.25 * elbow_rad)

    def leg(self, side: str, hip_rad: float, knee_rad: float, apart_rad: float = 0.05) -> None:
        """Flex hip and knee and spread the leg; the foot stays level within the ankle's range."""
        sign = 1.0 if side == "L" else -1.0
        self.turn(f"thigh.{side}", "x", sign * (apart_rad - _LEG_OFF))
        self.turn(f"thigh.{side}", "y", -hip_rad)
        self.turn(f"shank.{side}", "y", knee_rad)
        self.turn(f"foot.{side}", "y", float(np.clip(hip_rad - knee_rad, -0.35, 0.6)))

    def rotations(self, root: Float64Array) -> FloatArray:
        """Rotations (N_BONES, 3, 3) of all bones, with the pelvis rotated by `root` in the room."""
        rotations = self._rotations.copy()
        rotations[0] = root @ rotations[0]
        return rotations.astype(np.float32)


def grounded(
    body: Body,
    rotations: FloatArray,
    xy_m: tuple[float, float],
    floor_m: float = 0.0,
) -> BodyPose:
    """The posture at a point of the floor, with its lowest vertex at the height `floor_m`."""
    pelvis = np.array((*xy_m, 0.0), np.float32)
    lowest = pose_vertices(body.coarse, body, BodyPose(pelvis, rotations))[:, 2].min()
    return BodyPose(pelvis + np.array((0.0, 0.0, floor_m - lowest), np.float32), rotations)


def standing_pose(body: Body, rng: Rng, xy_m: tuple[float, float], yaw_rad: float) -> BodyPose:
    """A person who walks, stands, reaches or bends, with arms anywhere."""
    angles = Angles()
    _STANDING[int(rng.choice(len(_STANDING), p=_STANDING_SHARES))](angles, rng)
    angles.look(float(rng.normal(0.05, 0.2)), float(rng.normal(0.0, 0.35)))
    return grounded(body, angles.rotations(rotation_z(yaw_rad)), xy_m)


def seated_pose(
    body: Body, rng: Rng, xy_m: tuple[float, float], yaw_rad: float, seat_m: float
) -> BodyPose:
    """A person on a seat of height `seat_m`: upright, slumped, leaning or rising."""
    angles = Angles()
    rise = float(rng.choice((0.0, rng.uniform(0.0, 0.6)), p=(0.75, 0.25)))
    lean = rng.normal(0.1, 0.25) + 0.8 * np.sin(np.pi * min(rise + 0.1 * (rise > 0), 1.0))
    angles.lean(float(lean), float(rng.normal(0.0, 0.08)), float(rng.normal(0.0, 0.12)))
    apart = float(abs(rng.normal(0.12, 0.1)))
    for side in "LR":
        hip = (1.45 + rng.normal(0.0, 0.06)) * (1.0 - rise)
        knee = (1.5 + rng.normal(0.0, 0.15)) * (1.0 - 0.85 * rise)
        angles.leg(side, float(hip), float(knee), apart)
    _draw_arms(angles, rng, forward=0.35, elbow=0.9)
    angles.look(float(rng.normal(0.1, 0.25)), float(rng.normal(0.0, 0.4)))
    rotations = angles.rotations(rotation_z(yaw_rad))
    # The buttocks are about 0.1 m below the joint of the pelvis.
    height = seat_m + 0.10 + rise * (body.bone_heads[0][2] - seat_m - 0.14)
    shift = 0.25 * rise
    x = xy_m[0] + shift * float(np.cos(yaw_rad))
    y = xy_m[1] + shift * float(np.sin(yaw_rad))
    return BodyPose(np.array((x, y, height), np.float32), rotations)


def lying_pose(
    body: Body, rng: Rng, xy_m: tuple[float, float], yaw_rad: float, floor_m: float
) -> BodyPose:
    """A person lying on the back, belly or side, on a bed or on the floor."""
    angles = Angles()
    for side in "LR":
        hip = abs(float(rng.normal(0.15, 0.35)))
        angles.leg(side, min(hip, 1.6), min(abs(float(rng.normal(0.3, 0.5))), 2.2), 0.15)
    _draw_arms(angles, rng, forward=0.2, elbow=0.5)
    roll = float(rng.choice((0.0, np.pi, np.pi / 2, -np.pi / 2), p=(0.5, 0.14, 0.18, 0.18)))
    angles.look(0.0, float(rng.normal(0.0, 0.4)))
    tipped = rotation_y(-np.pi / 2 + float(rng.normal(0.0, 0.1)))
    root = rotation_z(yaw_rad) @ rotation_x(roll) @ tipped
    return grounded(body, angles.rotations(root), xy_m, floor_m)


def low_pose(body: Body, rng: Rng, xy_m: tuple[float, float], yaw_rad: float) -> BodyPose:
    """A person crouching, kneeling, on all fours or sitting on the floor."""
    angles = Angles()
    kind = int(rng.integers(4))
    root = rotation_z(yaw_rad)
    if kind == 0:  # crouching
        for side in "LR":
            angles.leg(side, float(rng.normal(1.9, 0.15)), float(rng.normal(2.2, 0.15)), 0.25)
        angles.lean(float(rng.normal(0.6, 0.25)))
    elif kind == 1:  # on one knee
        angles.leg("L", 1.35, 1.45)
        angles.leg("R", 0.05, 1.6)
        angles.lean(float(rng.normal(0.25, 0.2)))
    elif kind == 2:  # on all fours
        for side in "LR":
            angles.leg(side, float(rng.normal(1.45, 0.12)), float(rng.normal(1.5, 0.12)))
        root = root @ rotation_y(float(rng.normal(1.35, 0.1)))
    else:  # sitting on the floor
        for side in "LR":
            angles.leg(side, float(rng.normal(1.5, 0.12)), float(rng.uniform(0.1, 1.2)), 0.2)
        angles.lean(float(rng.normal(0.15, 0.2)))
    _draw_arms(angles, rng, forward=1.3 if kind == 2 else 0.6, elbow=0.4)
    angles.look(float(rng.normal(0.0, 0.25)), float(rng.normal(0.0, 0.3)))
    return grounded(body, angles.rotations(root), xy_m)


def _draw_arms(angles: Angles, rng: Rng, forward: float, elbow: float) -> None:
    for side in "LR":
        angles.arm(
            side,
            abs(float(rng.normal(0.12, 0.12))),
            float(rng.normal(forward, 0.3)),
            float(np.clip(rng.normal(elbow, 0.4), -0.4, 2.0)),
        )


def _walking(angles: Angles, rng: Rng) -> None:
    phase, stride = rng.uniform(0.0, 2 * np.pi), rng.uniform(0.15, 0.5)
    for side, shift in (("L", 0.0), ("R", np.pi)):
        swing = np.sin(phase + shift)
        knee = 0.12 + stride * 1.9 * max(np.cos(phase + shift), 0.0) ** 2
        angles.leg(side, float(stride * swing + 0.3 * knee), float(knee), 0.03)
        angles.arm(side, 0.1, float(-0.8 * stride * swing), float(rng.uniform(0.0, 0.5)))
    angles.lean(float(rng.normal(0.08, 0.1)), twist_rad=float(0.3 * stride * np.cos(phase)))


def _idle(angles: Angles, rng: Rng) -> None:
    for side in "LR":
        angles.leg(side, float(rng.normal(0.03, 0.06)), abs(float(rng.normal(0.04, 0.06))),
                   abs(float(rng.normal(0.06, 0.07))))  # fmt: skip
    _draw_arms(angles, rng, forward=0.1, elbow=0.2)
    angles.lean(float(rng.normal(0.05, 0.1)), float(rng.normal(0.0, 0.05)))


def _hands_up(angles: Angles, rng: Rng) -> None:
    _idle(angles, rng)
    for side in "LR":
        if rng.random() < 0.75:
            angles.arm(side, float(rng.uniform(0.8, 2.7)) + _ARM_OFF - 0.12,
                       float(rng.normal(0.2, 0.3)), float(rng.uniform(-0.4, 1.6)))  # fmt: skip


def _busy_hands(angles: Angles, rng: Rng) -> None:
    """Folded arms, hands on the hips, a telephone, or something carried in front of the belly."""
    for side in "LR":
        angles.leg(side, 0.03, 0.05, abs(float(rng.normal(0.08, 0.08))))
        raised, forward, elbow = (
            (0.15, 0.5, 1.5),
            (0.75, -0.35, 1.1),
            (0.3, 0.9, 1.9),
            (0.1, 0.7, 0.9),
        )[int(rng.integers(4))]
        angles.arm(side, raised, forward, elbow + float(rng.normal(0.0, 0.15)))
    angles.lean(float(rng.normal(0.05, 0.1)))


def _bending(angles: Angles, rng: Rng) -> None:
    lean = float(rng.uniform(0.4, 1.7))
    for side in "LR":
        angles.leg(side, 0.35 * lean, float(rng.uniform(0.0, 0.5)), 0.08)
    angles.lean(0.8 * lean, twist_rad=float(rng.normal(0.0, 0.2)))
    _draw_arms(angles, rng, forward=0.7 * lean, elbow=0.3)


def _one_leg(angles: Angles, rng: Rng) -> None:
    lifted = "LR"[int(rng.integers(2))]
    for side in "LR":
        hip, knee = (rng.uniform(0.4, 1.6), rng.uniform(0.3, 1.8)) if side == lifted else (0, 0.05)
        angles.leg(side, float(hip), float(knee))
    _draw_arms(angles, rng, forward=0.2, elbow=0.3)


_STANDING: Final[tuple[Callable[[Angles, Rng], None], ...]] = (
    _walking,
    _idle,
    _hands_up,
    _busy_hands,
    _bending,
    _one_leg,
)
_STANDING_SHARES: Final = (0.34, 0.22, 0.14, 0.14, 0.12, 0.04)
