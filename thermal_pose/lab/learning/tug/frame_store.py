# SPDX-License-Identifier: Apache-2.0
"""Rendered trials kept as images, so that another model's keypoints need no new rendering.

One folder holds two caches. `frames/NAME.npz` holds the images of a trial with its truth, and
depends on the simulation alone. `NAME.npz` holds the keypoints (`keypoint_file`), and depends on
these images and on the models: where it is missing, or was made by other models, it is made from
the images. Remove `frames` after a change of the simulation's behaviour.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from thermal_pose.files import whole_file
from thermal_pose.lab.learning.tug.keypoint_file import (
    KeypointTrial,
    keypoint_models,
    opened_archive,
    truth_from_json,
    truth_to_json,
    write_keypoints,
)
from thermal_pose.pipeline.perception import Perception
from thermal_pose.types import ThermalFrame, TugTiming

FRAMES_FOLDER = "frames"


@dataclass(frozen=True)
class FrameTrial:
    """One rendered trial.

    Attributes
    ----------
    name, subject, truth, conditions : as in `KeypointTrial`.
    frames : by rising stamp, all of one size.
    joints_m : (N, 17, 3) the subject's true joints in the room, NaN where absent.
    """

    name: str
    subject: str
    frames: tuple[ThermalFrame, ...]
    truth: TugTiming
    conditions: dict[str, Any]
    joints_m: npt.NDArray[np.float32]


def write_frame_trial(trial: FrameTrial, path: Path) -> None:
    """Write one rendered trial; an existing file is replaced atomically."""
    meta = {
        "name": trial.name,
        "subject": trial.subject,
        "conditions": trial.conditions,
        "truth": truth_to_json(trial.truth),
    }
    write_frame_file(path, trial.frames, meta, joints_m=trial.joints_m)


def read_frame_trial(path: Path) -> FrameTrial:
    """Read what `write_frame_trial` wrote.

    Raises
    ------
    StorageError
        If the file is missing or not one of these.
    """
    with opened_archive(path, "frames") as (meta, archive):
        frames, joints_m = _frames(meta, archive), archive["joints_m"]
        truth = truth_from_json(meta["truth"])
        return FrameTrial(
            meta["name"], meta["subject"], frames, truth, meta["conditions"], joints_m
        )


def joined(first: FrameTrial, later: Sequence[FrameTrial]) -> FrameTrial:
    """One recording of several trials, one right after the other, as if the camera ran on.

    The truth is that of the first; those of the later ones are in `conditions["later_truths"]`.
    """
    frames, joints_m, truths = list(first.frames), [first.joints_m], []
    step_ns = int(np.median(np.diff([frame.stamp_ns for frame in frames])))
    for trial in later:
        shift_ns = frames[-1].stamp_ns + step_ns - trial.frames[0].stamp_ns
        frames += [replace(frame, stamp_ns=frame.stamp_ns + shift_ns) for frame in trial.frames]
        joints_m.append(trial.joints_m)
        moved = replace(trial.truth, origin_ns=trial.truth.origin_ns + shift_ns)
        truths.append(truth_to_json(moved))
    conditions = first.conditions | {"later_truths": truths}
    return replace(
        first, frames=tuple(frames), conditions=conditions, joints_m=np.concatenate(joints_m)
    )


def write_frame_file(
    path: Path,
    frames: Sequence[ThermalFrame],
    meta: dict[str, Any],
    **arrays: npt.NDArray[Any],
) -> None:
    """Write frames with JSON and arrays beside them; an existing file is replaced atomically."""
    with whole_file(path) as stream:
        np.savez_compressed(
            stream,
            meta=np.array(json.dumps({"frame_id": frames[0].frame_id, **meta})),
            stamps_ns=np.array([frame.stamp_ns for frame in frames], dtype=np.int64),
            centikelvin=np.stack([frame.centikelvin for frame in frames]),
            **arrays,  # type: ignore[arg-type]
        )


def read_frame_file(path: Path) -> tuple[dict[str, Any], tuple[ThermalFrame, ...]]:
    """Read the JSON and the frames of a file that `write_frame_file` wrote.

    Raises
    ------
    StorageError
        If the file is missing or not one of these.
    """
    with opened_archive(path, "frames") as (meta, archive):
        return meta, _frames(meta, archive)


def _frames(
    meta: dict[str, Any], archive: Mapping[str, npt.NDArray[Any]]
) -> tuple[ThermalFrame, ...]:
    return tuple(
        ThermalFrame(int(stamp_ns), meta["frame_id"], image)
        for stamp_ns, image in zip(archive["stamps_ns"], archive["centikelvin"], strict=True)
    )


def seen_keypoints(trial: FrameTrial, perception: Perception) -> KeypointTrial:
    """Return the keypoints that the pipeline finds in a trial's images."""
    perception.reset()
    frames = tuple(perception.step(frame) for frame in trial.frames)
    return KeypointTrial(
        trial.name, trial.subject, frames, trial.truth, trial.conditions, trial.joints_m
    )


def frames_path(keypoints: Path) -> Path:
    """Return the path of the images that a keypoint file is made from."""
    return keypoints.parent / FRAMES_FOLDER / keypoints.name


def models_of(perception: Perception) -> tuple[str, str]:
    """The detector and the pose model, as keypoint files name them."""
    return perception.detection.detector.model_id, perception.pose.estimator.model_id


def is_current(keypoints: Path, perception: Perception) -> bool:
    """Whether a keypoint file was made by these models."""
    return keypoints.is_file() and keypoint_models(keypoints) == models_of(perception)


def cache_trial(
    keypoints: Path,
    render: Callable[[], FrameTrial],
    perception: Perception,
    frames_only: bool = False,
) -> None:
    """Make a trial's images and keypoints where they are missing or made by other models.

    Parameters
    ----------
    keypoints : the trial's keypoint file; its images lie beside it (`frames_path`).
    render : makes the images.
    frames_only : leave the keypoints for later.
    """
    if not frames_only and is_current(keypoints, perception):
        return
    stored = frames_path(keypoints)
    if not stored.is_file():
        write_frame_trial(render(), stored)
    if not frames_only:
        trial = seen_keypoints(read_frame_trial(stored), perception)
        write_keypoints(trial, keypoints, detector_id=models_of(perception)[0])
