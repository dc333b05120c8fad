# SPDX-License-Identifier: Apache-2.0
"""How a person stands up and sits down again and again, arms crossed, and when it truly happens.

Two tests are planned: five times sit-to-stand and the 30-second chair stand. Pace, rests, fatigue
and the depth of each lean differ from rise to rise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from thermal_pose.clinical.chair_rises.definitions import ChairRise, rises_of
from thermal_pose.clinical.tug.definitions import kinematics_from_joints
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.arms import ARM_REST_ABOVE_M, GRIP_M
from thermal_pose.lab.simulation.motion.gait import WalkPath
from thermal_pose.lab.simulation.motion.limbs import Limbs, apply, measure_limbs
from thermal_pose.lab.simulation.motion.path import SIT_SHARE, stand_x_m
from thermal_pose.lab.simulation.motion.profile import Array, ease, soft_floor, time_grid
from thermal_pose.lab.simulation.motion.trial import TRUTH_HZ, Performer, Trial, fit_chair
from thermal_pose.lab.simulation.motion.whole_body import (
    SEAT_OFF_SHARE,
    HandHold,
    PlannedMotion,
    SeatMoves,
    plan_motion,
    standing_moves,
)
from thermal_pose.lab.simulation.people.bake import bake_body
from thermal_pose.lab.simulation.people.body import BONE_INDEX, Body
from thermal_pose.lab.simulation.people.subject import Aid, ArmUse, Rng, Subject
from thermal_pose.lab.simulation.rooms.draw import draw_chair
from thermal_pose.lab.simulation.rooms.scene import Chair
from thermal_pose.types import TrialReason, TugTiming

Test = Literal["five_times_sit_to_stand", "chair_stand_30s"]

FIVE: Final = 5
CHAIR_STAND_S: Final = 30.0
#: How high an incomplete rise goes, as a share of the way from seat to standing.
INCOMPLETE_SHARE: Final = (0.45, 0.72)
#: The kinds of invalid trial, in the order in which an evaluation takes them.
INVALID_KINDS: Final = (
    TrialReason.ARMS_USED,
    TrialReason.STOPPED_EARLY,
    TrialReason.INCOMPLETE_RISE,
    TrialReason.SECOND_PERSON,
)


@dataclass(frozen=True)
class PlannedRise:
    """When one rise was meant to happen, s, and how high it goes (1 is full standing)."""

    start_s: float
    up_s: float
    down_s: float
    seated_s: float
    share: float = 1.0


@dataclass(frozen=True)
class RisesTrial:
    """A trial to stage and render, with what happens in it.

    Attributes
    ----------
    trial : people, chairs and length; its `truth` holds the reason only.
    rises : every rise of the subject, in true seconds since the recording's start.
    """

    trial: Trial
    rises: tuple[ChairRise, ...]

    @property
    def reason(self) -> TrialReason:
        """VALID, or what is wrong with the trial."""
        return self.trial.truth.reason


def draw_rises(
    subject: Subject, test: Test, kind: TrialReason, rng: Rng
) -> tuple[tuple[PlannedRise, ...], float]:
    """Draw the rises of one trial and the length of its recording, s."""
    pace = rng.uniform(0.6, 0.95)
    rise_s = float(np.clip(pace * subject.rise_s / 0.78, 0.8, 3.5))
    sit_s = float(np.clip(pace * subject.sit_s / SIT_SHARE, 0.8, 3.0))
    stand_s, rest_s = float(rng.uniform(0.02, 0.35)), float(rng.uniform(0.02, 0.5))
    fatigue = float(rng.uniform(0.0, 0.025))
    start_s = first_s = float(rng.uniform(1.5, 3.5))
    rises: list[PlannedRise] = []
    while (
        len(rises) < FIVE
        if test == "five_times_sit_to_stand"
        else (start_s < first_s + CHAIR_STAND_S)
    ):
        slow = (1 + fatigue * len(rises)) * float(1 + 0.06 * np.clip(rng.standard_normal(), -2, 2))
        up_s = start_s + slow * rise_s
        down_s = up_s + stand_s * float(rng.uniform(0.6, 1.6))
        seated_s = down_s + slow * sit_s
        rises.append(PlannedRise(start_s, up_s, down_s, seated_s))
        long_rest = rng.random() < 0.08
        start_s = seated_s + float(rng.uniform(0.8, 3.0) if long_rest else rest_s)
    rises, end_s = _changed(rises, kind, rng)
    return tuple(rises), end_s


def _changed(
    rises: list[PlannedRise], kind: TrialReason, rng: Rng
) -> tuple[list[PlannedRise], float]:
    """The rises with what goes wrong, and when the recording ends."""
    if kind is TrialReason.STOPPED_EARLY:
        kept = rises[: int(rng.integers(1, max(2, len(rises) - 1)))]
        return kept, kept[-1].seated_s + float(rng.uniform(2.0, 5.0))
    if kind is TrialReason.INCOMPLETE_RISE:
        n_low = int(rng.integers(max(1, len(rises) // 2 + 1), len(rises) + 1))
        low = set(rng.choice(len(rises), n_low, replace=False).tolist())
        rises = [
            replace(rise, share=float(rng.uniform(*INCOMPLETE_SHARE))) if index in low else rise
            for index, rise in enumerate(rises)
        ]
    return rises, rises[-1].seated_s + float(rng.uniform(2.5, 4.0))


def rise_moves(
    subject: Subject, rises: Sequence[PlannedRise], times_s: Array, rng: Rng
) -> SeatMoves:
    """Pelvis and trunk of a person who stands up and sits down as planned."""
    up, out = np.zeros_like(times_s), np.zeros_like(times_s)
    seated = np.radians(rng.uniform(-9, 3))
    stoop = np.radians(subject.stoop_deg)
    pitch = np.full_like(times_s, seated)
    for rise in rises:
        rise_s, sit_s = rise.up_s - rise.start_s, rise.seated_s - rise.down_s
        off_s = rise.start_s + SEAT_OFF_SHARE * rise_s
        plump = rng.uniform(1.1, 1.35)
        sunk = soft_floor(plump * ease(times_s, rise.down_s, rise.seated_s + 0.1 * sit_s))
        up += rise.share * (ease(times_s, off_s, rise.up_s) - sunk)
        forth = ease(times_s, off_s - 0.03 * rise_s, rise.start_s + 0.9 * rise_s)
        back = ease(times_s, rise.down_s + 0.03 * sit_s, rise.down_s + 0.95 * sit_s)
        out += np.sqrt(rise.share) * (forth - back)
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
    return SeatMoves(up, np.clip(out, 0.0, 1.0), pitch)


def crossed_arms(limbs: Limbs, rng: Rng) -> HandHold:
    """Hands on the opposite shoulders or upper arms, as both tests ask for."""
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
) -> HandHold:
    """Hands that push off the thighs or the arm rests at every rise, or only after the first."""
    crossed = crossed_arms(limbs, rng)
    rests = chair.arm_rests and rng.random() < 0.5
    first = int(rng.integers(0, max(1, len(rises) - 2)))
    push = np.zeros_like(times_s)
    for rise in rises[first:]:
        rise_s, sit_s = rise.up_s - rise.start_s, rise.seated_s - rise.down_s
        taken = ease(times_s, rise.start_s - 0.5, rise.start_s - 0.05)
        left = ease(times_s, rise.start_s + 0.55 * rise_s, rise.up_s + 0.1)
        again = ease(times_s, rise.down_s, rise.down_s + 0.6 * sit_s)
        after = ease(times_s, rise.seated_s + 0.1, rise.seated_s + 0.5)
        push = np.maximum(push, np.clip(taken - left + again - after, 0.0, 1.0))

    def hold(hips: Array, pelvis: Array, chest: Array) -> tuple[Array, Array, Array]:
        targets, shares, poles = crossed(hips, pelvis, chest)
        for column, side in enumerate((1, -1)):
            if rests:
                low = np.array(
                    [
                        0.21,
                        side * (chair.seat_width_m / 2 + 0.02),
                        chair.seat_height_m + ARM_REST_ABOVE_M + GRIP_M,
                    ]
                )
            else:
                aside = side * limbs.hip_width_m / 2
                low = hips + apply(pelvis, np.array([0.66 * limbs.thigh_m, aside, 0.1]))
            held = push[:, None]
            targets[:, column] = (1 - held) * targets[:, column] + held * low
            outward = np.array([-0.85, 0.38 * side, 0.15])
            poles[:, column] = (1 - held) * poles[:, column] + held * outward
        return targets, shares, poles

    return hold


def plan_rises(
    subject: Subject,
    rng: Rng,
    test: Test,
    *,
    kind: TrialReason = TrialReason.VALID,
    second: Subject | None = None,
    carer: Subject | None = None,
    chair: Chair | None = None,
    bodies: Path | None = None,
) -> RisesTrial:
    """Plan one trial of a subject, valid or of the given reason to refuse it.

    Parameters
    ----------
    subject : as drawn; walking aids are put aside, and pace varies by `rng`.
    kind : VALID, or one of `INVALID_KINDS`.
    second : who else does the test; needed for SECOND_PERSON.
    carer : somebody who stands by; None for nobody.
    chair : lowered to fit the legs; drawn if None.
    bodies : folder of baked bodies; the user's cache if None.

    Raises
    ------
    SimulationError
        If `second` is missing, or the kind is not one of those.
    """
    if kind is not TrialReason.VALID and kind not in INVALID_KINDS:
        raise SimulationError(f"kind: expected 'valid' or one of {INVALID_KINDS}, got {kind!r}")
    varied = replace(subject.trial_variant(rng), aid=Aid.NONE, arm_use=ArmUse.FREE)
    body = bake_body(varied.shape, bodies)
    chair = fit_chair(draw_chair(rng) if chair is None else chair, measure_limbs(body))
    rises, end_s = draw_rises(varied, test, kind, rng)
    motion = _motion(varied, body, rises, end_s, chair, rng, kind is TrialReason.ARMS_USED)
    performers = [Performer("subject", varied, body, motion)]
    chairs = [chair]
    if kind is TrialReason.SECOND_PERSON:
        if second is None:
            raise SimulationError("second: expected a subject for a trial of two people, got None")
        other, other_chair = _second_performer(second, test, chair, rng, bodies)
        performers.append(other)
        chairs.append(other_chair)
    if carer is not None:
        performers.append(_bystander(carer, end_s, rng, bodies))
    reason = TugTiming(origin_ns=0, reason=kind)
    trial = Trial(tuple(performers), tuple(chairs), end_s, reason)
    return RisesTrial(trial, true_rises(performers[0], chair))


def true_rises(performer: Performer, chair: Chair) -> tuple[ChairRise, ...]:
    """Every rise of a motion, by `clinical.chair_rises.definitions`."""
    motion, limbs = performer.motion, measure_limbs(performer.body)
    times_s = np.arange(0.0, motion.times_s[-1], 1.0 / TRUTH_HZ)
    joints = np.stack([performer.joints(float(time_s)) for time_s in times_s])
    nearest = np.searchsorted(motion.times_s, times_s - 1e-6)
    kinematics = kinematics_from_joints(times_s, joints, motion.seat_contact[nearest])
    offset_m = float(np.median(kinematics.pelvis_height_m[motion.seat_contact[nearest]]))
    seated_m = chair.seat_height_m + limbs.seat_drop_m
    # The person's own standing: old and slow people keep their knees bent (`whole_body._hips_m`).
    bent = 0.0008 * performer.subject.stoop_deg + 0.012 * performer.subject.shuffling
    standing_m = (0.99 - bent) * limbs.leg_m + limbs.ankle_height_m + (offset_m - seated_m)
    return rises_of(kinematics, offset_m, standing_m)


def _motion(
    subject: Subject,
    body: Body,
    rises: Sequence[PlannedRise],
    end_s: float,
    chair: Chair,
    rng: Rng,
    pushes: bool,
) -> PlannedMotion:
    limbs = measure_limbs(body)
    stand_m = stand_x_m(limbs)
    times_s = time_grid(end_s + 1.0)
    xy = np.tile([stand_m, 0.0], (len(times_s), 1))
    path = WalkPath(times_s, xy, np.zeros_like(times_s), ())
    moves = rise_moves(subject, rises, times_s, rng)
    hold = pushing_arms(limbs, rises, times_s, chair, rng) if pushes else crossed_arms(limbs, rng)
    return plan_motion(subject, body, path, moves, rng, chair, stand_m, hold=hold)


def _second_performer(
    second: Subject, test: Test, chair: Chair, rng: Rng, bodies: Path | None
) -> tuple[Performer, Chair]:
    """Somebody on a chair beside who does the test as well."""
    varied = replace(second.trial_variant(rng), aid=Aid.NONE, arm_use=ArmUse.FREE)
    body = bake_body(varied.shape, bodies)
    rises, end_s = draw_rises(varied, test, TrialReason.VALID, rng)
    motion = _motion(varied, body, rises, end_s, chair, rng, pushes=False)
    aside_m = float(rng.choice([-1, 1]) * rng.uniform(0.85, 1.05))
    place = replace(chair, position_m=(0.0, aside_m))
    return Performer("bystander", varied, body, motion.moved((0.0, aside_m))), place


def _bystander(carer: Subject, end_s: float, rng: Rng, bodies: Path | None) -> Performer:
    """A carer who stands beside the chair all the time."""
    body = bake_body(carer.shape, bodies)
    times_s = time_grid(end_s + 1.0)
    side = float(rng.choice([-1.0, 1.0]))
    spot = np.array([rng.uniform(-0.1, 0.6), side * rng.uniform(0.85, 1.15)])
    yaw = np.full(len(times_s), np.arctan2(-side, rng.uniform(0.2, 1.2)))
    path = WalkPath(times_s, np.tile(spot, (len(times_s), 1)), yaw, ())
    motion = plan_motion(carer, body, path, standing_moves(carer, times_s), rng, Chair(), 0.0)
    return Performer("carer", carer, body, motion)
