# SPDX-License-Identifier: Apache-2.0
"""What the arms do: swing, rest on thighs or arm rests, push off, hold a stick or a frame."""

from dataclasses import dataclass

import numpy as np

from thermal_pose.lab.simulation.motion.gait import Footstep, WalkPath
from thermal_pose.lab.simulation.motion.limbs import Limbs, apply, two_bone, unit
from thermal_pose.lab.simulation.motion.path import Schedule
from thermal_pose.lab.simulation.motion.profile import Array, ease, noise, smooth_curve
from thermal_pose.lab.simulation.people.rotations import rotation_z
from thermal_pose.lab.simulation.people.subject import Aid, ArmUse, Rng, Subject
from thermal_pose.lab.simulation.rooms.scene import AidKind, AidPose, Chair

#: Arm rests above the seat and either side of its middle, wrists on them, m.
ARM_REST_ABOVE_M = 0.22
#: The frame's middle before the pelvis, and its handles either side and above the floor, m.
FRAME_AHEAD_M = 0.36
HANDLE_ASIDE_M = 0.26
#: Wrists stay this far above what the hands hold, m.
GRIP_M = 0.06

#: When hands let go while rising and take hold while sitting, as shares of those phases.
_RELEASE = {
    ArmUse.FREE: ((0.08, 0.42), (0.8, 1.5)),
    ArmUse.THIGHS: ((0.5, 0.82), (0.25, 0.7)),
    ArmUse.ARMRESTS: ((0.45, 0.75), (0.15, 0.7)),
}


@dataclass(frozen=True)
class ArmPlan:
    """Hands (see `motion_limbs.Posture`) and walking aid over time.

    Attributes
    ----------
    offsets_m, targets_m, shares, poles : (T, 2, 3), (T, 2, 3), (T, 2), (T, 2, 3).
    aid_kind : None if there is none; then the rest is empty.
    aid_foot_m, aid_top_m, aid_yaw_rad : (T, 3), (T, 3), (T,) as in `AidPose`.
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
        """The aid between two samples; None if there is none."""
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


def plan_arms(
    subject: Subject,
    limbs: Limbs,
    path: WalkPath,
    up: Array,
    feet_apart_m: Array,
    hips: Array,
    pelvis: Array,
    ankles: Array,
    rng: Rng,
    chair: Chair,
    schedule: Schedule | None,
    steps: tuple[Footstep, ...],
) -> ArmPlan:
    """Plan both arms and the aid of a whole motion.

    Parameters are those of `motion.plan_motion` and what it has found by then: `up` (T,) 0
    seated .. 1 standing, `hips` (T, 3), `pelvis` (T, 3, 3), `ankles` (T, 2, 3).
    """
    offsets, poles = _swing(subject, limbs, path, up, feet_apart_m, rng, schedule)
    targets, shares = _seat_holds(
        subject, limbs, path.times_s, hips, pelvis, ankles, chair, schedule, rng
    )
    outward = np.array([-0.85, 0.0, 0.15]) + np.array([[0.0, 0.38, 0.0], [0.0, -0.38, 0.0]])
    held = shares[..., None]
    aside = apply(rotation_z(path.yaw_rad)[:, None], unit(outward))
    poles = unit((1 - held) * poles + held * aside)
    kind, foot, top, yaw = _aid_curves(subject, limbs, path, hips, steps)
    if kind == "stick":
        column = 0 if subject.aid_side > 0 else 1
        targets[:, column] = top + np.array([0.0, 0.0, GRIP_M])
        shares[:, column] = 1.0
    elif kind == "frame":
        hold = _frame_hold(path.times_s, schedule)[:, None]
        for column, side in enumerate((1, -1)):
            handle = foot + apply(rotation_z(yaw), np.array([-0.12, side * HANDLE_ASIDE_M, 0.0]))
            handle[:, 2] = top[:, 2] + GRIP_M
            targets[:, column] = (1 - hold) * targets[:, column] + hold * handle
            shares[:, column] = np.maximum(shares[:, column], hold[:, 0])
    return ArmPlan(offsets, targets, shares, poles, kind, foot, top, yaw)


def _frame_hold(times_s: Array, schedule: Schedule | None) -> Array:
    if schedule is None:
        return np.ones_like(times_s)
    rise_s = schedule.rise_end_s - schedule.rise_start_s
    sit_s = schedule.sit_end_s - schedule.sit_start_s
    taken = ease(times_s, schedule.rise_start_s + 0.6 * rise_s, schedule.rise_end_s)
    left = ease(times_s, schedule.sit_start_s - 0.25, schedule.sit_start_s + 0.4 * sit_s)
    return taken - left


def _swing(
    subject: Subject,
    limbs: Limbs,
    path: WalkPath,
    up: Array,
    feet_apart_m: Array,
    rng: Rng,
    schedule: Schedule | None,
) -> tuple[Array, Array]:
    """Wrists relative to shoulders, and elbow poles, of arms that swing freely."""
    n_times = len(path.times_s)
    heading = rotation_z(path.yaw_rad)
    thrust: Array = np.zeros(n_times)
    if schedule is not None and subject.arm_use is ArmUse.FREE:
        rise_s = schedule.rise_end_s - schedule.rise_start_s
        start_s = schedule.rise_start_s
        thrust = ease(path.times_s, start_s + 0.1 * rise_s, start_s + 0.5 * rise_s)
        thrust = 0.6 * (thrust - ease(path.times_s, start_s + 0.5 * rise_s, start_s + rise_s))
    offsets, poles = np.zeros((n_times, 2, 3)), np.zeros((n_times, 2, 3))
    apart = smooth_curve(feet_apart_m, 0.06)
    for column, side in enumerate((1, -1)):
        own = subject.arm_swing * (1 - subject.asymmetry * (1 + side))
        swing = -0.62 * side * own * apart
        flexion = swing + thrust + rng.normal(0.02, 0.04) + noise(rng, n_times, 0.6, 0.03)
        spread = 0.13 + abs(rng.normal(0, 0.04)) + noise(rng, n_times, 0.8, 0.015)
        bend = 0.22 + abs(rng.normal(0, 0.08)) + 0.5 * np.maximum(swing, 0.0) + 0.4 * thrust
        bend = bend + 0.5 * (1 - up)
        upper = np.stack(
            [np.sin(flexion), side * np.sin(spread), -np.cos(flexion) * np.cos(spread)], axis=-1
        )
        lower_angle = flexion + bend
        lower = np.stack(
            [np.sin(lower_angle), 0.1 * side * np.sin(spread), -np.cos(lower_angle)], axis=-1
        )
        offset = limbs.upper_arm_m * unit(upper) + limbs.forearm_m * unit(lower)
        offsets[:, column] = apply(heading, offset)
        poles[:, column] = apply(heading, unit(np.array([-1.0, 0.35 * side, -0.1])))
    return offsets, poles


def _seat_holds(
    subject: Subject,
    limbs: Limbs,
    times_s: Array,
    hips: Array,
    pelvis: Array,
    ankles: Array,
    chair: Chair,
    schedule: Schedule | None,
    rng: Rng,
) -> tuple[Array, Array]:
    """Points that the wrists rest on while sitting, rising and sitting down; and how far."""
    n_times = len(times_s)
    targets = np.zeros((n_times, 2, 3))
    shares = np.zeros((n_times, 2))
    if schedule is None:
        return targets, shares
    use = subject.arm_use
    if use is ArmUse.ARMRESTS and not chair.arm_rests:
        use = ArmUse.THIGHS
    inward = rng.uniform(0.0, 0.05)
    along = rng.uniform(0.55, 0.8)
    for column, side in enumerate((1, -1)):
        joint = hips + apply(pelvis, np.array([0.0, side * limbs.hip_width_m / 2, 0.0]))
        knee = two_bone(joint, ankles[:, column], pelvis[..., 0], (limbs.thigh_m, limbs.shank_m))
        on_thigh = joint + along * (knee - joint) + np.array([0.0, -side * inward, 0.095])
        if use is ArmUse.ARMRESTS:
            aside_m = side * (chair.seat_width_m / 2 + 0.02)
            above_m = chair.seat_height_m + ARM_REST_ABOVE_M + GRIP_M
            targets[:, column] = np.array([0.21, aside_m, above_m])
        else:
            targets[:, column] = on_thigh
        shares[:, column] = _hold_share(times_s, schedule, use, rng)
    return targets, shares


def _hold_share(times_s: Array, schedule: Schedule, use: ArmUse, rng: Rng) -> Array:
    (off_from, off_to), (on_from, on_to) = _RELEASE[use]
    rise_s = schedule.rise_end_s - schedule.rise_start_s
    sit_s = schedule.sit_end_s - schedule.sit_start_s
    late = rng.uniform(0.0, 0.06)
    start_s, down_s = schedule.rise_start_s, schedule.sit_start_s
    off = ease(times_s, start_s + (off_from + late) * rise_s, start_s + (off_to + late) * rise_s)
    on = ease(times_s, down_s + (on_from + late) * sit_s, down_s + (on_to + late) * sit_s)
    return 1.0 - off + on


def _aid_curves(
    subject: Subject, limbs: Limbs, path: WalkPath, hips: Array, steps: tuple[Footstep, ...]
) -> tuple[AidKind | None, Array, Array, Array]:
    """Kind, floor point, top and heading of the aid over time."""
    empty = np.zeros((0, 3))
    if subject.aid is Aid.NONE:
        return None, empty, empty, np.zeros(0)
    if subject.aid is Aid.FRAME:
        yaw = smooth_curve(path.yaw_rad, 0.12)
        ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1) * FRAME_AHEAD_M
        foot = np.concatenate([path.xy_m + ahead, np.zeros((len(yaw), 1))], axis=-1)
        top = foot + np.array([0.0, 0.0, 0.97 * limbs.hip_height_m])
        return "frame", foot, top, yaw
    foot = _stick_tip(subject, path, steps)
    side = subject.aid_side
    length_m = 0.92 * limbs.hip_height_m
    wanted = apply(rotation_z(path.yaw_rad), np.array([0.18, side * 0.27, 0.0]))
    wanted[:, :2] += hips[:, :2]
    wanted[:, 2] = length_m
    top = foot + length_m * unit(wanted - foot)
    return "stick", foot, top, path.yaw_rad


def _stick_tip(subject: Subject, path: WalkPath, steps: tuple[Footstep, ...]) -> Array:
    """The tip goes with the foot of the other side, and stands beside the hand's own foot."""
    times_s = path.times_s
    tip = np.zeros((len(times_s), 3))
    own = [step for step in steps if step.side == -subject.aid_side]
    spots = [_beside(step, subject) for step in own]
    tip[:, :2] = spots[0]
    for before, spot, step in zip(spots[:-1], spots[1:], own[1:], strict=True):
        moved = ease(times_s, step.lift_s, step.land_s)
        tip[:, :2] += moved[:, None] * (spot - before)
        middle_s = (step.lift_s + step.land_s) / 2
        raised = ease(times_s, step.lift_s, middle_s) - ease(times_s, middle_s, step.land_s)
        tip[:, 2] += 0.05 * raised
    return tip


def _beside(step: Footstep, subject: Subject) -> Array:
    """Where the tip is set down when the opposite foot lands here."""
    cos, sin = np.cos(step.yaw_rad), np.sin(step.yaw_rad)
    across = subject.aid_side * (subject.step_width_m + 0.14)
    offset = np.array([[cos, -sin], [sin, cos]]) @ np.array([0.12, across])
    return np.array(step.xy_m) + offset
