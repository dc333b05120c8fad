# SPDX-License-Identifier: Apache-2.0
"""Builds a data set from a folder of recordings: in parallel, resumable, with a quality page."""

import html
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.files import load_extrinsics
from thermal_pose.errors import BagNotFoundError, ThermalPoseError, TrainingError
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.inference.factory import make_detector
from thermal_pose.training.bag_dataset import BuildOptions, Quality, write_shard
from thermal_pose.training.pose_data import PoseData, load_shard
from thermal_pose.training.ray_map import map_on_ray
from thermal_pose.types import ThermalFrame

EXTRINSICS_NAME: Final = "extrinsics.yaml"
_THUMBNAILS: Final = 24


@dataclass(frozen=True)
class Recording:
    """One bag and what it is called."""

    path: Path
    subject: str
    trial: str


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
    that equal pseudonyms of two cohorts stay two people.

    Raises
    ------
    BagNotFoundError
        There is none.
    """
    found: list[Recording] = []
    for source in sources:
        for path in _bags(source):
            subject, trial = _identify(path)
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
    return _simulated_extrinsics(path / "trial.json")


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
def _detector(name: str) -> Any:
    return make_detector(name)


def _build_one(
    recording: Recording,
    out: Path,
    options: BuildOptions,
    extrinsics: Path | None,
    detector: str,
) -> BuildResult:
    """Build one shard (in a worker process); errors of the recording become a result."""

    def detect(frame: ThermalFrame) -> list[tuple[float, float, float, float]]:
        return [box.xyxy for box in _detector(detector).detect(frame.centikelvin)]

    try:
        quality = write_shard(
            recording.path,
            out,
            recording.subject,
            recording.trial,
            options,
            _extrinsics_for(recording.path, extrinsics),
            detect if options.boxes == "detector" else None,
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


def write_summary(out: Path, results: list[BuildResult], options: BuildOptions) -> dict[str, Any]:
    """Write `dataset.json` and `quality.html`; return the summary.

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
    (out / "dataset.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    (out / "quality.html").write_text(_page(summary, shards), encoding="utf-8")
    return summary


def _page(summary: dict[str, Any], shards: list[Path]) -> str:
    chosen = [shards[i] for i in np.linspace(0, len(shards) - 1, min(6, len(shards))).astype(int)]
    pictures = [picture for path in chosen for picture in _thumbnails(load_shard(path))]
    rows = "".join(
        f"<tr><th>{html.escape(str(key))}</th><td>{html.escape(str(value))}</td></tr>"
        for key, value in summary.items()
    )
    images = "".join(f'<img src="data:image/png;base64,{picture}">' for picture in pictures)
    return (
        "<!doctype html><meta charset=utf-8><title>Data set quality</title>"
        "<style>body{font:14px sans-serif;margin:2em}th{text-align:left;padding-right:1em}"
        "img{margin:2px}</style><h1>Data set quality</h1>"
        f"<table>{rows}</table><h2>Thermal crop and its RGB patch</h2>{images}\n"
    )


def _thumbnails(data: PoseData) -> list[str]:
    """Return some rows as base64 PNGs: thermal with joints beside the RGB patch."""
    rows = np.linspace(0, len(data) - 1, min(_THUMBNAILS // 6, len(data))).astype(int)
    return [b64encode(_thumbnail(data.select(np.array([row])))).decode() for row in rows]


def _thumbnail(data: PoseData) -> bytes:
    frame = data.frames[0][: data.frame_rows[0]].astype(np.float32)
    grey = (255 * (frame - frame.min()) / max(float(np.ptp(frame)), 1.0)).astype(np.uint8)
    scale = 4
    picture = cv2.applyColorMap(
        cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC),
        cv2.COLORMAP_INFERNO,
    )
    for x, y in data.xy[0][data.visibility[0] > 0]:
        centre = (round((x + 0.5) * scale), round((y + 0.5) * scale))
        cv2.circle(picture, centre, 2, (0, 255, 0), -1)
    if data.patches:
        patch = cv2.imdecode(np.frombuffer(data.patches[0], np.uint8), cv2.IMREAD_COLOR)
        assert patch is not None
        affine, shown = data.patch_affine[0], data.xy[0][data.visibility[0] > 0]
        for x, y in shown @ affine[:, :2].T + affine[:, 2]:
            cv2.circle(patch, (round(float(x)), round(float(y))), 3, (0, 255, 0), -1)
        height = picture.shape[0]
        patch = cv2.resize(patch, (height * patch.shape[1] // patch.shape[0], height))
        picture = np.hstack([picture, patch])
    done, coded = cv2.imencode(".png", picture)
    assert done
    return coded.tobytes()
