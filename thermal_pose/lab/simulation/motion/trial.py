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
from thermal_pose.lab.simulation.motion.invalid import (
    SENTENCES,
    changed_moves,
    changed_plan,
    trimmed,
)
from thermal_pose.lab.simulation.motion.limbs import Limbs, measure_limbs
from thermal_pose.lab.simulation.motion.manner import PLAIN, Manner
from thermal_pose.lab.simulation.motion.path import Rests, TugPlan, plan_tug
from thermal_pose.lab.simulation.motion.pauses import with_pauses
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
#: Where somebody turns who leaves the view: beyond every camera, m from the chair.
BEYOND_CAMERA_M = 8.2


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
        STAMP_GAP, lens covered for FRAMES_LOST); None if it is sound.
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
    manner: Manner = PLAIN,
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
    manner : how this trial differs from the subject's habits.

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
        mark_m=BEYOND_CAMERA_M if kind is TrialReason.LEFT_VIEW else manner.mark_m,
        pause_s=float(rng.uniform(121, 128)) if kind is TrialReason.TOO_SLOW else 0.0,
        manner=manner,
    )
    plan = with_pauses(plan, manner.pauses)
    plan, duration_s = changed_plan(plan, kind, rng)
    motion = _tug_motion(varied, body, plan, chair, rng, manner, kind)
    if kind is TrialReason.NO_PERSON:
        motion = replace(motion, until_s=-np.inf)
    performer, duration_s = _recorded_part(
        Performer("subject", varied, body, motion), duration_s, kind, rng
    )
    performers = [performer]
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
    if kind not in SENTENCES:
        raise SimulationError(f"kind: expected one that can be simulated, got {kind}")
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


def _recorded_part(
    performer: Performer, duration_s: float, kind: TrialReason, rng: Rng
) -> tuple[Performer, float]:
    """What a recording that begins late or ends early holds of a test, and how long it is."""
    if kind not in (TrialReason.BEGAN_LATE, TrialReason.CUT_OFF):
        return performer, duration_s
    phases = true_timing(performer).phases
    if kind is TrialReason.CUT_OFF:
        longest_s = 0.9 * phases[-1].duration_s
        return performer, phases[-1].end_s - float(rng.uniform(0.1, max(0.2, longest_s)))
    late_s = float(rng.uniform(phases[0].start_s + 0.3, phases[2].start_s))
    motion = trimmed(performer.motion, late_s)
    return replace(performer, motion=motion), duration_s - late_s


def _tug_motion(
    subject: Subject,
    body: Body,
    plan: TugPlan,
    chair: Chair,
    rng: Rng,
    manner: Manner = PLAIN,
    kind: TrialReason = TrialReason.VALID,
) -> PlannedMotion:
    moves = seat_moves(subject, plan.schedule, plan.path.times_s, rng, manner)
    moves = changed_moves(moves, plan, kind)
    return plan_motion(
        subject,
        body,
        plan.path,
        moves,
        rng,
        chair,
        plan.stand_x_m,
        plan.schedule,
        manner=manner,
    )


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
