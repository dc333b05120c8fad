# SPDX-License-Identifier: Apache-2.0
"""Loads what leave-one-subject-out needs, runs rows here or on Ray, keeps the results file."""

import glob
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.digest import short_key
from thermal_pose.errors import ModelArtifactError, TrainingError
from thermal_pose.files import whole_file, write_whole
from thermal_pose.inference.factory import make_detector
from thermal_pose.jobs import map_jobs
from thermal_pose.lab.learning.fitting.assess import (
    Boxes,
    breakdown,
    estimated_poses,
    true_boxes,
    true_poses,
)
from thermal_pose.lab.learning.fitting.config import AugmentConfig, load_config
from thermal_pose.lab.learning.fitting.predict import Predictions, choose_device, device_name
from thermal_pose.lab.learning.fitting.run_log import (
    command_line,
    git_hash,
    tensorboard_log,
    write_run,
)
from thermal_pose.lab.learning.fitting.tasks import RgbCrops
from thermal_pose.lab.learning.networks.teacher import load_teacher
from thermal_pose.lab.learning.paper.fold_detectors import card_of, is_per_fold
from thermal_pose.lab.learning.paper.protocol import Cohort, FoldResult, empty_results
from thermal_pose.lab.learning.paper.train import run_folds
from thermal_pose.lab.learning.pose_data import PoseData, load_folder
from thermal_pose.lab.learning.teachers.cache import build_cache
from thermal_pose.lab.learning.teachers.fit import check_disjoint
from thermal_pose.lab.metrics.oks import average_precision, oks
from thermal_pose.types import IntArray

#: Frames kept for figures.
_SHOWN: Final = 40


@dataclass(frozen=True)
class CohortSource:
    """The arguments of `load_cohort`, small enough to send to another machine."""

    data: str
    teacher: str
    config: str | None
    overrides: tuple[str, ...]
    device: str
    work: str | None
    detector: str


def load_cohort(
    data: Path,
    teacher: str,
    config: Path | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
    work: Path | None = None,
    detector: str = "",
    results: Path | None = None,
) -> Cohort:
    """Load data and teacher, build or read the teacher's cache, detect boxes.

    Parameters
    ----------
    results : file that will be added to; refused before the long work where it is of other data.

    Raises
    ------
    TrainingError
        The teacher has seen an evaluated subject, the data has no RGB, or the results are of
        other data.
    """
    settings = load_config(config, list(overrides))
    place = choose_device(device)
    rows = load_folder(data)
    if results is not None:
        _read_results(results, rows)
    network, info = load_teacher(teacher)
    check_disjoint(tuple(info.trained_on.split(",")), rows.subjects)
    source = RgbCrops(rows, AugmentConfig(occlude=0), place)
    cache = build_cache(
        network, info, rows, source, settings.distill, settings.seed, work and work / "cache"
    )
    found = detect_all(rows, detector) if detector else None
    if work is not None:
        write_run(work, settings, rows.fingerprint(), settings.seed)
    cohort = Cohort(rows, settings, network.to(place), info, cache, place, found)
    cohort.source_arguments = CohortSource(
        str(data),
        teacher,
        None if config is None else str(config),
        tuple(overrides),
        device,
        None if work is None else str(work),
        detector,
    )
    cohort.detector_name = detector
    return cohort


def detect_all(data: PoseData, detector: str) -> Boxes:
    """Run a detector over every frame of a data set.

    Parameters
    ----------
    detector : with '{subject}' in its name, each subject's frames get the detector that has
        not seen that subject; where there is none, that subject has no detected boxes.

    Raises
    ------
    ModelArtifactError
        There is no such detector; of one a fold, not a single one.
    """
    frames: list[int] = []
    boxes: list[tuple[float, float, float, float]] = []
    scores: list[float] = []
    for name, chosen in _detectors(data, detector):
        finder = make_detector(name)
        for index in chosen:
            frame = data.frames[index][: data.frame_rows[index]]
            for box in finder.detect(np.ascontiguousarray(frame)):
                frames.append(int(index))
                boxes.append(box.xyxy)
                scores.append(box.score)
    return Boxes(
        np.array(frames, np.int32),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
    )


def _detectors(data: PoseData, detector: str) -> list[tuple[str, IntArray]]:
    """Return the detectors to run, each with the frames that it is for."""
    if not is_per_fold(detector):
        return [(detector, np.arange(len(data.frames)))]
    found = []
    for subject, name in enumerate(data.subjects):
        path = card_of(detector, name)
        if Path(path).is_file():
            found.append((path, np.unique(data.frame_of[data.subject == subject])))
    if not found:
        raise ModelArtifactError(
            f"{detector}: no subject has a detector; train them with `thermal-pose loso-detectors`"
        )
    return found


def run_key(
    cohort: Cohort, name: str, folds: Sequence[int], max_minutes: float, beta: float | None = None
) -> str:
    """Return 16 hex digits of all that a row's figures depend on, to know it when it is done."""
    asked = [name, list(folds), max_minutes, beta, cohort.cache.key, cohort.detector_name]
    text = json.dumps([asked, asdict(cohort.config)], sort_keys=True)
    return short_key(text)


def forget(checkpoints: Path, name: str, subjects: Sequence[str]) -> None:
    """Delete what a row's folds were trained to, so that they begin anew."""
    for subject in subjects:
        label = glob.escape(f"{name}-{subject}".replace("/", "_"))
        for stage in ("", "-latent", "-b*"):
            for path in checkpoints.glob(f"{label}{stage}.pt"):
                path.unlink()


def run_row_anywhere(
    cohort: Cohort,
    name: str,
    folds: Sequence[int],
    work: Path | None,
    max_minutes: float,
    ray_address: str = "",
    tick: Callable[[int, int], None] | None = None,
    beta: float | None = None,
) -> list[FoldResult]:
    """Run a row's folds together in this process, or one Ray task a fold.

    The figures are the same either way, for the same seeds on the same kind of device, as long
    as no wall clock ends the training.
    """
    if not ray_address:
        log = None if work is None else tensorboard_log(work)
        checkpoints = None if work is None else work / "checkpoints"
        return run_folds(cohort, name, folds, beta, checkpoints, max_minutes, log, tick)
    source, gpus = cohort.source_arguments, 1 if cohort.device.type == "cuda" else 0
    tasks = [(source, name, fold, max_minutes, beta) for fold in folds]
    return list(map_jobs(_remote_fold, tasks, ordered=True, ray_address=ray_address, gpus=gpus))


def _remote_fold(
    source: CohortSource, name: str, fold: int, max_minutes: float, beta: float | None = None
) -> FoldResult:
    """Run one fold from scratch on whatever machine Ray chose."""
    work = None if source.work is None else Path(source.work)
    cohort = load_cohort(
        Path(source.data),
        source.teacher,
        None if source.config is None else Path(source.config),
        source.overrides,
        source.device,
        work,
        source.detector,
    )
    checkpoints = None if work is None else work / "checkpoints"
    return run_folds(cohort, name, [fold], beta, checkpoints, max_minutes)[0]


def load_results(
    path: Path, cohort: Cohort, empty: Callable[[], dict[str, Any]] = empty_results
) -> dict[str, Any]:
    """Read a results file, or an empty one; another cohort's results are refused.

    Parameters
    ----------
    empty : makes the file that nothing was written to yet.

    Raises
    ------
    TrainingError
        The file holds results of other data, or none.
    """
    return empty() | _read_results(path, cohort.data)


def _read_results(path: Path, data: PoseData) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        results = dict(json.loads(path.read_text(encoding="utf-8")))
        known = (results["data"] or {}).get("hash")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path}: no results of `thermal-pose loso`: {error!r}") from error
    if known is not None and known != data.fingerprint():
        raise TrainingError(f"{path}: holds results of other data ({known}); move it away")
    return results


def save_results(path: Path, results: dict[str, Any], cohort: Cohort) -> None:
    """Write the results file with data, command, device and teacher named."""
    data = cohort.data
    results["data"] = {
        "hash": data.fingerprint(),
        "rows": len(data),
        "subjects": len(data.subjects),
        "trials": len(data.trials),
        "simulated": data.simulated,
        "oks": "thermal frame, silhouette area, joints with v > 0",
        "detector": cohort.detector_name,
    }
    results["command"] = list(dict.fromkeys([*(results["command"] or []), command_line()]))
    results["device"] = device_name(cohort.device)
    results["teacher"] = {
        "name": cohort.info.name,
        "encoder": cohort.info.encoder,
        **cohort.info.figures,
        "on_cohort_rgb": _teacher_on_cohort(cohort),
    }
    results["git"] = git_hash()
    results["written"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write_whole(path, json.dumps(results, indent=1) + "\n")


def _teacher_on_cohort(cohort: Cohort) -> dict[str, Any]:
    """How good the labels are that the students learn from, against the exact truth."""
    data = cohort.data
    rows = np.flatnonzero(data.person & ~data.asynchronous & (data.area_px >= 1))
    labels = Predictions(cohort.cache.labels.xy[rows], cohort.cache.labels.peaks[rows])
    similarity = oks(labels.xy, data.xy[rows], data.visibility[rows], data.area_px[rows])
    estimates = estimated_poses(true_boxes(data, rows), labels)
    precision = average_precision(true_poses(data, rows), estimates)
    return {
        "mean_oks": float(np.nanmean(similarity)) if np.isfinite(similarity).any() else None,
        "ap": precision.ap,
        "ap50": precision.ap50,
        "ap75": precision.ap75,
        "breakdown": breakdown(data, rows, labels),
    }


def save_predictions(path: Path, cohort: Cohort, results: Sequence[FoldResult]) -> None:
    """Write all joints of a row's folds, and some frames with truth and labels for figures."""
    rows = np.concatenate([result.rows for result in results])
    xy = np.concatenate([result.predictions.xy for result in results])
    shown = np.linspace(0, len(rows) - 1, min(_SHOWN, len(rows))).astype(int)
    data, index = cohort.data, rows[shown]
    arrays = {
        "rows": rows,
        "xy": xy,
        "peaks": np.concatenate([result.predictions.peaks for result in results]),
        "shown": shown,
        "shown_frames": data.frames[data.frame_of[index]],
        "shown_boxes": data.boxes[index],
        "shown_truth": data.xy[index],
        "shown_visibility": data.visibility[index],
        "shown_teacher": cohort.cache.labels.xy[index],
        "shown_phase": data.phase[index],
        "shown_subject": np.array(data.subjects)[data.subject[index]],
    }
    with whole_file(path) as stream:
        np.savez_compressed(stream, **arrays)
