# SPDX-License-Identifier: Apache-2.0
"""A trial's keypoints and truth in one small `.npz`, so that poses are estimated only once.

The evaluation renders and estimates poses once, on a machine with many cores, and analyses the
keypoints again and again on any machine. A file is written under another name and then renamed, so
that every file is complete.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from thermal_pose.errors import StorageError
from thermal_pose.files import whole_file
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import (
    TIMED_PHASES,
    FrameKeypoints,
    PersonBox,
    PersonKeypoints,
    Phase,
    PhaseInterval,
    TrialReason,
    TugTiming,
)


@dataclass(frozen=True)
class KeypointTrial:
    """One recorded trial as keypoints.

    Attributes
    ----------
    name : of the trial, unique in a cohort.
    subject : the tested person.
    frames : by rising stamp.
    truth : exact timing or the reason why the trial is invalid.
    conditions : of the recording, such as distance and view, for the evaluation's curves.
    joints_m : (N, 17, 3) the subject's true joints in the room, NaN if absent; None if
        no truth of them is known.
    """

    name: str
    subject: str
    frames: tuple[FrameKeypoints, ...]
    truth: TugTiming
    conditions: dict[str, Any] = field(default_factory=dict)
    joints_m: npt.NDArray[np.float32] | None = None


def write_keypoints(trial: KeypointTrial, path: Path, detector_id: str = "") -> None:
    """Write one trial; an existing file is replaced atomically.

    Parameters
    ----------
    detector_id : the model that found the people; the frames name that of the joints.
    """
    persons = [(row, person) for row, f in enumerate(trial.frames) for person in f.persons]
    first = trial.frames[0] if trial.frames else None
    meta = {
        "name": trial.name,
        "subject": trial.subject,
        "frame_id": first.frame_id if first else "",
        "model_id": first.model_id if first else "",
        "image_wh": list(first.image_wh) if first else [0, 0],
        "conditions": trial.conditions,
        "truth": truth_to_json(trial.truth),
        "detector_id": detector_id,
    }
    arrays = {
        "stamps_ns": np.array([f.stamp_ns for f in trial.frames], dtype=np.int64),
        "rows": np.array([row for row, _ in persons], dtype=np.int32),
        "track_ids": np.array([p.track_id for _, p in persons], dtype=np.int64),
        "boxes": _stack([[*p.box.xyxy, p.box.score] for _, p in persons], (5,)),
        "xy": _stack([p.xy for _, p in persons], (N_JOINTS, 2)),
        "scores": _stack([p.scores for _, p in persons], (N_JOINTS,)),
        "person_scores": np.array([p.person_score for _, p in persons], dtype=np.float64),
    }
    if trial.joints_m is not None:
        arrays["joints_m"] = trial.joints_m
    with whole_file(path) as stream:
        np.savez_compressed(stream, meta=np.array(json.dumps(meta)), **arrays)  # type: ignore[arg-type]


def truth_to_json(timing: TugTiming) -> dict[str, Any]:
    """A trial's exact timing for a file's metadata."""
    return {
        "origin_ns": timing.origin_ns,
        "phases": [[int(p.phase), p.start_s, p.end_s] for p in timing.phases],
        "reason": str(timing.reason),
        "sentence": timing.sentence,
    }


def truth_from_json(values: dict[str, Any]) -> TugTiming:
    """Read what `truth_to_json` wrote."""
    phases = tuple(PhaseInterval(Phase(p), start, end) for p, start, end in values["phases"])
    reason = TrialReason(values["reason"])
    return TugTiming(values["origin_ns"], phases, reason, values["sentence"])


def keypoint_models(path: Path) -> tuple[str, str]:
    """The detector and the pose model that made a file; '' where it does not name one.

    Raises
    ------
    StorageError
        If the file is missing or not one of these.
    """
    with opened_archive(path, "keypoints") as (meta, _):
        return str(meta.get("detector_id", "")), str(meta["model_id"])


@contextmanager
def opened_archive(
    path: Path, content: str
) -> Iterator[tuple[dict[str, Any], Mapping[str, npt.NDArray[Any]]]]:
    """Open an `.npz` file for its metadata and its arrays, which are read when they are looked up.

    Raises
    ------
    StorageError
        If the file is missing, or lacks or contradicts what the block reads: it is not one of
        `content`, such as 'keypoints'.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            yield json.loads(str(archive["meta"])), archive
    except (OSError, KeyError, ValueError) as error:
        raise StorageError(f"{path}: not a file of {content}: {error}") from error


def _stack(rows: Sequence[Any], shape: tuple[int, ...]) -> Any:
    return np.array(rows, dtype=np.float32).reshape(-1, *shape)


class NamedCase(Protocol):
    """A case of an evaluation, whatever its movement test."""

    @property
    def name(self) -> str:
        """File name without suffix, unique in an evaluation."""
        ...


def keypoint_path(folder: Path, case: NamedCase) -> Path:
    """Path of a case's keypoint file."""
    return folder / f"{case.name}.npz"


def read_keypoints(path: Path, timed: bool = True) -> KeypointTrial:
    """Read one trial.

    Parameters
    ----------
    timed : whether a valid trial must have the phases of the Timed Up and Go; other tests keep
        their truth in `conditions`.

    Raises
    ------
    StorageError
        If the file is missing or not one of these.
    """
    with opened_archive(path, "keypoints") as (meta, archive):
        return _trial(dict(archive), meta, timed)


def _trial(arrays: dict[str, Any], meta: dict[str, Any], timed: bool) -> KeypointTrial:
    people: list[list[PersonKeypoints]] = [[] for _ in arrays["stamps_ns"]]
    for k, row in enumerate(arrays["rows"]):
        left, top, right, bottom, score = (float(v) for v in arrays["boxes"][k])
        track_id = int(arrays["track_ids"][k])
        box = PersonBox((left, top, right, bottom), score, track_id)
        people[row].append(
            PersonKeypoints(
                track_id,
                box,
                arrays["xy"][k],
                arrays["scores"][k],
                float(arrays["person_scores"][k]),
            )
        )
    width, height = meta["image_wh"]
    frames = tuple(
        FrameKeypoints(
            int(stamp_ns), meta["frame_id"], meta["model_id"], (width, height), tuple(persons)
        )
        for stamp_ns, persons in zip(arrays["stamps_ns"], people, strict=True)
    )
    timing = truth_from_json(meta["truth"])
    if timed and timing.valid and tuple(p.phase for p in timing.phases) != TIMED_PHASES:
        raise ValueError(f"truth: expected the six timed phases, got {meta['truth']['phases']}")
    return KeypointTrial(
        meta["name"], meta["subject"], frames, timing, meta["conditions"], arrays.get("joints_m")
    )
