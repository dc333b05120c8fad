# SPDX-License-Identifier: Apache-2.0
"""The trials that timing is evaluated on: simulated, seen by the shipped models, kept as keypoints.

A case is a handful of numbers from which body, motion, room, camera and noise all follow. What
the pipeline makes of its images is written to one small file; a file that is there is not made
again, so a run can be broken off and resumed, and spread over processes and machines.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from math import atan2, degrees, hypot
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from thermal_pose.jobs import map_jobs
from thermal_pose.lab.learning.tug.frame_store import FrameTrial, cache_trial, joined
from thermal_pose.lab.learning.tug.keypoint_file import keypoint_path
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.skeleton import N_JOINTS, Joint
from thermal_pose.types import NS_PER_S, ThermalFrame, TrialReason, TrueFrame

if TYPE_CHECKING:
    from thermal_pose.lab.simulation.motion.manner import Manner
    from thermal_pose.lab.simulation.people.subject import Subject
    from thermal_pose.lab.simulation.recordings.staging import StagedTrial
    from thermal_pose.lab.simulation.rooms.scene import Scene

#: The evaluation of docs/validation.md: valid trials under this seed, invalid ones under the next.
EVALUATION_SEED = 9900
TRIALS_PER_SUBJECT = 5
#: Purposes of a subject's random generators.
_TRIAL, SESSION, _STAGE, _CARER, _MANNER, _LURE = 11, 12, 13, 14, 15, 16
_ATTEMPTS = 8
#: Other people keep this distance from the thermal camera, m.
CLEAR_M = 1.0
_HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]
#: Recordings start at this stamp: a real clock's, so that no code relies on small numbers.
START_NS = 1_750_000_000_000_000_000


@dataclass(frozen=True)
class TrialCase:
    """One trial of a cohort.

    Attributes
    ----------
    preset, seed, subject_index, trial_index : its identity.
    kind : VALID, or what is wrong with it.
    camera, rate_hz : of the thermal camera.
    pause_s, pause_place : one pause of this length and place (`manner.Place`) instead of those
        that the preset draws; 0 for these.
    lure : kind of a warm object beside the chair (`rooms.scene.DistractorKind`); '' for none.
    walkway_m : distance of the turn from the chair, 0 for stepping on the spot; None for what the
        preset draws.
    n_tests : tests of this person in one recording; the later ones have the next trial indices.
    """

    preset: str
    seed: int
    subject_index: int
    trial_index: int
    kind: TrialReason
    camera: str = "lepton"
    rate_hz: float = 8.0
    pause_s: float = 0.0
    pause_place: str = ""
    lure: str = ""
    walkway_m: float | None = None
    n_tests: int = 1

    @property
    def name(self) -> str:
        """File name without suffix, unique in an evaluation."""
        rate = "" if self.rate_hz == 8.0 else f"-{self.rate_hz:g}hz"
        pause = f"-{self.pause_place}-{self.pause_s:g}s" if self.pause_s else ""
        lure = f"-{self.lure}" if self.lure else ""
        walkway = "" if self.walkway_m is None else f"-{self.walkway_m:g}m"
        tests = "" if self.n_tests == 1 else f"-{self.n_tests}tests"
        return (
            f"{self.preset}-{self.seed}-{self.subject_index:03d}-{self.trial_index}"
            f"-{self.kind}{rate}{pause}{lure}{walkway}{tests}"
        )

    @property
    def subject(self) -> str:
        """Subject of the trial."""
        return f"{self.preset}-{self.seed}-{self.subject_index:03d}"


def cohort_cases(
    preset: str, n_valid: int, n_invalid: int, seed: int = EVALUATION_SEED
) -> list[TrialCase]:
    """The trials of one cohort: valid ones under `seed`, invalid ones under the next.

    Five valid trials are of one subject; each invalid one is of another, kinds in turn.
    """
    from thermal_pose.lab.simulation.people.presets import INVALID_KINDS

    valid = [
        TrialCase(preset, seed, *divmod(k, TRIALS_PER_SUBJECT), TrialReason.VALID)
        for k in range(n_valid)
    ]
    invalid = [
        TrialCase(preset, seed + 1, k, 0, INVALID_KINDS[k % len(INVALID_KINDS)])
        for k in range(n_invalid)
    ]
    return valid + invalid


def case_people(case: TrialCase) -> tuple["Subject", "Subject | None", "Subject | None"]:
    """The subject, the carer if there is one, and the second tested person if there is one."""
    from thermal_pose.lab.simulation.people.presets import find_preset
    from thermal_pose.lab.simulation.people.subject import subject_rng

    preset = find_preset(case.preset)
    index, trial = case.subject_index, case.trial_index
    rng = subject_rng(preset.name, case.seed, index, _CARER, trial)
    second = case.kind is TrialReason.SECOND_PERSON
    carer = not second and rng.random() < preset.carer_share
    return (
        preset.subject(case.seed, index),
        preset.extra_subject(case.seed, index, trial, 2) if carer else None,
        preset.extra_subject(case.seed, index, trial, 3) if second else None,
    )


def stage_case(case: TrialCase) -> "StagedTrial":
    """Plan a trial and put it on stage; the trials of one subject share room and camera.

    A draw that a body cannot do, or that a carer who stands right before the camera hides, is drawn
    again, so that every cohort is complete.

    Raises
    ------
    SimulationError
        If the body cannot do any of the draws.
    """
    from thermal_pose.errors import SimulationError
    from thermal_pose.lab.simulation.motion.performers import Companions
    from thermal_pose.lab.simulation.motion.trial import plan_trial
    from thermal_pose.lab.simulation.people.presets import find_preset
    from thermal_pose.lab.simulation.people.subject import subject_rng
    from thermal_pose.lab.simulation.recordings.staging import far_enough, stage

    preset = find_preset(case.preset)
    identity = (preset.name, case.seed, case.subject_index)
    subject, *others = case_people(case)
    session = case_session(case)
    for attempt in range(_ATTEMPTS):
        try:
            rng = subject_rng(*identity, _TRIAL, case.trial_index, attempt)
            manner = _manner(case, subject, attempt)
            trial = plan_trial(
                subject, rng, kind=case.kind, companions=Companions(*others), manner=manner
            )
        except (SimulationError, ValueError):
            continue
        wide = far_enough(session, manner.mark_m)
        staged = stage(trial, wide, subject_rng(*identity, _STAGE, case.trial_index))
        if not blocked(staged):
            return staged
    raise SimulationError(f"{case.name}: the body can do none of {_ATTEMPTS} drawn tests")


def case_session(case: TrialCase) -> "Scene":
    """Room and camera that the trials of a subject share, with the lure if there is one."""
    from thermal_pose.lab.simulation.people.presets import find_preset
    from thermal_pose.lab.simulation.people.subject import subject_rng
    from thermal_pose.lab.simulation.recordings.staging import draw_session
    from thermal_pose.lab.simulation.rooms.draw import draw_lure

    identity = (case.preset, case.seed, case.subject_index)
    camera: Any = case.camera
    room = find_preset(case.preset).room
    session = draw_session(subject_rng(*identity, SESSION), room, camera, case.rate_hz)
    if not case.lure:
        return session
    kind: Any = case.lure
    lure = draw_lure(subject_rng(*identity, _LURE), kind)
    return replace(session, distractors=(*session.distractors, lure))


def _manner(case: TrialCase, subject: "Subject", attempt: int) -> "Manner":
    """How the person does the test in one attempt at drawing it."""
    from thermal_pose.lab.simulation.motion.manner import Pause, Place, trial_manner
    from thermal_pose.lab.simulation.people.presets import find_preset
    from thermal_pose.lab.simulation.people.subject import subject_rng

    rng = subject_rng(
        case.preset, case.seed, case.subject_index, _MANNER, case.trial_index, attempt
    )
    manner = trial_manner(find_preset(case.preset).patients, subject.speed_mps, rng)
    if case.pause_s:
        manner = replace(manner, pauses=(Pause(Place(case.pause_place), case.pause_s),))
    if case.walkway_m is None:
        return manner
    if case.walkway_m == 0:
        return replace(manner, on_the_spot=True)
    return replace(manner, mark_m=case.walkway_m)


def blocked(staged: "StagedTrial") -> bool:
    """Whether a person stands right in front of the thermal camera and hides the test."""
    place = np.array(staged.scene.thermal_placement.position_m[:2])
    times_s = np.arange(0.0, staged.trial.duration_s, 0.5)
    return any(
        np.linalg.norm(performer.joints(float(time_s))[_HIPS, :2].mean(axis=0) - place) < CLEAR_M
        for performer in staged.trial.performers
        if performer.role != "subject"
        for time_s in times_s
    )


def render_case(case: TrialCase) -> FrameTrial:
    """Render a trial, or several tests of one person one after the other."""
    conditions = {"case": asdict(case) | {"kind": str(case.kind)}}
    tests = [
        replace(case, trial_index=case.trial_index + k, n_tests=1) for k in range(case.n_tests)
    ]
    first, *later = (
        render_staged(stage_case(test), case.name, case.subject, conditions) for test in tests
    )
    return joined(first, later) if later else first


def render_staged(
    staged: "StagedTrial", name: str, subject: str, conditions: dict[str, Any]
) -> FrameTrial:
    """Render a staged trial.

    Parameters
    ----------
    name, subject : of the trial, and of the person.
    conditions : added to those of the room and the camera.
    """
    from thermal_pose.lab.simulation.recordings.frames import stamped_timing, trial_frames

    frames: list[ThermalFrame] = []
    joints_m = []
    for _, rendered in trial_frames(staged, START_NS, with_rgb=False):
        frames.append(rendered.thermal)
        joints_m.append(subject_joints_m(rendered.truth))
    truth = stamped_timing(
        staged.trial.truth, staged.scene.thermal_clock, START_NS, frames[0].stamp_ns
    )
    x, y, z = staged.scene.thermal_placement.position_m
    room = {
        "distance_m": hypot(x, y),
        "view_deg": degrees(atan2(y, x)),
        "height_m": z,
        "netd_k": staged.scene.thermal.netd_k,
        "focal_px": staged.scene.thermal.intrinsics.fy_px,
        "stature_m": staged.trial.subject.shape.height_m,
        "n_people": len(staged.actors),
        "aid": str(staged.trial.subject.aid),
        "swings_s": stamped_swings_s(staged, frames[0].stamp_ns),
    }
    return FrameTrial(name, subject, tuple(frames), truth, room | conditions, np.stack(joints_m))


def stamped_swings_s(staged: "StagedTrial", origin_ns: int) -> list[tuple[int, float, float]]:
    """Side (0 left, 1 right), lift and landing of each of the subject's steps.

    Times are in seconds of the thermal camera's stamps since `origin_ns`.
    """
    clock = staged.scene.thermal_clock
    offset_s = clock.offset_s + (START_NS - origin_ns) / NS_PER_S
    scale = 1.0 + 1e-6 * clock.drift_ppm
    return [
        (side, lift_s * scale + offset_s, land_s * scale + offset_s)
        for side, lift_s, land_s in staged.trial.performers[0].motion.swings_s
    ]


def subject_joints_m(truth: TrueFrame) -> npt.NDArray[np.float32]:
    """(17, 3) joints of the tested person in the room; NaN if absent."""
    for person in truth.persons:
        if person.role == "subject":
            return person.joints_m.astype(np.float32)
    return np.full((N_JOINTS, 3), np.nan, dtype=np.float32)


def bake_cases(cases: Sequence[TrialCase]) -> int:
    """Bake the bodies of all people into the cache (needs the extra 'sim'); return how many."""
    from thermal_pose.lab.simulation.people.bake import bake_body

    shapes = {person.shape for case in cases for person in case_people(case) if person is not None}
    for shape in sorted(shapes, key=lambda shape: shape.key):
        bake_body(shape)
    return len(shapes)


def cache_keypoints(
    cases: Sequence[TrialCase],
    folder: Path,
    jobs: int = 1,
    done: Callable[[TrialCase], None] = lambda case: None,
    frames_only: bool = False,
) -> None:
    """Make the frames and keypoint files that are missing, on `jobs` processes.

    Keypoints of other models than the shipped ones are made again from the frames.

    Parameters
    ----------
    done : called after each case, for a progress bar.
    frames_only : render, and leave the keypoints for later.
    """
    if jobs != 1:
        # The longest first, so that they do not run alone at the end.
        cases = sorted(cases, key=lambda case: case.kind is not TrialReason.TOO_SLOW)
    calls = [(case, folder, frames_only) for case in cases]
    for case in map_jobs(_cache_one, calls, jobs):
        done(case)


def _cache_one(case: TrialCase, folder: Path, frames_only: bool) -> TrialCase:
    path = keypoint_path(folder, case)
    cache_trial(path, lambda: render_case(case), shipped_perception(), frames_only)
    return case


@lru_cache(maxsize=1)
def shipped_perception() -> Perception:
    """The shipped models, loaded once per process."""
    return build_perception()
