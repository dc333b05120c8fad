# SPDX-License-Identifier: Apache-2.0
"""Trials from recorded motion: a simulated body moves like a real person."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thermal_pose.clinical.tug.definitions import SEAT_CONTACT_M
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.limbs import measure_limbs
from thermal_pose.lab.simulation.motion.performers import Performer, fit_chair
from thermal_pose.lab.simulation.motion.recorded import RecordedMotion
from thermal_pose.lab.simulation.motion.retarget import HOLD_S, retarget, standing_hip_height_m
from thermal_pose.lab.simulation.motion.trial import Trial, true_timing
from thermal_pose.lab.simulation.people.bake import bake_body
from thermal_pose.lab.simulation.people.presets import find_preset
from thermal_pose.lab.simulation.people.subject import Subject, subject_rng
from thermal_pose.lab.simulation.recordings.staging import StagedTrial, draw_session, stage

#: Thresholds of seat contact for which the truth is computed, to show its dependence on them, m.
CONTACT_THRESHOLDS_M = (0.01, 0.03, 0.05)
#: Height of a standing adult's hip joints as depth cameras see them, as a share of stature.
HIP_SHARE = 0.5
#: Purposes of random generators, besides those of cohorts.
_ROOM, _NOISE = 21, 22


@dataclass(frozen=True)
class MotionCase:
    """One recording in one room.

    Attributes
    ----------
    recording : motion of the person.
    person : number of the person; all recordings of a person have the same body.
    preset, seed, room : source of clothes, room and cameras; rooms are numbered from 0.
    camera, rate_hz : make and frame rate of the thermal camera.
    """

    recording: RecordedMotion
    person: int
    preset: str = "clinic"
    seed: int = 0
    room: int = 0
    camera: str = "lepton"
    rate_hz: float = 8.0

    @property
    def name(self) -> str:
        """Name of the trial, unique for a preset and a seed."""
        return f"motion-{self.preset}-{self.seed}-{self.recording.name}-r{self.room}"


def motion_subject(case: MotionCase) -> Subject:
    """The simulated person: as tall as the recorded one, otherwise drawn from the preset."""
    subject = find_preset(case.preset).subject(case.seed, case.person)
    # Rounded to 5 cm, so that all recordings of a person share a body.
    height_m = 0.05 * round(standing_hip_height_m(case.recording) / HIP_SHARE / 0.05)
    height_m = round(float(np.clip(height_m, 1.5, 1.95)), 2)
    return replace(subject, shape=replace(subject.shape, height_m=height_m))


def motion_performer(case: MotionCase, contact_m: float = SEAT_CONTACT_M) -> tuple[Performer, Any]:
    """The performer of a recording and the chair."""
    subject = motion_subject(case)
    body = bake_body(subject.shape)
    rng = subject_rng(case.preset, case.seed, case.person, _ROOM, case.room)
    session = draw_session(rng, find_preset(case.preset).room, case.camera, case.rate_hz)  # type: ignore[arg-type]
    chair = fit_chair(session.chairs[0], measure_limbs(body))
    motion = retarget(case.recording, body, chair, contact_m)
    return Performer("subject", subject, body, motion), (session, chair)


def stage_motion(case: MotionCase) -> StagedTrial:
    """Stage one recording; its truth follows the definitions in `clinical.tug.definitions`.

    Raises
    ------
    SimulationError
        If the recording is not a whole test.
    """
    performer, (session, chair) = motion_performer(case)
    try:
        truth = true_timing(performer)
    except ValueError as error:
        raise SimulationError(f"{case.recording.name}: {error}") from error
    duration_s = float(case.recording.times_s[-1]) + 2 * HOLD_S - 0.1
    trial = Trial((performer,), (chair,), duration_s, truth)
    rng = subject_rng(case.preset, case.seed, case.person, _NOISE, case.room)
    return stage(trial, session, rng)


def totals_by_contact_s(case: MotionCase) -> dict[float, float | None]:
    """True total for each of `CONTACT_THRESHOLDS_M`, s; None if the motion is not a whole test."""
    totals: dict[float, float | None] = {}
    for contact_m in CONTACT_THRESHOLDS_M:
        try:
            totals[contact_m] = true_timing(motion_performer(case, contact_m)[0]).total_s
        except ValueError:
            totals[contact_m] = None
    return totals


def labels_on_motion_s(recording: RecordedMotion) -> tuple[float, ...] | None:
    """The hand labels on the time axis of the staged motion, which starts `HOLD_S` earlier, s."""
    if recording.hand_labels_s is None:
        return None
    return tuple(label_s + HOLD_S for label_s in recording.hand_labels_s)
