# SPDX-License-Identifier: Apache-2.0
"""One trial: who moves how, for how long, and what its timing truly is.

A trial says nothing of rooms and cameras (see `staging`), so it can be planned, and its truth
computed, in some fifty milliseconds and without rendering.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from thermal_pose.clinical.tug.definitions import kinematics_from_joints, phase_intervals
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.limbs import Limbs, measure_limbs
from thermal_pose.lab.simulation.motion.path import MARK_M, Rests, Schedule, TugPlan, plan_tug
from thermal_pose.lab.simulation.motion.visits import visit_path
from thermal_pose.lab.simulation.motion.whole_body import (
    PlannedMotion,
    plan_motion,
    seat_moves,
    standing_moves,
)
from thermal_pose.lab.simulation.people.bake import bake_body
from thermal_pose.lab.simulation.people.body import Body
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.lab.simulation.people.subject import Rng, Subject
from thermal_pose.lab.simulation.rooms.draw import draw_chair
from thermal_pose.lab.simulation.rooms.scene import Chair
from thermal_pose.types import FloatArray, TrialReason, TugTiming

Role = Literal["subject", "carer", "bystander"]

#: Times at which the truth is computed, Hz.
TRUTH_HZ = 100.0
#: Why each kind of trial cannot be timed, for people.
SENTENCES: dict[TrialReason, str] = {
    TrialReason.NO_PERSON: "Nobody is in the recording.",
    TrialReason.NEVER_SAT: "The person never sits in the recording.",
    TrialReason.NEVER_STOOD: "The person tries but never stands up.",
    TrialReason.STOPPED_EARLY: "The test is not finished in the recording.",
    TrialReason.LEFT_VIEW: "The person leaves the camera's view during the test.",
    TrialReason.SECOND_PERSON: "Two people do the test at the same time.",
    TrialReason.FRAMES_LOST: "The camera was covered during much of the test.",
    TrialReason.STAMP_GAP: "The recording has a gap during the test.",
    TrialReason.WRONG_ORDER: "The person walks and sits down first, then stands up.",
    TrialReason.TOO_SLOW: "The person stands still for minutes during the test.",
}
#: Where somebody turns who leaves the view: beyond every camera, m from the chair.
BEYOND_CAMERA_M = 8.2
FAR_FUTURE_S = 1.0e4


@dataclass(frozen=True)
class Performer:
    """One person of a trial: who it is and how it moves."""

    role: Role
    subject: Subject
    body: Body
    motion: PlannedMotion

    def joints(self, time_s: float) -> FloatArray:
        """COCO joints (17, 3) in the room at a time, m."""
        return pose_keypoints(self.body, self.motion.pose(time_s))


@dataclass(frozen=True)
class Trial:
    """What happens in one recording, and its true timing.

    Attributes
    ----------
    performers : the subject first.
    chairs : the test's chair first.
    duration_s : length of the recording; times count from its start.
    truth : six phases where valid, else the reason.
    fault_s : [start, end) in which the recording itself is at fault (frames missing for
        STAMP_GAP, lens covered for FRAMES_LOST); None where it is sound.
    """

    performers: tuple[Performer, ...]
    chairs: tuple[Chair, ...]
    duration_s: float
    truth: TugTiming
    fault_s: tuple[float, float] | None = None

    @property
    def subject(self) -> Subject:
        """The person tested, as varied for this trial."""
        return self.performers[0].subject

    def joints(self, time_s: float) -> FloatArray:
        """COCO joints (17, 3) of the subject in the room at a time, m."""
        return self.performers[0].joints(time_s)


def true_timing(performer: Performer) -> TugTiming:
    """Phases of a performer's motion by the definitions of `tug.definitions`.

    Raises
    ------
    ValueError
        If the motion is not a whole test.
    """
    motion = performer.motion
    times_s = np.arange(0.0, motion.times_s[-1], 1.0 / TRUTH_HZ)
    joints = np.stack([performer.joints(float(time_s)) for time_s in times_s])
    nearest = np.searchsorted(motion.times_s, times_s - 1e-6)
    kinematics = kinematics_from_joints(times_s, joints, motion.seat_contact[nearest])
    return TugTiming(origin_ns=0, phases=phase_intervals(kinematics))


def fit_chair(chair: Chair, limbs: Limbs) -> Chair:
    """The chair, lowered where the legs are too short to sit on it without sinking in."""
    popliteal_m = limbs.shank_m + limbs.ankle_height_m
    height_m = max(0.36, min(chair.seat_height_m, popliteal_m + 0.015))
    back_m = chair.back_height_m - (chair.seat_height_m - height_m)
    return replace(chair, seat_height_m=round(height_m, 3), back_height_m=round(back_m, 3))


def plan_trial(
    subject: Subject,
    rng: Rng,
    *,
    kind: TrialReason = TrialReason.VALID,
    body: Body | None = None,
    carer: Subject | None = None,
    second: Subject | None = None,
    rests: Rests | None = None,
    chair: Chair | None = None,
    bodies: Path | None = None,
) -> Trial:
    """Plan one trial of a subject, valid or of the given reason to refuse it.

    Parameters
    ----------
    subject : as drawn; speed and timing are varied by `rng`.
    kind : VALID, or what goes wrong.
    body : the subject's body; baked or read from the cache if None.
    carer : somebody who is in view during the test without doing it; None for nobody.
    second : who else does the test; needed for SECOND_PERSON.
    rests : sitting still before and after; drawn (1.2 to 3.5 s) if None.
    chair : lowered to fit the legs; drawn if None.
    bodies : folder of baked bodies; the user's cache if None.

    Raises
    ------
    SimulationError
        If the body cannot walk as asked, or `second` is missing.
    """
    body = bake_body(subject.shape, bodies) if body is None else body
    varied = subject.trial_variant(rng)
    limbs = measure_limbs(body)
    chair = fit_chair(draw_chair(rng) if chair is None else chair, limbs)
    rests = rests or Rests(*(float(value) for value in rng.uniform(1.2, 3.5, 2)))
    plan = plan_tug(
        varied,
        limbs,
        rests,
        rng,
        mark_m=BEYOND_CAMERA_M if kind is TrialReason.LEFT_VIEW else MARK_M,
        pause_s=float(rng.uniform(121, 128)) if kind is TrialReason.TOO_SLOW else 0.0,
    )
    plan, duration_s = _changed_plan(plan, kind, rng)
    motion = _tug_motion(varied, body, plan, chair, rng)
    if kind is TrialReason.NO_PERSON:
        motion = replace(motion, until_s=-np.inf)
    performers = [Performer("subject", varied, body, motion)]
    chairs = [chair]
    if kind is TrialReason.SECOND_PERSON:
        if second is None:
            raise SimulationError("second: expected a subject for a trial of two people, got None")
        other, other_chair = _second_performer(second, chair, rests, rng, bodies)
        performers.append(other)
        chairs.append(other_chair)
    if carer is not None:
        performers.append(_carer_performer(carer, plan, rng, bodies))
    return Trial(
        performers=tuple(performers),
        chairs=tuple(chairs),
        duration_s=duration_s,
        truth=_truth(performers[0], kind),
        fault_s=_fault_s(performers[0], kind, rng),
    )


def _truth(performer: Performer, kind: TrialReason) -> TugTiming:
    if kind is TrialReason.VALID:
        return true_timing(performer)
    return TugTiming(origin_ns=0, reason=kind, sentence=SENTENCES[kind])


def _fault_s(performer: Performer, kind: TrialReason, rng: Rng) -> tuple[float, float] | None:
    """Where the recording is at fault: within the test's walk, or most of the test."""
    if kind not in (TrialReason.STAMP_GAP, TrialReason.FRAMES_LOST):
        return None
    timing = true_timing(performer)
    start_s, total_s = timing.phases[0].start_s, float(timing.total_s or 0.0)
    if kind is TrialReason.STAMP_GAP:
        length_s = float(rng.uniform(1.6, max(2.0, 0.3 * total_s)))
        gap_s = start_s + float(rng.uniform(0.15, 0.55)) * total_s
        return gap_s, gap_s + length_s
    return start_s + 0.2 * total_s, start_s + float(rng.uniform(0.75, 0.9)) * total_s


def _tug_motion(
    subject: Subject, body: Body, plan: TugPlan, chair: Chair, rng: Rng
) -> PlannedMotion:
    moves = seat_moves(subject, plan.schedule, plan.path.times_s, rng)
    return plan_motion(subject, body, plan.path, moves, rng, chair, plan.stand_x_m, plan.schedule)


def _changed_plan(plan: TugPlan, kind: TrialReason, rng: Rng) -> tuple[TugPlan, float]:
    """The plan with what goes wrong, and the recording's length."""
    schedule = plan.schedule
    if kind is TrialReason.NEVER_STOOD:
        rocks_s = tuple(1.5 + 1.6 * k for k in range(int(rng.integers(1, 4))))
        still = _shifted(schedule, FAR_FUTURE_S, rocks_s)
        path = replace(
            plan.path,
            xy_m=np.tile(plan.path.xy_m[:1], (len(plan.path.times_s), 1)),
            yaw_rad=np.zeros_like(plan.path.yaw_rad),
            walking_s=(),
        )
        return replace(plan, schedule=still, path=path), min(schedule.end_s, 12.0)
    if kind is TrialReason.NEVER_SAT:
        never = replace(
            schedule,
            rise_start_s=-20.0,
            rise_end_s=-18.0,
            sit_start_s=FAR_FUTURE_S,
            sit_end_s=FAR_FUTURE_S + 1.0,
            rocks_s=(),
        )
        return replace(plan, schedule=never), schedule.end_s
    if kind is TrialReason.WRONG_ORDER:
        return _sits_first(plan)
    if kind is TrialReason.STOPPED_EARLY:
        return _stopped_plan(plan, rng)
    return plan, schedule.end_s


def _shifted(schedule: Schedule, by_s: float, rocks_s: tuple[float, ...]) -> Schedule:
    return replace(
        schedule,
        rise_start_s=schedule.rise_start_s + by_s,
        rise_end_s=schedule.rise_end_s + by_s,
        sit_start_s=schedule.sit_start_s + by_s,
        sit_end_s=schedule.sit_end_s + by_s,
        rocks_s=rocks_s,
    )


def _sits_first(plan: TugPlan) -> tuple[TugPlan, float]:
    """Stands, walks out and back, sits down, and then stands up."""
    schedule = plan.schedule
    rise_s = schedule.rise_end_s - schedule.rise_start_s
    start_s = schedule.end_s - rise_s - 1.0
    late = replace(schedule, rise_start_s=start_s, rise_end_s=start_s + rise_s, rocks_s=())
    if late.rise_start_s < late.sit_end_s + 0.5:
        shift_s = late.sit_end_s + 0.5 - late.rise_start_s
        late = replace(
            late,
            rise_start_s=late.rise_start_s + shift_s,
            rise_end_s=late.rise_end_s + shift_s,
        )
    return replace(plan, schedule=late), late.rise_end_s + 1.0


def _stopped_plan(plan: TugPlan, rng: Rng) -> tuple[TugPlan, float]:
    """The recording ends during the test, or the person comes back and stays on their feet."""
    schedule = plan.schedule
    if rng.random() < 0.3:
        never = replace(schedule, sit_start_s=FAR_FUTURE_S, sit_end_s=FAR_FUTURE_S + 1.0)
        return replace(plan, schedule=never), schedule.end_s
    walk_s = schedule.final_turn_start_s - schedule.walk_start_s
    return plan, schedule.walk_start_s + float(rng.uniform(0.15, 0.95)) * walk_s


def _second_performer(
    second: Subject, chair: Chair, rests: Rests, rng: Rng, bodies: Path | None
) -> tuple[Performer, Chair]:
    """Somebody on a chair beside who does the test too, starting a little earlier or later."""
    body = bake_body(second.shape, bodies)
    varied = second.trial_variant(rng)
    later = Rests(max(1.0, rests.before_s + float(rng.uniform(-1.0, 2.0))), rests.after_s)
    plan = plan_tug(varied, measure_limbs(body), later, rng)
    motion = _tug_motion(varied, body, plan, replace(chair, position_m=(0.0, 0.0)), rng)
    aside_m = float(rng.choice([-1, 1]) * rng.uniform(0.85, 1.05))
    other_chair = replace(chair, position_m=(0.0, aside_m))
    return Performer("bystander", varied, body, motion.moved((0.0, aside_m))), other_chair


def _carer_performer(carer: Subject, plan: TugPlan, rng: Rng, bodies: Path | None) -> Performer:
    """Somebody who stands by, walks along or passes, without doing the test."""
    body = bake_body(carer.shape, bodies)
    path = visit_path(plan, rng)
    moves = standing_moves(carer, path.times_s)
    motion = plan_motion(carer, body, path, moves, rng, Chair(), 0.0)
    return Performer("carer", carer, body, motion)
