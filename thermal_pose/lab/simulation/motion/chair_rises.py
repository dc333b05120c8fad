# SPDX-License-Identifier: Apache-2.0
"""Simulated chair-rise tests: the motion and the true rises.

The tests are the five times sit-to-stand and the 30-second chair stand, both with crossed arms.
Pace, rests, fatigue and trunk lean differ from rise to rise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from thermal_pose.clinical.chair_rises.definitions import ChairRise, rises_of
from thermal_pose.clinical.chair_rises.scoring import CHAIR_STAND_S, N_RISES
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.arms import arm_rest_point_m
from thermal_pose.lab.simulation.motion.gait import WalkPath
from thermal_pose.lab.simulation.motion.limbs import Limbs, apply, measure_limbs
from thermal_pose.lab.simulation.motion.path import RISE_SHARE, SIT_SHARE, stand_x_m
from thermal_pose.lab.simulation.motion.performers import (
    NOBODY,
    Companions,
    Performer,
    Role,
    beside,
    fit_chair,
    plan_carer,
    true_kinematics,
)
from thermal_pose.lab.simulation.motion.profile import Array, ease, soft_floor, time_grid
from thermal_pose.lab.simulation.motion.seat_moves import (
    SEAT_OFF_SHARE,
    HandHold,
    SeatMoves,
    SeatUse,
)
from thermal_pose.lab.simulation.motion.trial import Trial
from thermal_pose.lab.simulation.motion.whole_body import plan_motion
from thermal_pose.lab.simulation.people.bake import bake_body
from thermal_pose.lab.simulation.people.body import BONE_INDEX, Body
from thermal_pose.lab.simulation.people.subject import Aid, ArmUse, Rng, Subject
from thermal_pose.lab.simulation.rooms.draw import draw_chair
from thermal_pose.lab.simulation.rooms.scene import Chair
from thermal_pose.types import TrialReason, TugTiming

ChairTest = Literal["five_times_sit_to_stand", "chair_stand_30s"]

#: Least and greatest height of an incomplete rise, as a share of the way from seat to standing.
INCOMPLETE_SHARE: Final = (0.45, 0.72)
#: Kinds of invalid trial, in the order in which an evaluation uses them.
INVALID_KINDS: Final = (
    TrialReason.ARMS_USED,
    TrialReason.STOPPED_EARLY,
    TrialReason.INCOMPLETE_RISE,
    TrialReason.SECOND_PERSON,
)


@dataclass(frozen=True)
class PlannedRise:
    """Planned times of one rise and the sit after it, s, and its height (1 is full standing)."""

    start_s: float
    up_s: float
    down_s: float
    seated_s: float
    share: float = 1.0


@dataclass(frozen=True)
class RisePlan:
    """The rises of one recording, and its length, s."""

    rises: tuple[PlannedRise, ...]
    end_s: float


@dataclass(frozen=True)
class RisesTrial:
    """A chair-rise test to stage and render, and its truth.

    Attributes
    ----------
    trial : people, chairs and length; its `truth` contains only the reason.
    rises : every rise of the subject, in true seconds since the recording's start.
    pushed : whether the hands push off, for each of the rises.
    """

    trial: Trial
    rises: tuple[ChairRise, ...]
    pushed: tuple[bool, ...]

    @property
    def reason(self) -> TrialReason:
        """VALID, or what is wrong with the trial."""
        return self.trial.truth.reason


def draw_rises(subject: Subject, test: ChairTest, kind: TrialReason, rng: Rng) -> RisePlan:
    """Draw the rises of one test."""
    pace = rng.uniform(0.6, 0.95)
    rise_s = float(np.clip(pace * subject.sit_to_stand_s / RISE_SHARE, 0.8, 3.5))
    sit_s = float(np.clip(pace * subject.stand_to_sit_s / SIT_SHARE, 0.8, 3.0))
    stand_s, rest_s = float(rng.uniform(0.02, 0.35)), float(rng.uniform(0.02, 0.5))
    fatigue = float(rng.uniform(0.0, 0.025))
    start_s = first_s = float(rng.uniform(1.5, 3.5))
    rises: list[PlannedRise] = []

    def goes_on() -> bool:
        if test == "five_times_sit_to_stand":
            return len(rises) < N_RISES
        return start_s < first_s + CHAIR_STAND_S

    while goes_on():
        slow = (1 + fatigue * len(rises)) * float(1 + 0.06 * np.clip(rng.standard_normal(), -2, 2))
        up_s = start_s + slow * rise_s
        down_s = up_s + stand_s * float(rng.uniform(0.6, 1.6))
        seated_s = down_s + slow * sit_s
        rises.append(PlannedRise(start_s, up_s, down_s, seated_s))
        long_rest = rng.random() < 0.08
        start_s = seated_s + float(rng.uniform(0.8, 3.0) if long_rest else rest_s)
    return _with_fault(rises, kind, rng)


def _with_fault(rises: list[PlannedRise], kind: TrialReason, rng: Rng) -> RisePlan:
    """The rises with what goes wrong in a trial of this kind."""
    if kind is TrialReason.STOPPED_EARLY:
        kept = rises[: int(rng.integers(1, max(2, len(rises) - 1)))]
        return RisePlan(tuple(kept), kept[-1].seated_s + float(rng.uniform(2.0, 5.0)))
    if kind is TrialReason.INCOMPLETE_RISE:
        n_low = int(rng.integers(max(1, len(rises) // 2 + 1), len(rises) + 1))
        low = set(rng.choice(len(rises), n_low, replace=False).tolist())
        rises = [
            replace(rise, share=float(rng.uniform(*INCOMPLETE_SHARE))) if index in low else rise
            for index, rise in enumerate(rises)
        ]
    return RisePlan(tuple(rises), rises[-1].seated_s + float(rng.uniform(2.5, 4.0)))


def rise_moves(
    subject: Subject, rises: Sequence[PlannedRise], times_s: Array, rng: Rng
) -> SeatMoves:
    """Pelvis and trunk of a person who stands up and sits down as planned."""
    height, forward = np.zeros_like(times_s), np.zeros_like(times_s)
    seated = np.radians(rng.uniform(-9, 3))
    stoop = np.radians(subject.stoop_deg)
    pitch = np.full_like(times_s, seated)
    for rise in rises:
        rise_s, sit_s = rise.up_s - rise.start_s, rise.seated_s - rise.down_s
        off_s = rise.start_s + SEAT_OFF_SHARE * rise_s
        overshoot = rng.uniform(1.1, 1.35)
        lowered = soft_floor(overshoot * ease(times_s, rise.down_s, rise.seated_s + 0.1 * sit_s))
        height += rise.share * (ease(times_s, off_s, rise.up_s) - lowered)
        forth = ease(times_s, off_s - 0.03 * rise_s, rise.start_s + 0.9 * rise_s)
        back = ease(times_s, rise.down_s + 0.03 * sit_s, rise.down_s + 0.95 * sit_s)
        forward += np.sqrt(rise.share) * (forth - back)
        standing = stoop + np.radians(rng.uniform(0, 25)) * (1 - rise.share)
        rise_peak = stoop + np.radians(rng.uniform(22, 42))
        sit_peak = stoop + np.radians(rng.uniform(16, 34))
        pitch += (rise_peak - seated) * ease(times_s, rise.start_s, rise.start_s + 0.46 * rise_s)
        pitch -= (rise_peak - standing) * ease(times_s, rise.start_s + 0.44 * rise_s, rise.up_s)
        pitch += (sit_peak - standing) * ease(
            times_s, rise.down_s - 0.1 * sit_s, rise.down_s + 0.6 * sit_s
        )
        pitch -= (sit_peak - seated) * ease(
            times_s, rise.down_s + 0.62 * sit_s, rise.seated_s + rng.uniform(0.15, 0.4)
        )
    return SeatMoves(height, np.clip(forward, 0.0, 1.0), pitch)


def crossed_arms(limbs: Limbs, rng: Rng) -> HandHold:
    """Hands on the opposite shoulders or upper arms, as both tests require."""
    shoulder_m = float(
        limbs.heads[BONE_INDEX["upper_arm.L"]][2] - limbs.heads[BONE_INDEX["thigh.L"]][2]
    )
    up_share, ahead_m = rng.uniform(0.72, 0.95), rng.uniform(0.1, 0.15)
    across_m = rng.uniform(0.04, 0.13)

    def hold(hips: Array, pelvis: Array, chest: Array) -> tuple[Array, Array, Array]:
        targets, poles = np.zeros((len(hips), 2, 3)), np.zeros((len(hips), 2, 3))
        for column, side in enumerate((1, -1)):
            local = np.array([ahead_m, -side * across_m, (up_share - 0.3) * shoulder_m])
            targets[:, column] = (
                hips + apply(pelvis, np.array([0.0, 0.0, 0.3 * shoulder_m])) + apply(chest, local)
            )
            poles[:, column] = apply(chest, np.array([0.35, 0.6 * side, -0.72]))
        return targets, np.ones((len(hips), 2)), poles

    return hold


def pushing_arms(
    limbs: Limbs, rises: Sequence[PlannedRise], times_s: Array, chair: Chair, rng: Rng
) -> tuple[HandHold, int]:
    """Hands that push off thighs or arm rests, at every rise or from a later one on.

    Returns
    -------
    What the hands hold, and the first rise at which they push off.
    """
    crossed = crossed_arms(limbs, rng)
    on_rests = chair.arm_rests and rng.random() < 0.5
    first = int(rng.integers(0, max(1, len(rises) - 2)))
    push = np.zeros_like(times_s)
    for rise in rises[first:]:
        rise_s, sit_s = rise.up_s - rise.start_s, rise.seated_s - rise.down_s
        on = ease(times_s, rise.start_s - 0.5, rise.start_s - 0.05)
        off = ease(times_s, rise.start_s + 0.55 * rise_s, rise.up_s + 0.1)
        on_again = ease(times_s, rise.down_s, rise.down_s + 0.6 * sit_s)
        off_again = ease(times_s, rise.seated_s + 0.1, rise.seated_s + 0.5)
        push = np.maximum(push, np.clip(on - off + on_again - off_again, 0.0, 1.0))

    def hold(hips: Array, pelvis: Array, chest: Array) -> tuple[Array, Array, Array]:
        targets, shares, poles = crossed(hips, pelvis, chest)
        held = push[:, None]
        for column, side in enumerate((1, -1)):
            if on_rests:
                low = arm_rest_point_m(chair, side)
            else:
                thigh = np.array([0.66 * limbs.thigh_m, side * limbs.hip_width_m / 2, 0.1])
                low = hips + apply(pelvis, thigh)
            targets[:, column] = (1 - held) * targets[:, column] + held * low
            outward = np.array([-0.85, 0.38 * side, 0.15])
            poles[:, column] = (1 - held) * poles[:, column] + held * outward
        return targets, shares, poles

    return hold, first


def plan_rises(
    subject: Subject,
    rng: Rng,
    test: ChairTest,
    *,
    kind: TrialReason = TrialReason.VALID,
    companions: Companions = NOBODY,
    chair: Chair | None = None,
    bodies: Path | None = None,
) -> RisesTrial:
    """Plan one chair-rise test of a subject.

    Parameters
    ----------
    subject : as drawn, but without a walking aid; the pace is varied with `rng`.
    kind : VALID, or one of `INVALID_KINDS`.
    companions : people in view besides the subject.
    chair : lowered to fit the legs; drawn if None.
    bodies : folder of baked bodies; the user's cache if None.

    Raises
    ------
    SimulationError
        If the second person is missing, or the kind is unknown.
    """
    if kind is not TrialReason.VALID and kind not in INVALID_KINDS:
        raise SimulationError(f"kind: expected 'valid' or one of {INVALID_KINDS}, got {kind!r}")
    varied = _without_aid(subject, rng)
    body = bake_body(varied.shape, bodies)
    chair = fit_chair(draw_chair(rng) if chair is None else chair, measure_limbs(body))
    plan = draw_rises(varied, test, kind, rng)
    pushes = kind is TrialReason.ARMS_USED
    subject_performs, first_push = _performer("subject", varied, body, plan, chair, rng, pushes)
    performers, chairs = [subject_performs], [chair]
    if kind is TrialReason.SECOND_PERSON:
        other = _without_aid(companions.required_second(), rng)
        other_body = bake_body(other.shape, bodies)
        other_plan = draw_rises(other, test, TrialReason.VALID, rng)
        bystander, _ = _performer("bystander", other, other_body, other_plan, chair, rng)
        bystander, other_chair = beside(bystander, chair, rng)
        performers.append(bystander)
        chairs.append(other_chair)
    if companions.carer is not None:
        path = _beside_chair(plan.end_s, rng)
        performers.append(plan_carer(companions.carer, path, rng, bodies))
    truth = TugTiming(origin_ns=0, reason=kind)
    trial = Trial(tuple(performers), tuple(chairs), plan.end_s, truth)
    rises = true_rises(performers[0], chair)
    return RisesTrial(trial, rises, tuple(k >= first_push for k in range(len(rises))))


def _without_aid(subject: Subject, rng: Rng) -> Subject:
    return replace(subject.trial_variant(rng), aid=Aid.NONE, arm_use=ArmUse.FREE)


def true_rises(performer: Performer, chair: Chair) -> tuple[ChairRise, ...]:
    """Every rise of a motion, by the definitions in `clinical.chair_rises.definitions`."""
    limbs = measure_limbs(performer.body)
    kinematics, contact = true_kinematics(performer)
    offset_m = float(np.median(kinematics.pelvis_height_m[contact]))
    seated_m = chair.seat_height_m + limbs.seat_drop_m
    # Old and slow people stand with slightly bent knees (`whole_body._standing_height_m`).
    bent = 0.0008 * performer.subject.stoop_deg + 0.012 * performer.subject.shuffling
    standing_m = (0.99 - bent) * limbs.leg_m + limbs.ankle_height_m + (offset_m - seated_m)
    return rises_of(kinematics, offset_m, standing_m)


def _performer(
    role: Role,
    subject: Subject,
    body: Body,
    plan: RisePlan,
    chair: Chair,
    rng: Rng,
    pushes: bool = False,
) -> tuple[Performer, int]:
    """A person who does the planned rises with crossed arms, or pushes off with them.

    Returns
    -------
    The performer, and the first rise at which the hands push off; their number without any.
    """
    limbs = measure_limbs(body)
    stand_m = stand_x_m(limbs)
    times_s = time_grid(plan.end_s + 1.0)
    xy = np.tile([stand_m, 0.0], (len(times_s), 1))
    path = WalkPath(times_s, xy, np.zeros_like(times_s), ())
    moves = rise_moves(subject, plan.rises, times_s, rng)
    if pushes:
        hold, first = pushing_arms(limbs, plan.rises, times_s, chair, rng)
    else:
        hold, first = crossed_arms(limbs, rng), len(plan.rises)
    seat = SeatUse(chair, stand_m, hand_hold=hold)
    motion = plan_motion(subject, body, path, moves, seat, rng)
    return Performer(role, subject, body, motion), first


def _beside_chair(end_s: float, rng: Rng) -> WalkPath:
    """Standing beside the test's chair all the time."""
    times_s = time_grid(end_s + 1.0)
    side = float(rng.choice([-1.0, 1.0]))
    point = np.array([rng.uniform(-0.1, 0.6), side * rng.uniform(0.85, 1.15)])
    yaw = np.full(len(times_s), np.arctan2(-side, rng.uniform(0.2, 1.2)))
    return WalkPath(times_s, np.tile(point, (len(times_s), 1)), yaw, ())
