# SPDX-License-Identifier: Apache-2.0
"""Arms over time: they swing, rest on thighs or arm rests, push off, hold a stick or a frame."""

from dataclasses import dataclass

import numpy as np

from thermal_pose.lab.simulation.motion.gait import Footstep, WalkPath
from thermal_pose.lab.simulation.motion.limbs import Limbs, apply, two_bone, unit
from thermal_pose.lab.simulation.motion.path import Schedule
from thermal_pose.lab.simulation.motion.profile import Array, ease, noise, smooth_curve
from thermal_pose.lab.simulation.motion.seat_moves import SeatUse
from thermal_pose.lab.simulation.people.rotations import rotation_z
from thermal_pose.lab.simulation.people.subject import Aid, ArmUse, Rng, Subject
from thermal_pose.lab.simulation.rooms.scene import AidKind, AidPose, Chair

#: Height of the arm rests above the seat, m.
ARM_REST_ABOVE_SEAT_M = 0.22
#: Distance of the walking frame's middle ahead of the pelvis, m.
FRAME_AHEAD_OF_PELVIS_M = 0.36
#: Distance of the walking frame's handles from its middle, m.
HANDLE_SIDE_M = 0.26
#: Height of the wrists above what the hands hold, m.
WRIST_ABOVE_GRIP_M = 0.06

#: When the hands leave the rests during the rise and return during the sit: (start, end) each, as
#: shares of the phase.
_RELEASE = {
    ArmUse.FREE: ((0.08, 0.42), (0.8, 1.5)),
    ArmUse.THIGHS: ((0.5, 0.82), (0.25, 0.7)),
    ArmUse.ARMRESTS: ((0.45, 0.75), (0.15, 0.7)),
}


@dataclass(frozen=True)
class ArmPlan:
    """Hands and walking aid over time.

    Attributes
    ----------
    offsets_m, targets_m, shares, poles : (T, 2, 3), (T, 2, 3), (T, 2) and (T, 2, 3): the fields
        `hand_offsets_m`, `hand_targets_m`, `hand_shares` and `elbow_poles` of `limbs.Posture`.
    aid_kind : kind of walking aid; if None, the arrays of the aid are empty.
    aid_foot_m, aid_top_m, aid_yaw_rad : (T, 3), (T, 3) and (T,), as in `AidPose`.
    """

    offsets_m: Array
    targets_m: Array
    shares: Array
    poles: Array
    aid_kind: AidKind | None
    aid_foot_m: Array
    aid_top_m: Array
    aid_yaw_rad: Array

    def aid_at(self, index: int, share: float) -> AidPose | None:
        """The aid `share` of the way from sample `index` to the next; None if there is no aid."""
        if self.aid_kind is None:
            return None
        foot, top, yaw = (
            (1 - share) * curve[index] + share * curve[index + 1]
            for curve in (self.aid_foot_m, self.aid_top_m, self.aid_yaw_rad)
        )
        return AidPose(
            self.aid_kind,
            (float(foot[0]), float(foot[1]), float(foot[2])),
            (float(top[0]), float(top[1]), float(top[2])),
            float(yaw),
        )


@dataclass(frozen=True)
class LowerBody:
    """Pelvis and legs over time, which the arms follow.

    Attributes
    ----------
    height_share : (T,) height of the pelvis, 0 seated to 1 standing.
    feet_apart_m : (T,) distance of the left foot ahead of the right one.
    hips_m, pelvis : (T, 3) middle of the hip joints and (T, 3, 3) orientation of the pelvis.
    ankles_m : (T, 2, 3) ankle joints, left and right.
    steps : footsteps, in the order in which they are planned.
    """

    height_share: Array
    feet_apart_m: Array
    hips_m: Array
    pelvis: Array
    ankles_m: Array
    steps: tuple[Footstep, ...]


def plan_arms(
    subject: Subject, limbs: Limbs, path: WalkPath, lower: LowerBody, seat: SeatUse, rng: Rng
) -> ArmPlan:
    """Plan both arms and the walking aid of a whole motion."""
    offsets, poles = _swing(subject, limbs, path, lower, seat.schedule, rng)
    targets, shares = _seat_holds(subject, limbs, path.times_s, lower, seat, rng)
    outward = np.array([-0.85, 0.0, 0.15]) + np.array([[0.0, 0.38, 0.0], [0.0, -0.38, 0.0]])
    held = shares[..., None]
    held_poles = apply(rotation_z(path.yaw_rad)[:, None], unit(outward))
    poles = unit((1 - held) * poles + held * held_poles)
    kind, foot, top, yaw = _aid_curves(subject, limbs, path, lower)
    if kind == "stick":
        column = 0 if subject.aid_side > 0 else 1
        targets[:, column] = top + np.array([0.0, 0.0, WRIST_ABOVE_GRIP_M])
        shares[:, column] = 1.0
    elif kind == "frame":
        hold = _frame_hold(path.times_s, seat.schedule)[:, None]
        for column, side in enumerate((1, -1)):
            handle = foot + apply(rotation_z(yaw), np.array([-0.12, side * HANDLE_SIDE_M, 0.0]))
            handle[:, 2] = top[:, 2] + WRIST_ABOVE_GRIP_M
            targets[:, column] = (1 - hold) * targets[:, column] + hold * handle
            shares[:, column] = np.maximum(shares[:, column], hold[:, 0])
    return ArmPlan(offsets, targets, shares, poles, kind, foot, top, yaw)


def arm_rest_point_m(chair: Chair, side: int) -> Array:
    """Where a wrist rests on an arm rest (3,), m; side +1 left, -1 right."""
    side_m = side * (chair.seat_width_m / 2 + 0.02)
    height_m = chair.seat_height_m + ARM_REST_ABOVE_SEAT_M + WRIST_ABOVE_GRIP_M
    return np.array([0.21, side_m, height_m])


def _frame_hold(times_s: Array, schedule: Schedule | None) -> Array:
    """How firmly (T,) the hands hold the walking frame, 0 to 1."""
    if schedule is None:
        return np.ones_like(times_s)
    start_s, down_s = schedule.rise_start_s, schedule.sit_start_s
    grasped = ease(times_s, start_s + 0.6 * schedule.rise_s, schedule.rise_end_s)
    released = ease(times_s, down_s - 0.25, down_s + 0.4 * schedule.sit_s)
    return grasped - released


def _swing(
    subject: Subject,
    limbs: Limbs,
    path: WalkPath,
    lower: LowerBody,
    schedule: Schedule | None,
    rng: Rng,
) -> tuple[Array, Array]:
    """Wrists relative to shoulders, and elbow poles, of freely swinging arms, (T, 2, 3) each."""
    n_times = len(path.times_s)
    heading = rotation_z(path.yaw_rad)
    thrust: Array = np.zeros(n_times)
    if schedule is not None and subject.arm_use is ArmUse.FREE:
        start_s, rise_s = schedule.rise_start_s, schedule.rise_s
        thrust = ease(path.times_s, start_s + 0.1 * rise_s, start_s + 0.5 * rise_s)
        thrust = 0.6 * (thrust - ease(path.times_s, start_s + 0.5 * rise_s, start_s + rise_s))
    offsets, poles = np.zeros((n_times, 2, 3)), np.zeros((n_times, 2, 3))
    apart = smooth_curve(lower.feet_apart_m, 0.06)
    for column, side in enumerate((1, -1)):
        amplitude = subject.arm_swing * (1 - 2 * max(0.0, side * subject.asymmetry))
        swing = -0.62 * side * amplitude * apart
        flexion = swing + thrust + rng.normal(0.02, 0.04) + noise(rng, n_times, 0.6, 0.03)
        spread = 0.13 + abs(rng.normal(0, 0.04)) + noise(rng, n_times, 0.8, 0.015)
        bend = 0.22 + abs(rng.normal(0, 0.08)) + 0.5 * np.maximum(swing, 0.0) + 0.4 * thrust
        bend = bend + 0.5 * (1 - lower.height_share)
        upper_arm = np.stack(
            [np.sin(flexion), side * np.sin(spread), -np.cos(flexion) * np.cos(spread)], axis=-1
        )
        angle = flexion + bend
        forearm = np.stack([np.sin(angle), 0.1 * side * np.sin(spread), -np.cos(angle)], axis=-1)
        offset = limbs.upper_arm_m * unit(upper_arm) + limbs.forearm_m * unit(forearm)
        offsets[:, column] = apply(heading, offset)
        poles[:, column] = apply(heading, unit(np.array([-1.0, 0.35 * side, -0.1])))
    return offsets, poles


def _seat_holds(
    subject: Subject, limbs: Limbs, times_s: Array, lower: LowerBody, seat: SeatUse, rng: Rng
) -> tuple[Array, Array]:
    """Points on thighs or arm rests for the wrists (T, 2, 3), and how firmly they rest (T, 2)."""
    targets = np.zeros((len(times_s), 2, 3))
    shares = np.zeros((len(times_s), 2))
    if seat.schedule is None:
        return targets, shares
    use = subject.arm_use
    if use is ArmUse.ARMRESTS and not seat.chair.arm_rests:
        use = ArmUse.THIGHS
    inward = rng.uniform(0.0, 0.05)
    along = rng.uniform(0.55, 0.8)
    for column, side in enumerate((1, -1)):
        hip_offset = np.array([0.0, side * limbs.hip_width_m / 2, 0.0])
        joint = lower.hips_m + apply(lower.pelvis, hip_offset)
        forward = lower.pelvis[..., 0]
        lengths_m = (limbs.thigh_m, limbs.shank_m)
        knee = two_bone(joint, lower.ankles_m[:, column], forward, lengths_m)
        on_thigh = joint + along * (knee - joint) + np.array([0.0, -side * inward, 0.095])
        on_rest = arm_rest_point_m(seat.chair, side)
        targets[:, column] = on_rest if use is ArmUse.ARMRESTS else on_thigh
        shares[:, column] = _hold_share(times_s, seat.schedule, use, rng)
    return targets, shares


def _hold_share(times_s: Array, schedule: Schedule, use: ArmUse, rng: Rng) -> Array:
    """How firmly (T,) one hand rests on thigh or arm rest, 0 to 1."""
    (off_from, off_to), (on_from, on_to) = _RELEASE[use]
    rise_s, sit_s = schedule.rise_s, schedule.sit_s
    late = rng.uniform(0.0, 0.06)
    start_s, down_s = schedule.rise_start_s, schedule.sit_start_s
    off = ease(times_s, start_s + (off_from + late) * rise_s, start_s + (off_to + late) * rise_s)
    on = ease(times_s, down_s + (on_from + late) * sit_s, down_s + (on_to + late) * sit_s)
    return 1.0 - off + on


def _aid_curves(
    subject: Subject, limbs: Limbs, path: WalkPath, lower: LowerBody
) -> tuple[AidKind | None, Array, Array, Array]:
    """Kind, floor point (T, 3), top (T, 3) and heading (T,) of the walking aid."""
    empty = np.zeros((0, 3))
    if subject.aid is Aid.NONE:
        return None, empty, empty, np.zeros(0)
    if subject.aid is Aid.FRAME:
        yaw = smooth_curve(path.yaw_rad, 0.12)
        ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1) * FRAME_AHEAD_OF_PELVIS_M
        foot = np.concatenate([path.xy_m + ahead, np.zeros((len(yaw), 1))], axis=-1)
        top = foot + np.array([0.0, 0.0, 0.97 * limbs.hip_height_m])
        return "frame", foot, top, yaw
    foot = _stick_tip(subject, path, lower.steps)
    side = subject.aid_side
    length_m = 0.92 * limbs.hip_height_m
    wanted = apply(rotation_z(path.yaw_rad), np.array([0.18, side * 0.27, 0.0]))
    wanted[:, :2] += lower.hips_m[:, :2]
    wanted[:, 2] = length_m
    top = foot + length_m * unit(wanted - foot)
    return "stick", foot, top, path.yaw_rad


def _stick_tip(subject: Subject, path: WalkPath, steps: tuple[Footstep, ...]) -> Array:
    """Tip of the stick (T, 3): it moves with the opposite foot and lands on the hand's side."""
    times_s = path.times_s
    tip = np.zeros((len(times_s), 3))
    opposite = [step for step in steps if step.side == -subject.aid_side]
    points = [_tip_point_m(step, subject) for step in opposite]
    tip[:, :2] = points[0]
    for before, point, step in zip(points[:-1], points[1:], opposite[1:], strict=True):
        moved = ease(times_s, step.lift_s, step.land_s)
        tip[:, :2] += moved[:, None] * (point - before)
        middle_s = (step.lift_s + step.land_s) / 2
        raised = ease(times_s, step.lift_s, middle_s) - ease(times_s, middle_s, step.land_s)
        tip[:, 2] += 0.05 * raised
    return tip


def _tip_point_m(step: Footstep, subject: Subject) -> Array:
    """Floor point (2,) of the stick's tip after this step of the opposite foot, m."""
    cos, sin = np.cos(step.yaw_rad), np.sin(step.yaw_rad)
    across = subject.aid_side * (subject.step_width_m + 0.14)
    offset = np.array([[cos, -sin], [sin, cos]]) @ np.array([0.12, across])
    return np.array(step.xy_m) + offset
