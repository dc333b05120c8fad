# SPDX-License-Identifier: Apache-2.0
"""The trials that both chair-rise tests are evaluated on: simulated, rendered, kept as keypoints.

A case is a handful of numbers from which body, motion, room, camera and noise all follow. Two files
are kept per case: the thermal frames, which take long to simulate, and the keypoints that the
shipped models find in them. An existing file is used again, so a run can be interrupted and
resumed; keypoints of another network are found again from the frames.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from math import atan2, degrees, hypot
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.errors import SimulationError, StorageError
from thermal_pose.lab.evaluation.chair_rises.frames import (
    RiseFrames,
    read_rise_frames,
    write_rise_frames,
)
from thermal_pose.lab.learning.tug.frame_store import frames_path
from thermal_pose.lab.learning.tug.keypoint_file import (
    KeypointTrial,
    keypoint_path,
    read_keypoints,
    write_keypoints,
)
from thermal_pose.lab.simulation.motion.chair_rises import (
    INVALID_KINDS,
    ChairTest,
    RisesTrial,
    plan_rises,
)
from thermal_pose.lab.simulation.motion.performers import Companions
from thermal_pose.lab.simulation.people.presets import find_preset
from thermal_pose.lab.simulation.people.subject import Rng, subject_rng
from thermal_pose.lab.simulation.recordings.frames import trial_frames
from thermal_pose.lab.simulation.recordings.staging import StagedTrial, draw_session, stage
from thermal_pose.lab.simulation.rooms.draw import draw_beside
from thermal_pose.lab.simulation.rooms.scene import CameraPlacement, Room, Scene
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.types import NS_PER_S, FrameKeypoints, TrialReason, TugTiming

TESTS: Final[tuple[ChairTest, ...]] = ("five_times_sit_to_stand", "chair_stand_30s")
#: Offsets and the model of arm use are fitted on this seed only.
DEVELOPMENT_SEED: Final = 510
#: Development trials of each test; every other one with arms used.
N_DEVELOPMENT: Final = {"five_times_sit_to_stand": 240, "chair_stand_30s": 38}
#: Valid trials of the evaluation have this seed, invalid ones the next. Seeds 9840, 9841, 9850 and
#: 9851 count as development: rules were made after their results were known.
EVALUATION_SEED: Final = 9860
PRESET: Final = "clinic"
TRIALS_PER_SUBJECT: Final = 5
#: Least and greatest distance from chair to camera, m; the tests ask for a nearer camera than the
#: Timed Up and Go does, since the hands must be seen.
DISTANCE_M: Final = (2.7, 4.2)
START_NS: Final = 1_750_000_000_000_000_000
_TRIAL, _SESSION, _STAGE, _PLACE = 21, 22, 23, 24
#: Share of trials with a carer who stands by.
_CARER_SHARE: Final = 0.2
#: Rooms are of many widths: a camera far aside may fall outside, and is drawn again.
_MAX_DRAWS: Final = 50


@dataclass(frozen=True)
class RiseCase:
    """One trial; its fields are its whole identity."""

    test: ChairTest
    seed: int
    subject_index: int
    trial_index: int
    kind: TrialReason

    @property
    def name(self) -> str:
        """File name without suffix."""
        return f"{self.test}-{self.seed}-{self.subject_index:03d}-{self.trial_index}-{self.kind}"

    @property
    def subject(self) -> str:
        """Whose trial it is."""
        return f"{PRESET}-{self.seed}-{self.subject_index:03d}"


@dataclass(frozen=True)
class RiseRecording:
    """One trial as keypoints, with its truth in seconds since the first frame."""

    name: str
    subject: str
    frames: tuple[FrameKeypoints, ...]
    reason: TrialReason
    rises: tuple[ChairRise, ...]
    conditions: dict[str, Any]

    @property
    def pushed(self) -> tuple[bool, ...]:
        """Whether the hands push off, for each of the rises.

        Raises
        ------
        StorageError
            If the file is of an earlier version, which did not keep this.
        """
        if "pushed" not in self.conditions:
            raise StorageError(f"{self.name}: does not name the rises with arms used; make it anew")
        return tuple(self.conditions["pushed"])


def rise_cases(test: ChairTest, n_valid: int, n_invalid: int, seed: int) -> list[RiseCase]:
    """The trials of one test: valid ones under `seed`, invalid ones under the next.

    Five valid trials are of one subject; each invalid one is of another, kinds in turn.
    """
    valid = [
        RiseCase(test, seed, *divmod(k, TRIALS_PER_SUBJECT), TrialReason.VALID)
        for k in range(n_valid)
    ]
    invalid = [
        RiseCase(test, seed + 1, k, 0, INVALID_KINDS[k % len(INVALID_KINDS)])
        for k in range(n_invalid)
    ]
    return valid + invalid


def development_cases() -> list[RiseCase]:
    """The trials that offsets and the model of arm use are fitted on, half with arms used.

    The trials of one test are of as many people.
    """
    kinds = (TrialReason.VALID, TrialReason.ARMS_USED)
    return [
        RiseCase(test, DEVELOPMENT_SEED, index, 0, kinds[index % 2])
        for test in TESTS
        for index in range(N_DEVELOPMENT[test])
    ]


def plan_case(case: RiseCase) -> tuple[RisesTrial, StagedTrial]:
    """Plan a trial and put it on stage; the trials of one subject share room and camera."""
    preset = find_preset(PRESET)
    identity = (f"{case.test}", case.seed, case.subject_index)
    rng = subject_rng(*identity, _TRIAL, case.trial_index)
    second = case.kind is TrialReason.SECOND_PERSON
    carer = not second and rng.random() < _CARER_SHARE
    index, trial = case.subject_index, case.trial_index
    planned = plan_rises(
        preset.subject(case.seed, index),
        rng,
        case.test,
        kind=case.kind,
        companions=Companions(
            carer=preset.extra_subject(case.seed, index, trial, 2) if carer else None,
            second=preset.extra_subject(case.seed, index, trial, 3) if second else None,
        ),
    )
    session = draw_session(subject_rng(*identity, _SESSION), preset.room)
    session = _nearer(session, subject_rng(*identity, _PLACE))
    return planned, stage(planned.trial, session, subject_rng(*identity, _STAGE, trial))


def _nearer(scene: Scene, rng: Rng) -> Scene:
    """The same room with the cameras where these tests want them, drawn until they are inside."""
    for _ in range(_MAX_DRAWS):
        place = _placement(rng)
        beside = draw_beside(rng, place)
        if _inside(scene.room, place) and _inside(scene.room, beside):
            return replace(scene, thermal_placement=place, rgb_placement=beside)
    raise SimulationError(f"no place for the cameras inside the room in {_MAX_DRAWS} draws")


def _inside(room: Room, place: CameraPlacement) -> bool:
    x, y, z = place.position_m
    inside_x, inside_y = room.x_min_m < x < room.x_max_m, room.y_min_m < y < room.y_max_m
    return inside_x and inside_y and 0.0 < z < room.height_m


def _placement(rng: Rng) -> CameraPlacement:
    azimuth = float(np.clip(rng.normal(0.0, 0.25), -0.6, 0.6))
    distance_m, height_m = float(rng.uniform(*DISTANCE_M)), float(rng.uniform(0.9, 1.6))
    return CameraPlacement(
        (distance_m * float(np.cos(azimuth)), distance_m * float(np.sin(azimuth)), height_m),
        (0.2, float(rng.uniform(-0.1, 0.1)), float(rng.uniform(0.8, 0.95))),
        float(rng.normal(0.0, 0.01)),
    )


def case_frames(case: RiseCase) -> RiseFrames:
    """Render a trial: its thermal frames, truth and conditions."""
    planned, staged = plan_case(case)
    frames = [rendered.thermal for _, rendered in trial_frames(staged, START_NS, with_rgb=False)]
    clock = staged.scene.thermal_clock
    offset_s = clock.offset_s + (START_NS - frames[0].stamp_ns) / NS_PER_S
    x, y, z = staged.scene.thermal_placement.position_m
    conditions = {
        "distance_m": hypot(x, y),
        "view_deg": degrees(atan2(y, x)),
        "height_m": z,
        "n_people": len(staged.actors),
        "case": asdict(case) | {"kind": str(case.kind)},
        "rises": [asdict(rise.shifted(offset_s)) for rise in planned.rises],
        "pushed": list(planned.pushed),
    }
    return RiseFrames(tuple(frames), conditions)


def case_keypoints(case: RiseCase, seen: RiseFrames, perception: Perception) -> KeypointTrial:
    """Let the pipeline find the keypoints of a rendered trial."""
    perception.reset()
    frames = tuple(perception.step(frame) for frame in seen.frames)
    truth = TugTiming(frames[0].stamp_ns, reason=case.kind)
    return KeypointTrial(case.name, case.subject, frames, truth, seen.conditions)


def read_recording(path: Path) -> RiseRecording:
    """Read a case's keypoints and truth; StorageError if the file is not one of these."""
    trial = read_keypoints(path, timed=False)
    return RiseRecording(
        trial.name,
        trial.subject,
        trial.frames,
        trial.truth.reason,
        tuple(ChairRise(**row) for row in trial.conditions["rises"]),
        trial.conditions,
    )


def made_keypoints(cases: Sequence[RiseCase], folder: Path, jobs: int = 1) -> Iterator[RiseCase]:
    """Make the keypoint files that are missing or of another network, on `jobs` processes.

    Yields each case when its file is there.
    """
    model_id = _perception().pose.estimator.model_id
    missing = [case for case in cases if _model_of(keypoint_path(folder, case)) != model_id]
    yield from (case for case in cases if case not in missing)
    yield from _each(_cache_one, missing, folder, jobs)


def made_frames(cases: Sequence[RiseCase], folder: Path, jobs: int = 1) -> Iterator[RiseCase]:
    """Render the trials whose frames are missing; their keypoints can be made later.

    Yields each case when its file is there.
    """
    missing = [c for c in cases if not frames_path(keypoint_path(folder, c)).is_file()]
    yield from (case for case in cases if case not in missing)
    yield from _each(_render_one, missing, folder, jobs)


def _each(
    work: Callable[[RiseCase, Path], RiseCase], cases: Sequence[RiseCase], folder: Path, jobs: int
) -> Iterator[RiseCase]:
    if jobs <= 1:
        yield from (work(case, folder) for case in cases)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = [pool.submit(work, case, folder) for case in cases]
        yield from (future.result() for future in as_completed(futures))


def _model_of(path: Path) -> str:
    """The network whose keypoints a file holds; '' if there is no such file."""
    return read_keypoints(path, timed=False).frames[0].model_id if path.is_file() else ""


def _render_one(case: RiseCase, folder: Path) -> RiseCase:
    path = frames_path(keypoint_path(folder, case))
    if not path.is_file():
        write_rise_frames(case_frames(case), path)
    return case


def _cache_one(case: RiseCase, folder: Path) -> RiseCase:
    path = keypoint_path(folder, _render_one(case, folder))
    trial = case_keypoints(case, read_rise_frames(frames_path(path)), _perception())
    write_keypoints(trial, path)
    return case


@lru_cache(maxsize=1)
def _perception() -> Perception:
    """The shipped models, loaded once per process."""
    return build_perception()
