# SPDX-License-Identifier: Apache-2.0
"""One simulated Timed Up and Go: the people, their motion, and the true timing.

A trial contains no room and no camera (see `recordings.staging`). Planning it and computing its
truth needs no rendering and takes about 50 ms.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from thermal_pose.clinical.tug.definitions import phase_intervals
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.invalid import (
    SENTENCES,
    changed_moves,
    changed_plan,
    trimmed,
)
from thermal_pose.lab.simulation.motion.limbs import Limbs, measure_limbs
from thermal_pose.lab.simulation.motion.manner import PLAIN, Manner
from thermal_pose.lab.simulation.motion.path import Rests, TugPlan, on_the_spot, plan_tug
from thermal_pose.lab.simulation.motion.pauses import with_pauses
from thermal_pose.lab.simulation.motion.performers import (
    NOBODY,
    Companions,
    Performer,
    beside,
    fit_chair,
    plan_carer,
    true_kinematics,
)
from thermal_pose.lab.simulation.motion.seat_moves import SeatUse, seat_moves
from thermal_pose.lab.simulation.motion.visits import visit_path
from thermal_pose.lab.simulation.motion.whole_body import PlannedMotion, plan_motion
from thermal_pose.lab.simulation.people.bake import bake_body
from thermal_pose.lab.simulation.people.body import Body
from thermal_pose.lab.simulation.people.subject import Rng, Subject
from thermal_pose.lab.simulation.rooms.draw import draw_chair
from thermal_pose.lab.simulation.rooms.scene import Chair
from thermal_pose.types import FloatArray, TrialReason, TugTiming

#: Where a person who leaves the view turns: beyond every camera, m from the chair.
BEYOND_CAMERA_M = 8.2


@dataclass(frozen=True)
class Trial:
    """Content and true timing of one recording; times count from its start.

    Attributes
    ----------
    performers : people, the subject first.
    chairs : chairs, that of the test first.
    duration_s : length of the recording.
    truth : six phases if the trial is valid, otherwise the reason.
    fault_s : [start, end) in which the recording is faulty (missing frames for STAMP_GAP, covered
        lens for FRAMES_LOST); None if it is sound.
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
    """Phases of a performer's motion by the definitions in `clinical.tug.definitions`.

    Raises
    ------
    ValueError
        If the motion is not a whole test.
    """
    return TugTiming(origin_ns=0, phases=phase_intervals(true_kinematics(performer)[0]))


def plan_trial(
    subject: Subject,
    rng: Rng,
    *,
    kind: TrialReason = TrialReason.VALID,
    body: Body | None = None,
    companions: Companions = NOBODY,
    chair: Chair | None = None,
    bodies: Path | None = None,
    manner: Manner = PLAIN,
) -> Trial:
    """Plan one Timed Up and Go of a subject.

    Parameters
    ----------
    subject : as drawn; speed and timing are varied with `rng`.
    kind : VALID, or what goes wrong.
    body : the subject's body; read from the cache, or else baked, if None.
    companions : people in view besides the subject.
    chair : lowered to fit the legs; drawn if None.
    bodies : folder of baked bodies; the user's cache if None.
    manner : how this trial differs from the subject's habits.

    Raises
    ------
    SimulationError
        If the body cannot walk as asked, or the second person is missing.
    ValueError
        If a VALID trial is drawn whose motion is not a whole test.
    """
    body = bake_body(subject.shape, bodies) if body is None else body
    varied = subject.trial_variant(rng)
    limbs = measure_limbs(body)
    chair = fit_chair(draw_chair(rng) if chair is None else chair, limbs)
    rests = Rests(*(float(value) for value in rng.uniform(1.2, 3.5, 2)))
    plan, end_s = _plan(varied, limbs, rests, kind, manner, rng)
    motion = _tug_motion(varied, body, plan, chair, rng, manner, kind)
    if kind is TrialReason.NO_PERSON:
        motion = replace(motion, until_s=-np.inf)
    performer = Performer("subject", varied, body, motion)
    performer, duration_s = _recorded_part(performer, end_s, kind, rng)
    performers, chairs = [performer], [chair]
    if kind is TrialReason.SECOND_PERSON:
        second = companions.required_second()
        other, other_chair = _second_performer(second, chair, rests, rng, bodies)
        performers.append(other)
        chairs.append(other_chair)
    if companions.carer is not None:
        performers.append(plan_carer(companions.carer, visit_path(plan, rng), rng, bodies))
    return Trial(
        performers=tuple(performers),
        chairs=tuple(chairs),
        duration_s=duration_s,
        truth=_truth(performer, kind),
        fault_s=_fault_s(performer, kind, rng),
    )


def _plan(
    subject: Subject, limbs: Limbs, rests: Rests, kind: TrialReason, manner: Manner, rng: Rng
) -> tuple[TugPlan, float]:
    """Schedule and path of a test with what goes wrong, and when the recording would end, s."""
    plan = plan_tug(
        subject,
        limbs,
        rests,
        rng,
        mark_m=BEYOND_CAMERA_M if kind is TrialReason.LEFT_VIEW else manner.mark_m,
        pause_s=float(rng.uniform(121, 128)) if kind is TrialReason.TOO_SLOW else 0.0,
        manner=manner,
    )
    plan = with_pauses(plan, manner.pauses)
    return changed_plan(on_the_spot(plan) if manner.on_the_spot else plan, kind, rng)


def _truth(performer: Performer, kind: TrialReason) -> TugTiming:
    if kind is TrialReason.VALID:
        return true_timing(performer)
    if kind not in SENTENCES:
        raise SimulationError(f"kind: expected one that can be simulated, got {kind}")
    return TugTiming(origin_ns=0, reason=kind, sentence=SENTENCES[kind])


def _fault_s(performer: Performer, kind: TrialReason, rng: Rng) -> tuple[float, float] | None:
    """Faulty interval: a gap in the walk (STAMP_GAP), or most of the test (FRAMES_LOST)."""
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
    """The part of a test that a late or early-ending recording contains, and its length."""
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
    seat = SeatUse(chair, plan.stand_x_m, plan.schedule)
    return plan_motion(subject, body, plan.path, moves, seat, rng, manner)


def _second_performer(
    second: Subject, chair: Chair, rests: Rests, rng: Rng, bodies: Path | None
) -> tuple[Performer, Chair]:
    """A person on a chair beside who does the test too, and starts slightly earlier or later."""
    body = bake_body(second.shape, bodies)
    varied = second.trial_variant(rng)
    shifted = Rests(max(1.0, rests.before_s + float(rng.uniform(-1.0, 2.0))), rests.after_s)
    plan = plan_tug(varied, measure_limbs(body), shifted, rng)
    motion = _tug_motion(varied, body, plan, replace(chair, position_m=(0.0, 0.0)), rng)
    return beside(Performer("bystander", varied, body, motion), chair, rng)
