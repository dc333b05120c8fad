# SPDX-License-Identifier: Apache-2.0
"""Leave one subject out: load a cohort, run rows here or on Ray, and keep the results file."""

import glob
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from thermal_pose.digest import sha256_of, short_key
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
from thermal_pose.lab.learning.fitting.config import AugmentConfig, for_key, load_config
from thermal_pose.lab.learning.fitting.predict import Predictions, choose_device, device_name
from thermal_pose.lab.learning.fitting.run_log import (
    command_line,
    git_hash,
    write_run,
)
from thermal_pose.lab.learning.fitting.tasks import RgbCrops
from thermal_pose.lab.learning.fitting.training import Progress
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import TeacherInfo, load_teacher
from thermal_pose.lab.learning.paper.cohort import Cohort, CohortOrigin
from thermal_pose.lab.learning.paper.fold_detectors import card_of, is_per_fold
from thermal_pose.lab.learning.paper.fold_results import FoldResult, empty_results
from thermal_pose.lab.learning.paper.train import run_folds
from thermal_pose.lab.learning.pose_data import PoseData, load_folder
from thermal_pose.lab.learning.students.labels import with_own_labels
from thermal_pose.lab.learning.teachers.cache import TeacherCache, build_cache
from thermal_pose.lab.learning.teachers.fit import check_disjoint
from thermal_pose.lab.learning.teachers.latent import latent_figures
from thermal_pose.lab.metrics.oks import average_precision, oks
from thermal_pose.types import IntArray

#: Frames kept for figures.
_SHOWN: Final = 40


def load_cohort(origin: CohortOrigin, results: Path | None = None) -> Cohort:
    """Load data and teacher, or its keypoints, build or read its cache, and detect boxes.

    Parameters
    ----------
    results : results file that will be added to; checked before the long work begins.

    Raises
    ------
    TrainingError
        The teacher has seen an evaluated subject, the data has no RGB, or the results are of
        other data.
    """
    settings = load_config(origin.config, list(origin.overrides))
    device, work = choose_device(origin.device), origin.work
    data = load_folder(origin.data)
    if results is not None:
        _read_results(results, data)
    network: PoseNetwork | None = None
    if origin.labels is not None:
        info, cache = _keypoints_alone(origin.labels, data)
    else:
        network, info = load_teacher(origin.teacher)
        check_disjoint(info.trained_on, data.subjects)
        rgb = RgbCrops(data, AugmentConfig(occlude=0), device)
        folder = work and work / "cache"
        cache = build_cache(network, info, data, rgb, settings.distill, settings.seed, folder)
    found = detected_boxes(data, origin.detector) if origin.detector else None
    if work is not None:
        write_run(work, settings, data.fingerprint(), settings.seed)
    return Cohort(
        data,
        settings,
        None if network is None else network.to(device),
        info,
        cache,
        device,
        detected=found,
        detector_name=origin.detector,
        origin=origin,
    )


def _keypoints_alone(path: Path, data: PoseData) -> tuple[TeacherInfo, TeacherCache]:
    """Return a teacher of whom only the keypoints of the RGB pictures are known."""
    labelled = with_own_labels(path, data)
    labels = Predictions(labelled.xy, (labelled.visibility > 0).astype(np.float32))
    key = short_key(json.dumps([sha256_of(path), data.fingerprint()]))
    nothing = torch.zeros(0)
    info = TeacherInfo(f"keypoints of {path.name}", encoder="")
    return info, TeacherCache(nothing, nothing, nothing, labels, key)


def detected_boxes(data: PoseData, detector: str) -> Boxes:
    """Run a detector over every frame of a data set.

    Parameters
    ----------
    detector : with '{subject}' in its name, each subject's frames get the detector that has
        not seen that subject; a subject without a detector has no detected boxes.

    Raises
    ------
    ModelArtifactError
        The detector does not exist, or no fold has one.
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
    """Return a 16-digit key of everything that a row's figures depend on."""
    asked = [name, list(folds), max_minutes, beta, cohort.cache.key, cohort.detector_name]
    text = json.dumps([asked, for_key(cohort.config)], sort_keys=True)
    return short_key(text)


def forget(checkpoints: Path, name: str, subjects: Sequence[str]) -> None:
    """Delete the checkpoints of a row's folds, so that they train from scratch."""
    for subject in subjects:
        label = glob.escape(f"{name}-{subject}".replace("/", "_"))
        for stage in ("", "-latent", "-coarse*", "-b*"):
            for path in checkpoints.glob(f"{label}{stage}.pt"):
                path.unlink()


def run_row_anywhere(
    cohort: Cohort,
    name: str,
    folds: Sequence[int],
    progress: Progress | None = None,
    beta: float | None = None,
    ray_address: str = "",
) -> list[FoldResult]:
    """Run a row's folds together in this process, or as one Ray task per fold.

    For the same seeds on the same kind of device the figures are the same either way, unless a
    wall-clock limit ends the training.
    """
    progress = progress or Progress()
    if not ray_address:
        return run_folds(cohort, name, folds, progress, beta)
    gpus = 1 if cohort.device.type == "cuda" else 0
    calls = [(cohort.origin, name, fold, progress.max_minutes, beta) for fold in folds]
    return list(map_jobs(_remote_fold, calls, ordered=True, ray_address=ray_address, gpus=gpus))


def _remote_fold(
    origin: CohortOrigin, name: str, fold: int, max_minutes: float, beta: float | None = None
) -> FoldResult:
    """Load the cohort and run one fold, on whatever machine Ray chose."""
    progress = Progress(checkpoint_folder(origin), max_minutes)
    return run_folds(load_cohort(origin), name, [fold], progress, beta)[0]


def checkpoint_folder(origin: CohortOrigin) -> Path | None:
    """Return where a cohort's networks are kept; None if they stay in memory."""
    return None if origin.work is None else origin.work / "checkpoints"


def load_results(
    path: Path, cohort: Cohort, empty: Callable[[], dict[str, Any]] = empty_results
) -> dict[str, Any]:
    """Read a results file, or an empty one; another cohort's results are refused.

    Parameters
    ----------
    empty : makes the content of a file that does not exist yet.

    Raises
    ------
    TrainingError
        The file is not a results file, or holds results of other data.
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
        "latent": latent_figures(cohort.cache.latents[0]) if cohort.cache.latents.numel() else None,
        "on_cohort_rgb": _teacher_on_cohort(cohort),
    }
    results["git"] = git_hash()
    results["written"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write_whole(path, json.dumps(results, indent=1) + "\n")


def _teacher_on_cohort(cohort: Cohort) -> dict[str, Any]:
    """Accuracy of the labels that students learn from, against the exact keypoints."""
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
    """Write all joints of a row's folds, and some frames with truth and labels to draw."""
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
