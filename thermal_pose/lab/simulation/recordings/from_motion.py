# SPDX-License-Identifier: Apache-2.0
"""Trials made of recorded motion: a simulated body moves as a real person moved."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thermal_pose.clinical.tug.definitions import SEAT_CONTACT_M
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.limbs import measure_limbs
from thermal_pose.lab.simulation.motion.recorded import RecordedMotion
from thermal_pose.lab.simulation.motion.retarget import HOLD_S, retarget, standing_hip_height_m
from thermal_pose.lab.simulation.motion.trial import Performer, Trial, fit_chair, true_timing
from thermal_pose.lab.simulation.people.bake import bake_body
from thermal_pose.lab.simulation.people.presets import find_preset
from thermal_pose.lab.simulation.people.subject import Subject, subject_rng
from thermal_pose.lab.simulation.recordings.staging import StagedTrial, draw_session, stage

#: Seat-contact thresholds at which the truth is computed, to show how far it depends on them, m.
CONTACT_THRESHOLDS_M = (0.01, 0.03, 0.05)
#: Height of the hip joints of a standing adult as a share of stature, as depth cameras see them.
HIP_SHARE = 0.5
#: Purposes of generators, beside 0 (the subject) and 1 (its population).
_ROOM, _NOISE = 21, 22


@dataclass(frozen=True)
class MotionCase:
    """One recording, seen in one room.

    Attributes
    ----------
    recording : what the person does.
    person : number of the person; all recordings of one person have the same body.
    preset, seed, room : whose clothes, room and cameras; rooms of a seed are numbered from 0.
    camera, rate_hz : of the thermal camera.
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
    """The simulated person who moves as the recorded one: as tall, otherwise the preset's."""
    subject = find_preset(case.preset).subject(case.seed, case.person)
    # Steps of 5 cm, so that all recordings of one person share a body.
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
    """Put one recording on stage; its truth is that of `clinical.tug.definitions`.

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
    """The true total for each of `CONTACT_THRESHOLDS_M`, s; None if it is not a whole test."""
    totals: dict[float, float | None] = {}
    for contact_m in CONTACT_THRESHOLDS_M:
        try:
            totals[contact_m] = true_timing(motion_performer(case, contact_m)[0]).total_s
        except ValueError:
            totals[contact_m] = None
    return totals


def labels_on_motion_s(recording: RecordedMotion) -> tuple[float, ...] | None:
    """The hand labels in seconds of the staged motion, which starts `HOLD_S` earlier."""
    if recording.hand_labels_s is None:
        return None
    return tuple(label_s + HOLD_S for label_s in recording.hand_labels_s)
