# SPDX-License-Identifier: Apache-2.0
"""Builds a data set from a folder of recordings: in parallel, resumable, with a quality page."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.files import load_extrinsics
from thermal_pose.errors import BagError, BagNotFoundError, ThermalPoseError, TrainingError
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.inference.factory import make_detector
from thermal_pose.models.rgb_detector import load_rgb_detector
from thermal_pose.training.bag_dataset import BuildOptions, Quality, write_shard
from thermal_pose.training.pose_data import load_shard
from thermal_pose.training.quality import quality_page, sample_rows, teacher_confidence
from thermal_pose.training.ray_map import map_on_ray
from thermal_pose.types import RgbFrame, ThermalFrame

EXTRINSICS_NAME: Final = "extrinsics.yaml"


@dataclass(frozen=True)
class Recording:
    """One bag and what it is called; `error` where it could not be asked."""

    path: Path
    subject: str
    trial: str
    error: str = ""


@dataclass(frozen=True)
class BuildResult:
    """What came of one recording: its quality, None where its shard was there, or the error."""

    recording: Recording
    quality: Quality | None = None
    error: str = ""


def find_recordings(sources: list[Path], cohort: str = "") -> list[Recording]:
    """Find all bags below the given paths and say whose they are.

    Subject and trial come from the recorded `truth/tug` or the recording's own metadata,
    else from the folder's name (`<subject>_<trial>`). `cohort` is put before the subject, so
    that equal pseudonyms of two cohorts stay two people. A recording that cannot be opened
    comes back with its error.

    Raises
    ------
    BagNotFoundError
        There is none.
    """
    found: list[Recording] = []
    for source in sources:
        for path in _bags(source):
            try:
                subject, trial = _identify(path)
            except BagError as error:
                found.append(Recording(path, "", "", str(error)))
                continue
            found.append(Recording(path, f"{cohort}/{subject}" if cohort else subject, trial))
    if not found:
        raise BagNotFoundError(f"no recording below {', '.join(map(str, sources))}")
    return found


def _bags(source: Path) -> Iterator[Path]:
    if source.is_file() or (source / "metadata.yaml").is_file():
        yield source
    elif source.is_dir():
        yield from sorted(p.parent for p in source.rglob("metadata.yaml"))
    else:
        raise BagNotFoundError(f"there is no recording at {source}")


def _identify(path: Path) -> tuple[str, str]:
    with BagReader(path) as reader:
        if schema.TRUTH_TUG in reader.topics:
            report = next(reader.messages([schema.TRUTH_TUG])).message
            if report.subject_id:
                return str(report.subject_id), str(report.trial_id or path.name)
        subject = reader.custom_data.get("subject_id", "")
        if subject:
            return subject, path.name
    subject, _, trial = path.name.partition("_")
    return subject, trial or "1"


def _extrinsics_for(path: Path, given: Path | None) -> CameraPose | None:
    if given is not None:
        return load_extrinsics(given)
    for folder in (path, *list(path.parents)[:2]):
        if (folder / EXTRINSICS_NAME).is_file():
            return load_extrinsics(folder / EXTRINSICS_NAME)
    return _recorded_extrinsics(path) or _simulated_extrinsics(path / "trial.json")


def _recorded_extrinsics(path: Path) -> CameraPose | None:
    """Return how the cameras stand by the recording's own /tf_static, where it has both images."""
    with BagReader(path) as bag:
        filled = {name for name, topic in bag.topics.items() if topic.count}
        if schema.TF_STATIC not in filled or not filled & {schema.RGB_IMAGE, schema.RGB_COMPRESSED}:
            return None
        thermal, rgb = next(bag.thermal_frames()), next(bag.rgb_frames())
        return bag.static_transform(thermal.frame_id, rgb.frame_id)


def _simulated_extrinsics(trial: Path) -> CameraPose | None:
    """Return how the cameras of a simulated recording stand, from its manifest entry."""
    if not trial.is_file():
        return None
    try:
        scene = json.loads(trial.read_text(encoding="utf-8"))["scene"]
        thermal, rgb = (
            CameraPose.looking_at(
                scene[name]["position_m"], scene[name]["target_m"], scene[name]["roll_rad"]
            )
            for name in ("thermal_placement", "rgb_placement")
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{trial}: no description of a simulated scene: {error}") from error
    rotation = thermal.rotation @ rgb.rotation.T
    return CameraPose(rotation, thermal.translation_m - rotation @ rgb.translation_m)


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

    if recording.error:
        return BuildResult(recording, error=recording.error)
    try:
        quality = write_shard(
            recording.path,
            out,
            recording.subject,
            recording.trial,
            options,
            _extrinsics_for(recording.path, extrinsics),
            None if options.boxes == "truth" else detect,
        )
    except ThermalPoseError as error:
        return BuildResult(recording, error=str(error))
    return BuildResult(recording, quality)


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
    jobs : worker processes; 0: one a core.
    ray_address : a Ray cluster that sees the same folders, or 'local'; '': processes here.
    """
    arguments = (out, options, extrinsics, detector)
    jobs = jobs or os.cpu_count() or 1
    if ray_address:
        yield from map_on_ray(_build_one, [(each, *arguments) for each in recordings], ray_address)
        return
    if jobs == 1:
        for recording in recordings:
            yield _build_one(recording, *arguments)
        return
    with ProcessPoolExecutor(jobs) as pool:
        futures: list[Future[BuildResult]] = [
            pool.submit(_build_one, recording, *arguments) for recording in recordings
        ]
        for future in as_completed(futures):
            yield future.result()


def write_summary(
    out: Path, results: list[BuildResult], options: BuildOptions, teacher: str = ""
) -> dict[str, Any]:
    """Write `dataset.json` and `quality.html`; return the summary.

    Parameters
    ----------
    teacher : folder or hub name; its confidence on some pictures is added. '': none.

    Raises
    ------
    TrainingError
        No recording was usable; the message has the first error.
    """
    errors = {str(r.recording.path): r.error for r in results if r.error}
    shards = sorted(out.glob("*.npz"))
    if not shards:
        raise TrainingError(f"no usable recording; first: {next(iter(errors.values()), 'none')}")
    made = [r.quality for r in results if r.quality is not None]
    summary = {
        "shards": len(shards),
        "rows": sum(len(load_shard(path)) for path in shards),
        "options": asdict(options),
        "built_now": len(made),
        "errors": errors,
        "dropped": {
            name: sum(int(getattr(quality, name)) for quality in made)
            for name in ("without_rgb", "without_person", "tiny_boxes", "outside_rgb")
        },
        "asynchronous_kept_but_marked": sum(quality.asynchronous for quality in made),
        "without_extrinsics": sum(not quality.registered for quality in made),
    }
    sample = sample_rows(shards)
    if teacher:
        summary["teacher"] = {"name": teacher, **teacher_confidence(sample, teacher)}
    (out / "dataset.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    (out / "quality.html").write_text(quality_page(summary, sample), encoding="utf-8")
    return summary
