# SPDX-License-Identifier: Apache-2.0
"""Builds a data set from a folder of recordings: in parallel, resumable, with a quality page."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.calibration.files import load_extrinsics
from thermal_pose.errors import (
    ConfigError,
    MissingExtraError,
    ModelArtifactError,
    StorageError,
    ThermalPoseError,
    TrainingError,
)
from thermal_pose.files import write_whole
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.inference.factory import make_detector
from thermal_pose.jobs import map_jobs
from thermal_pose.lab.learning.datasets.files import (
    SUMMARY_NAME,
    check_same_recordings,
    full_options,
    keep_options,
    load_options,
    load_quality,
    save_quality,
)
from thermal_pose.lab.learning.datasets.from_bags import build_shard
from thermal_pose.lab.learning.datasets.options import BuildOptions, Quality
from thermal_pose.lab.learning.datasets.quality import quality_page, sample_rows, teacher_confidence
from thermal_pose.lab.learning.datasets.recordings import Recording
from thermal_pose.lab.learning.datasets.rows import Detect
from thermal_pose.lab.learning.networks.rgb_detector import load_rgb_detector
from thermal_pose.lab.learning.pose_data import PoseData, load_shard, save_shard
from thermal_pose.types import RgbFrame, ThermalFrame

#: Errors that every recording would meet, so that they end the build.
_FATAL: Final = (StorageError, ModelArtifactError, MissingExtraError, ConfigError)


@dataclass(frozen=True)
class BuildResult:
    """The quality of one recording's shard, None if it existed already, or the error."""

    recording: Recording
    quality: Quality | None = None
    error: str = ""


@cache
def _detector(name: str, on_rgb: bool = False) -> Any:
    return load_rgb_detector(name) if on_rgb else make_detector(name)


def _build_one(
    recording: Recording,
    out: Path,
    options: BuildOptions,
    extrinsics: Path | None,
    detector: str,
) -> BuildResult:
    """Build one shard (in a worker process); errors of the recording become a result."""

    def detect(frame: ThermalFrame | RgbFrame) -> Any:
        if isinstance(frame, RgbFrame):
            return _detector(detector, on_rgb=True).detect(frame.bgr[..., ::-1])
        return [box.xyxy for box in _detector(detector).detect(frame.centikelvin)]

    if recording.error or (out / recording.shard_name).is_file():
        return BuildResult(recording, error=recording.error)
    try:
        quality = _write_shard(
            recording,
            out,
            options,
            load_extrinsics(extrinsics) if extrinsics else None,
            None if options.boxes == "truth" else detect,
        )
    except _FATAL:
        raise
    except ThermalPoseError as error:
        return BuildResult(recording, error=str(error))
    return BuildResult(recording, quality)


def _write_shard(
    recording: Recording,
    out: Path,
    options: BuildOptions,
    extrinsics: CameraPose | None,
    detect: Detect | None,
) -> Quality:
    path = out / recording.shard_name
    data, quality = build_shard(recording, options, extrinsics, detect)
    save_quality(quality, path)  # first: a shard is never without it
    save_shard(data, path)
    return quality


def build_all(
    recordings: list[Recording],
    out: Path,
    options: BuildOptions,
    extrinsics: Path | None = None,
    detector: str = "",
    jobs: int = 0,
    ray_address: str = "",
) -> Iterator[BuildResult]:
    """Build every recording's shard, yielding results as they come.

    Parameters
    ----------
    jobs : worker processes; 0: one per core.
    ray_address : a Ray cluster that sees the same folders, or 'local'; '': processes here.

    Raises
    ------
    CalibrationError
        `extrinsics` cannot be used.
    ConfigError
        The folder holds shards of other options, or of other recordings of the same name.
    StorageError, ModelArtifactError, MissingExtraError
        The disk is full, or the detector cannot be loaded. What is built is kept.
    WorkerError
        A worker process was killed; what is built is kept.
    """
    arguments = (out, options, extrinsics, detector)
    if extrinsics is not None:
        load_extrinsics(extrinsics)  # one error rather than one per recording
    keep_options(out, full_options(options, extrinsics, detector))
    check_same_recordings(out, recordings)
    calls = [(recording, *arguments) for recording in recordings]
    yield from map_jobs(_build_one, calls, jobs, ray_address=ray_address)


def write_summary(
    out: Path, results: list[BuildResult], options: BuildOptions | None = None, teacher: str = ""
) -> dict[str, Any]:
    """Write `dataset.json` and `quality.html` of all shards in a folder; return the summary.

    Parameters
    ----------
    options : of the shards, for folders without a file of options; None: the shards are not
        from recordings.
    teacher : folder or hub name; its confidence on some pictures is added. '': none.

    Raises
    ------
    TrainingError
        No recording was usable; the message has the first error.
    """
    errors = {str(r.recording.path): r.error for r in results if r.error}
    shards = sorted(out.glob("*.npz"))
    if not shards:
        first = next(iter(errors.values()), "there is none")
        raise TrainingError(f"none of {len(results)} recordings can be used; the first: {first}")
    summary = {
        **_contents(shards),
        "options": load_options(out) or (full_options(options) if options else {}),
        "built_now": sum(r.quality is not None for r in results),
        "errors": errors,
        **_qualities(shards),
    }
    sample = sample_rows(shards)
    _write_pages(out, summary, sample)
    if teacher:  # what was found so far is on disk, should the teacher not load
        summary["teacher"] = {"name": teacher, **teacher_confidence(sample, teacher)}
        _write_pages(out, summary, sample)
    return summary


def _contents(shards: list[Path]) -> dict[str, Any]:
    rows, subjects, trials = 0, set[str](), set[str]()
    for path in shards:
        data = load_shard(path)
        rows += len(data)
        subjects.update(data.subjects[index] for index in np.unique(data.subject))
        trials.update(data.trials[index] for index in np.unique(data.trial))
    return {
        "shards": len(shards),
        "rows": rows,
        "subjects": sorted(subjects),
        "trials": len(trials),
    }


def _qualities(shards: list[Path]) -> dict[str, Any]:
    """Return the counts of all shards, of this call or earlier ones."""
    known = [quality for quality in map(load_quality, shards) if quality is not None]
    return {
        "without_counts": len(shards) - len(known),
        "dropped": {
            name: sum(int(getattr(quality, name)) for quality in known)
            for name in ("refused", "without_rgb", "without_person", "tiny_boxes", "outside_rgb")
        },
        "asynchronous_kept_but_marked": sum(quality.asynchronous for quality in known),
        "pairs_undecidable": sum(quality.undecidable for quality in known),
        "pairs_checked_by_pictures": sum(quality.synchrony == "pictures" for quality in known),
        "without_extrinsics": sum(not quality.registered for quality in known),
    }


def _write_pages(out: Path, summary: dict[str, Any], sample: PoseData) -> None:
    write_whole(out / SUMMARY_NAME, json.dumps(summary, indent=2) + "\n")
    write_whole(out / "quality.html", quality_page(summary, sample))
