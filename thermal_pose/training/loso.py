# SPDX-License-Identifier: Apache-2.0
"""Leave one subject out: every row of the paper's Table I, its beta sweep, and our baselines.

All folds of a row train at the same time in one process (see `learner`); with Ray they run as
separate tasks, with the same result for the same seeds on the same kind of device.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from thermal_pose.errors import TrainingError
from thermal_pose.evaluation.oks import AveragePrecision, average_precision
from thermal_pose.inference.card import DecodeRule
from thermal_pose.models.counting import measure
from thermal_pose.models.decoder import ClassicDecoder
from thermal_pose.models.pose import PoseNetwork, build_network
from thermal_pose.models.teacher import RGB_MEAN, RGB_STD, TeacherInfo
from thermal_pose.training.assess import (
    Boxes,
    breakdown,
    estimated_poses,
    over_folds,
    teacher_poses,
    true_boxes,
    true_poses,
)
from thermal_pose.training.config import AugmentConfig, TrainingConfig
from thermal_pose.training.learner import Learner, fit_together
from thermal_pose.training.pose_data import PoseData
from thermal_pose.training.predict import Predictions, predict
from thermal_pose.training.tasks import (
    CropSource,
    DistillationTask,
    Inputs,
    KeypointTask,
    Task,
    ThermalCrops,
)
from thermal_pose.training.teacher_cache import TeacherCache

IntArray = npt.NDArray[np.integer]
RowKind = Literal["distill", "supervised", "teacher"]


@dataclass(frozen=True)
class Row:
    """One line of the table: an architecture and how it comes by its weights."""

    network: str
    kind: RowKind


ROWS: Final[dict[str, Row]] = {
    "student_mobilenetv3": Row("mobilenetv3", "distill"),
    "student_resnet50": Row("resnet50", "distill"),
    "student_vit_b": Row("vit_b", "distill"),
    "vitpose_b_supervised": Row("vit_b", "supervised"),
    "supervised_no_transfer": Row("mobilenetv3", "supervised"),
    "teacher_on_thermal": Row("", "teacher"),
}


@dataclass(frozen=True)
class Fold:
    """Rows of one fold. No subject is in both `train`/`validation` and `test` (checked)."""

    subject: str
    train: IntArray
    validation: IntArray
    test: IntArray


def split_folds(data: PoseData, train_stride: int = 1, validation_stride: int = 4) -> list[Fold]:
    """Make one fold a subject; the last trial of each training subject validates.

    Asynchronous pairs are left out of training, as the paper discarded them by hand.

    Raises
    ------
    TrainingError
        Fewer than two subjects, or a subject without frames.
    """
    if len(data.subjects) < 2:
        raise TrainingError(f"folds: expected at least 2 subjects, got {len(data.subjects)}")
    usable = data.person & ~data.asynchronous
    last_trials = [
        data.trial[data.subject == subject].max(initial=-1) for subject in range(len(data.subjects))
    ]
    folds = []
    for subject, name in enumerate(data.subjects):
        test = np.flatnonzero(data.subject == subject)
        if len(test) == 0:
            raise TrainingError(f"folds: subject '{name}' has no frames")
        others = usable & (data.subject != subject)
        validates = np.isin(data.trial, last_trials)
        folds.append(
            Fold(
                name,
                np.flatnonzero(others & ~validates)[::train_stride],
                np.flatnonzero(others & validates)[::validation_stride],
                test,
            )
        )
    return folds


@dataclass
class Cohort:
    """Everything the folds share, on one device.

    Attributes
    ----------
    detected : a detector's boxes on all frames; None: AP with detected boxes stays null.
    detector_name : which detector they are of.
    source_arguments : how another process can load the same cohort (`loso_run`).
    """

    data: PoseData
    config: TrainingConfig
    teacher: PoseNetwork
    info: TeacherInfo
    cache: TeacherCache
    device: torch.device
    detected: Boxes | None = None
    detector_name: str = ""
    source_arguments: Any = None
    source: ThermalCrops = field(init=False)
    folds: list[Fold] = field(init=False)

    def __post_init__(self) -> None:
        self.source = ThermalCrops(
            self.data, self.config.normalization, self.config.augment, self.device
        )
        self.folds = split_folds(self.data, self.config.train_stride, self.config.validation_stride)

    def rule(self, row: Row) -> DecodeRule:
        """Return how a row's heatmaps lie: a shared decoder keeps its teacher's alignment."""
        own = row.kind == "supervised"
        return DecodeRule(alignment="half_pixel" if own else self.info.alignment)


class TeacherOnThermal:
    """A crop source that feeds thermal crops to a network made for RGB: grey, ImageNet-scaled."""

    def __init__(self, source: ThermalCrops) -> None:
        self.source, self.regions = source, source.regions
        self._mean = torch.tensor(RGB_MEAN, device=source.device)[None, :, None, None]
        self._std = torch.tensor(RGB_STD, device=source.device)[None, :, None, None]

    def draw(self, index: torch.Tensor, generator: torch.Generator | None) -> Inputs:
        """As the thermal source."""
        return self.source.draw(index, generator)

    def images(self, inputs: Inputs) -> torch.Tensor:
        """Return crops scaled as the teacher's RGB."""
        return (self.source.images(inputs) - self._mean) / self._std


def _task(cohort: Cohort, row: Row, beta: float) -> Task:
    cache = cohort.cache
    if row.kind == "distill":
        return DistillationTask(cohort.source, cache.affine, cache.latents, cache.heatmaps, beta)
    settings = cohort.config.distill
    xy, present = cohort.data.xy, cohort.data.visibility > 0
    if settings.labels == "teacher":
        xy, present = cache.labels.xy, cache.labels.peaks > 0.2
    geometry = AugmentConfig(
        shift=settings.variant_shift, scale=settings.variant_scale, flip=settings.variant_flip
    )
    return KeypointTask(
        cohort.source,
        torch.from_numpy(xy).to(cohort.device),
        torch.from_numpy(present).to(cohort.device),
        geometry,
        settings.sigma_px,
    )


def _network(cohort: Cohort, row: Row, fold: int) -> PoseNetwork:
    torch.manual_seed(cohort.config.seed * 1000 + fold)
    if row.kind == "distill":
        decoder = copy.deepcopy(cohort.teacher.decoder)
        return build_network(row.network, decoder).freeze_decoder()
    return build_network(row.network, ClassicDecoder())


def make_learner(
    cohort: Cohort,
    name: str,
    fold: int,
    beta: float,
    checkpoints: Path | None,
    log: Callable[[str, int, dict[str, float]], None] | None = None,
) -> Learner:
    """Build the learner of one row and fold."""
    row, parts = ROWS[name], cohort.folds[fold]
    label = (
        f"{name}-b{beta:g}-{parts.subject}" if row.kind == "distill" else f"{name}-{parts.subject}"
    )
    return Learner(
        label,
        _network(cohort, row, fold),
        _task(cohort, row, beta),
        torch.from_numpy(parts.train),
        torch.from_numpy(parts.validation),
        cohort.config.fit,
        cohort.config.seed * 1000 + fold,
        cohort.device,
        None if checkpoints is None else checkpoints / f"{label}.pt",
        log,
    )


@dataclass(frozen=True)
class FoldResult:
    """One fold's accuracy, and its predictions on the true boxes for break-downs."""

    subject: str
    detected: AveragePrecision | None
    true_boxes: AveragePrecision
    teacher: AveragePrecision
    rows: IntArray
    predictions: Predictions
    epochs: int = 0


def evaluate_fold(cohort: Cohort, row: Row, fold: int, network: PoseNetwork) -> FoldResult:
    """Measure a network on the left-out subject, against the truth and the teacher's labels."""
    data, parts, rule = cohort.data, cohort.folds[fold], cohort.rule(row)

    def run(source: ThermalCrops, rows: IntArray) -> Predictions:
        view: CropSource = TeacherOnThermal(source) if row.kind == "teacher" else source
        return predict(network, view, rows, rule)

    predictions = run(cohort.source, parts.test)
    boxes = true_boxes(data, parts.test)
    estimates = estimated_poses(boxes, predictions)
    truths = true_poses(data, parts.test)
    detected = None
    if cohort.detected is not None:
        found = _of_frames(cohort.detected, np.unique(data.frame_of[parts.test]))
        view = cohort.source.with_boxes(found.frame_of, found.xyxy)
        joints = run(view, np.arange(len(found.frame_of)))
        detected = average_precision(truths, estimated_poses(found, joints))
    against_teacher = average_precision(
        teacher_poses(data, parts.test, cohort.cache.labels), estimates
    )
    return FoldResult(
        parts.subject,
        detected,
        average_precision(truths, estimates),
        against_teacher,
        parts.test,
        predictions,
    )


def _of_frames(boxes: Boxes, frames: npt.NDArray[np.int32]) -> Boxes:
    chosen = np.isin(boxes.frame_of, frames)
    return Boxes(boxes.frame_of[chosen], boxes.xyxy[chosen], boxes.scores[chosen])


def run_folds(
    cohort: Cohort,
    name: str,
    folds: Sequence[int],
    beta: float | None = None,
    checkpoints: Path | None = None,
    max_minutes: float = 0.0,
    log: Callable[[str, int, dict[str, float]], None] | None = None,
    tick: Callable[[int, int], None] | None = None,
) -> list[FoldResult]:
    """Train and evaluate one row on some folds, all at the same time."""
    row = ROWS[name]
    if row.kind == "teacher":
        return [evaluate_fold(cohort, row, fold, cohort.teacher) for fold in folds]
    beta = cohort.config.distill.beta if beta is None else beta
    learners = [make_learner(cohort, name, fold, beta, checkpoints, log) for fold in folds]
    fit_together(learners, max_minutes, tick)
    return [
        replace(evaluate_fold(cohort, row, fold, learner.take_best()), epochs=learner.epoch)
        for fold, learner in zip(folds, learners, strict=True)
    ]


def run_sweep(
    cohort: Cohort,
    betas: Sequence[float],
    folds: Sequence[int],
    max_minutes: float = 0.0,
    tick: Callable[[int, int], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Train `student_mobilenetv3` at every beta and fold at once; AP per beta."""
    name = "student_mobilenetv3"
    pairs = [(beta, fold) for beta in betas for fold in folds]
    learners = [make_learner(cohort, name, fold, beta, None) for beta, fold in pairs]
    fit_together(learners, max_minutes, tick)
    results: dict[float, list[FoldResult]] = {beta: [] for beta in betas}
    for (beta, fold), learner in zip(pairs, learners, strict=True):
        results[beta].append(evaluate_fold(cohort, ROWS[name], fold, learner.take_best()))
    return {
        f"{beta:.1f}": {**_precision(found), "folds_run": len(folds)}
        for beta, found in results.items()
    }


def _precision(results: list[FoldResult]) -> dict[str, Any]:
    detected = [r.detected for r in results if r.detected is not None]
    main = over_folds(detected)
    return {
        **main,
        "ap_teacher": over_folds([r.teacher for r in results])["ap"],
        "ap_true_boxes": over_folds([r.true_boxes for r in results])["ap"],
        "true_boxes": over_folds([r.true_boxes for r in results]),
    }


def summarise(cohort: Cohort, name: str, results: list[FoldResult]) -> dict[str, Any]:
    """Return one model's entry of `pose_loso.json`."""
    row = ROWS[name]
    network = cohort.teacher if row.kind == "teacher" else _network(cohort, row, 0)
    size = measure(network)
    rows = np.concatenate([r.rows for r in results])
    joined = Predictions(
        np.concatenate([r.predictions.xy for r in results]),
        np.concatenate([r.predictions.peaks for r in results]),
    )
    return {
        **_precision(results),
        "params": size.parameters,
        "macs": size.macs,
        "paper_macs": size.paper_macs,
        "folds_run": len(results),
        "subjects": [r.subject for r in results],
        "epochs": [r.epochs for r in results],
        "breakdown": breakdown(cohort.data, rows, joined),
    }


def empty_results() -> dict[str, Any]:
    """Return `pose_loso.json` with nothing run: every cell null."""
    nothing = {"mean": None, "sd": None}
    names = [*ROWS, "keypoint_rcnn"]
    entry = {
        **dict.fromkeys(("ap", "ap50", "ap75", "ap_teacher", "ap_true_boxes"), nothing),
        "params": None,
        "macs": None,
        "folds_run": 0,
    }
    return {
        "data": None,
        "command": None,
        "device": None,
        "teacher": None,
        "models": {name: copy.deepcopy(entry) for name in names},
        "beta_sweep": None,
    }
