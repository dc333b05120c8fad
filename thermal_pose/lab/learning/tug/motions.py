# SPDX-License-Identifier: Apache-2.0
"""Simulated motion to train the segmentation network on, without rendering.

The people are drawn from the populations of the clinic's cohorts and from wider ones, under a
namespace of their own, so that no evaluated person was trained on.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from thermal_pose.errors import SimulationError
from thermal_pose.files import whole_file
from thermal_pose.jobs import map_jobs
from thermal_pose.lab.learning.tug.corpus import MotionTrial, refused_boundaries_s
from thermal_pose.lab.simulation.motion.manner import trial_manner
from thermal_pose.lab.simulation.motion.trial import Trial, plan_trial
from thermal_pose.lab.simulation.people.bake import bake_body, library_shapes
from thermal_pose.lab.simulation.people.presets import (
    HURRIED,
    IMPAIRED,
    NORMAL,
    OLD,
    RECORDED,
    VERY_SLOW,
)
from thermal_pose.lab.simulation.people.subject import Population, draw_subject, subject_rng
from thermal_pose.types import Float64Array, TrialReason

NAMESPACE = "tug-segmenter"
#: Share of the trials that differ as those of patients do (`motion.manner`).
PATIENT_SHARE = 0.8
#: Joints are kept at this rate, Hz: fast enough for any camera's frames to be interpolated.
MOTION_HZ = 50.0

POPULATIONS: tuple[Population, ...] = (
    NORMAL,
    OLD,
    IMPAIRED,
    RECORDED,
    RECORDED,
    RECORDED,
    HURRIED,
    VERY_SLOW,
    Population(
        age_years=(30, 9),
        sit_to_stand_s=(1.25, 0.3),
        walk_s=(2.1, 0.45),
        turn_s=(1.6, 0.4),
        turn_to_sit_s=(1.45, 0.35),
        stand_to_sit_s=(1.05, 0.28),
    ),
    Population(
        age_years=(68, 9),
        sit_to_stand_s=(1.55, 0.4),
        walk_s=(2.6, 0.6),
        turn_s=(2.0, 0.5),
        turn_to_sit_s=(1.7, 0.45),
        stand_to_sit_s=(1.1, 0.3),
        stick_share=0.05,
        hesitation_s=(0.0, 0.4),
        stoop_deg=(1.0, 9.0),
    ),
    Population(
        age_years=(78, 8),
        sit_to_stand_s=(2.1, 0.8),
        walk_s=(4.2, 1.6),
        turn_s=(3.2, 1.2),
        turn_to_sit_s=(2.4, 0.9),
        stand_to_sit_s=(1.4, 0.5),
        stick_share=0.2,
        frame_share=0.12,
        shuffling_share=0.3,
        armrest_share=0.3,
        stoop_deg=(2.0, 20.0),
        hesitation_s=(0.0, 1.5),
        max_rocks=2,
    ),
)

# Kinds of trials, with their shares; what is cut, hidden or has a gap is made when observed.
_KINDS = (
    (TrialReason.VALID, 0.84),
    (TrialReason.NEVER_STOOD, 0.03),
    (TrialReason.NEVER_SAT, 0.02),
    (TrialReason.WRONG_ORDER, 0.02),
    (TrialReason.STOPPED_EARLY, 0.02),
    (TrialReason.WALKED_BACKWARDS, 0.02),
    (TrialReason.SAT_ELSEWHERE, 0.02),
    (TrialReason.SIT_TO_STANDS, 0.03),
)


def simulate_motion(index: int, seed: int, n_bodies: int) -> MotionTrial | None:
    """The motion of one trial; None if the drawn gait is impossible for the drawn legs.

    Parameters
    ----------
    index : of the trial; each is of another person.
    seed : 0 to 999 (development); other seeds are kept for validation and evaluation.
    n_bodies : bodies of the library that people share, because baking one per person is slow.

    Raises
    ------
    ValueError
        If the seed is not one for development.
    """
    if not 0 <= seed < 1000:
        raise ValueError(f"seed: expected 0 to 999 (development), got {seed}")
    rng = subject_rng(NAMESPACE, seed, index, 1)
    kind = _KINDS[int(rng.choice(len(_KINDS), p=[share for _, share in _KINDS]))][0]
    population = POPULATIONS[int(rng.integers(len(POPULATIONS)))]
    body = bake_body(library_shapes(n_bodies)[int(rng.integers(n_bodies))])
    try:
        subject = draw_subject(population, NAMESPACE, seed, index)
        patient = rng.random() < PATIENT_SHARE
        manner = trial_manner(patient, subject.speed_mps, rng)
        return motion_of(plan_trial(subject, rng, kind=kind, body=body, manner=manner), kind)
    except (SimulationError, ValueError):
        return None


def simulate_motions(
    n_trials: int, seed: int, n_bodies: int = 60, jobs: int = 1
) -> Iterator[MotionTrial]:
    """Yield motions of at most as many trials, on `jobs` processes (see `simulate_motion`)."""
    calls = ((index, seed, n_bodies) for index in range(n_trials))
    yield from filter(None, map_jobs(simulate_motion, calls, jobs, ordered=True))


def motion_of(trial: Trial, kind: TrialReason) -> MotionTrial:
    """The subject's joints at `MOTION_HZ`, with the known boundaries."""
    times_s: Float64Array = np.arange(0.0, trial.duration_s, 1.0 / MOTION_HZ, dtype=np.float64)
    joints = np.stack([trial.joints(float(time_s)) for time_s in times_s])
    return MotionTrial(times_s, joints.astype(np.float32), known_boundaries_s(trial, kind))


def known_boundaries_s(trial: Trial, kind: TrialReason) -> Float64Array:
    """(7,) boundaries; NaN where the trial has none such, `UNKNOWN` where it may have."""
    if kind is TrialReason.VALID:
        phases = trial.truth.phases
        return np.array([*(p.start_s for p in phases), phases[-1].end_s])
    return refused_boundaries_s(kind)


def write_motions(motions: list[MotionTrial], path: Path) -> None:
    """Keep motions in one `.npz`."""
    with whole_file(path) as stream:
        np.savez(
            stream,
            lengths=np.array([len(m.times_s) for m in motions]),
            joints_m=np.concatenate([m.joints_m for m in motions]),
            boundaries_s=np.stack([m.boundaries_s for m in motions]),
        )


def read_motions(path: Path) -> list[MotionTrial]:
    """Read what `write_motions` wrote."""
    with np.load(path) as archive:
        lengths, joints_m = archive["lengths"], archive["joints_m"]
        boundaries_s = archive["boundaries_s"]
    parts = np.split(joints_m, np.cumsum(lengths)[:-1])
    return [
        MotionTrial(np.arange(len(part)) / MOTION_HZ, part, edges)
        for part, edges in zip(parts, boundaries_s, strict=True)
    ]
