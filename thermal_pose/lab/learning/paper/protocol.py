# SPDX-License-Identifier: Apache-2.0
"""Leave one subject out: the rows of the paper's Table I and our baselines, folds, and figures.

`train` trains the rows; `run` loads the data and runs them here or on Ray.
"""

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from thermal_pose.errors import TrainingError
from thermal_pose.inference.card import DecodeRule
from thermal_pose.lab.learning.fitting.assess import (
    Boxes,
    breakdown,
    estimated_poses,
    over_folds,
    teacher_poses,
    true_boxes,
    true_poses,
)
from thermal_pose.lab.learning.fitting.config import TrainingConfig
from thermal_pose.lab.learning.fitting.learner import Learner
from thermal_pose.lab.learning.fitting.predict import Predictions, predict
from thermal_pose.lab.learning.fitting.tasks import CropSource, Inputs, KeypointTask, ThermalCrops
from thermal_pose.lab.learning.networks.counting import NetworkSize, measure
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.pose import PoseNetwork, build_network
from thermal_pose.lab.learning.networks.teacher import RGB_MEAN, RGB_STD, TeacherInfo, is_teacher_of
from thermal_pose.lab.learning.networks.width import without_copies
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.teachers.cache import TeacherCache
from thermal_pose.lab.metrics.oks import AveragePrecision, average_precision
from thermal_pose.types import IntArray

#: Before the file of a start 'imagenet:FILE'.
IMAGENET: Final = "imagenet:"
RowKind = Literal["distill", "supervised", "teacher", "rcnn"]


@dataclass(frozen=True)
class Row:
    """One line of the table: an architecture and how it gets its weights."""

    network: str
    kind: RowKind
    same_start: bool = False  # a supervised row that starts like the student


ROWS: Final[dict[str, Row]] = {
    "keypoint_rcnn": Row("", "rcnn"),
    "student_mobilenetv3": Row("mobilenetv3", "distill"),
    "student_resnet50": Row("resnet50", "distill"),
    "student_vit_b": Row("vit_b", "distill"),
    "vitpose_b_supervised": Row("vit_b", "supervised"),
    "supervised_no_transfer": Row("mobilenetv3", "supervised"),
    "supervised_same_start": Row("mobilenetv3", "supervised", same_start=True),
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

    Asynchronous pairs are excluded from training; the paper's authors removed them manually.

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


@dataclass(frozen=True)
class CohortOrigin:
    """Where a cohort comes from: the arguments of `load_cohort`, for another process.

    Attributes
    ----------
    data : folder of the data set.
    teacher : folder or hub name.
    config, overrides : a YAML file of settings, and KEY=VALUE changes to it.
    device : 'auto', 'cpu' or 'cuda'.
    work : folder of checkpoints and caches; None keeps them in memory.
    detector : name or card of the detector; '{subject}' in it means one per fold; '' means none.
    """

    data: Path
    teacher: str
    config: Path | None = None
    overrides: tuple[str, ...] = ()
    device: str = "auto"
    work: Path | None = None
    detector: str = ""


@dataclass
class Cohort:
    """Everything the folds share, on one device.

    Attributes
    ----------
    detected : a detector's boxes on all frames; None: AP with detected boxes stays null.
    detector_name : the detector that gave `detected`.
    decoder : the teacher's decoder in the form students compute with: equal channels are merged.
    origin : how another process can load the same cohort.
    """

    data: PoseData
    config: TrainingConfig
    teacher: PoseNetwork
    info: TeacherInfo
    cache: TeacherCache
    device: torch.device
    detected: Boxes | None = None
    detector_name: str = ""
    origin: CohortOrigin | None = None
    decoder: ClassicDecoder = field(init=False)
    source: ThermalCrops = field(init=False)
    folds: list[Fold] = field(init=False)

    def __post_init__(self) -> None:
        self.decoder = without_copies(self.teacher.decoder)
        self.source = ThermalCrops(
            self.data,
            self.config.normalization,
            self.config.augment,
            self.device,
            with_earlier=self.config.distill.earlier_frames,
        )
        self.folds = split_folds(self.data, self.config.train_stride, self.config.validation_stride)

    def about(self) -> list[Any]:
        """Return what the trained networks depend on (data, teacher, method), as JSON."""
        return [self.cache.key, self.config.seed, self.config.of_students()]

    def rule(self, row: Row) -> DecodeRule:
        """Return a row's heatmap alignment: a shared decoder keeps its teacher's."""
        own = row.kind == "supervised"
        return DecodeRule(alignment="half_pixel" if own else self.info.alignment)


def imagenet_file(start: str) -> Path | None:
    """Return the file of a start 'imagenet:FILE', None of any other."""
    return Path(start.removeprefix(IMAGENET)) if start.startswith(IMAGENET) else None


def started_from(cohort: Cohort, row: Row) -> str:
    """Name the weights that a row's encoder starts from (`distill.start`).

    A student with another encoder than the start's has random weights. So do supervised rows,
    unless the start is ImageNet's or the row has the student's start.
    """
    start = cohort.config.distill.start
    weights = imagenet_file(start)
    if weights is not None:
        has_any = row.network in ("mobilenetv3", "resnet50")
        return f"ImageNet ({weights.name})" if has_any else "random"
    if start == "random" or not (row.kind == "distill" or row.same_start):
        return "random"
    if start == "teacher":
        return cohort.info.name if is_teacher_of(cohort.teacher, row.network) else "random"
    return Path(start).stem if row.network == "mobilenetv3" else "random"


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


@dataclass(frozen=True)
class FoldResult:
    """One fold's accuracy, and its predictions on the true boxes for breakdowns.

    Attributes
    ----------
    detected, true_boxes : with a detector's boxes and with the true ones, OKS on silhouette area.
    detected_box_area, true_boxes_box_area : the same with OKS on box area.
    teacher : against the teacher's labels instead of the exact keypoints, true boxes.
    steps, crops : optimiser steps, and crops learned from, counting repetitions.
    """

    subject: str
    detected: AveragePrecision | None
    true_boxes: AveragePrecision
    teacher: AveragePrecision
    rows: IntArray
    predictions: Predictions
    detected_box_area: AveragePrecision | None = None
    true_boxes_box_area: AveragePrecision | None = None
    steps: int = 0
    crops: int = 0


def evaluate_fold(
    cohort: Cohort,
    row: Row,
    fold: int,
    network: PoseNetwork,
    rule: DecodeRule | None = None,
    flip_test: bool = False,
    earlier: int = 0,
) -> FoldResult:
    """Measure a network on the left-out subject, against the truth and the teacher's labels.

    Parameters
    ----------
    rule : how heatmaps are decoded; None uses the row's own rule.
    flip_test : average with the mirrored crop's heatmaps.
    earlier : also average the heatmaps of this many earlier frames (at most 2), cropped alike.
    """
    data, parts, rule = cohort.data, cohort.folds[fold], rule or cohort.rule(row)

    def run(source: ThermalCrops, rows: IntArray) -> Predictions:
        view: CropSource = TeacherOnThermal(source) if row.kind == "teacher" else source
        also = [source.shifted(back + 1) for back in range(earlier)]
        return predict(network, view, rows, rule, flip_test, also)

    predictions = run(cohort.source, parts.test)
    boxes = true_boxes(data, parts.test)
    estimates = estimated_poses(boxes, predictions)
    truths, boxed = true_poses(data, parts.test), true_poses(data, parts.test, "box")
    detected = detected_box_area = None
    if cohort.detected is not None:
        found = _of_frames(cohort.detected, np.unique(data.frame_of[parts.test]))
        view = cohort.source.with_boxes(found.frame_of, found.xyxy)
        joints = run(view, np.arange(len(found.frame_of)))
        people = estimated_poses(found, joints)
        detected = average_precision(truths, people)
        detected_box_area = average_precision(boxed, people)
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
        detected_box_area,
        average_precision(boxed, estimates),
    )


def counted(result: FoldResult, *learners: Learner) -> FoldResult:
    """Return a fold's result with the steps and crops of the learners that trained it."""
    return replace(
        result,
        steps=sum(learner.steps_taken for learner in learners),
        crops=sum(learner.crops_seen for learner in learners),
    )


def _of_frames(boxes: Boxes, frames: npt.NDArray[np.int32]) -> Boxes:
    chosen = np.isin(boxes.frame_of, frames)
    return Boxes(boxes.frame_of[chosen], boxes.xyxy[chosen], boxes.scores[chosen])


def precision_of(results: list[FoldResult]) -> dict[str, Any]:
    """Return mean and SD over folds of every kind of average precision."""

    def over(name: str) -> dict[str, Any]:
        return over_folds([ap for r in results if (ap := getattr(r, name)) is not None])

    return {
        **over("detected"),
        "ap_teacher": over("teacher")["ap"],
        "ap_true_boxes": over("true_boxes")["ap"],
        "true_boxes": over("true_boxes"),
        "box_area": {**over("detected_box_area"), "true_boxes": over("true_boxes_box_area")},
    }


def size_of(cohort: Cohort, row: Row) -> NetworkSize:
    """Count a row's network with the full classic decoder, even if channels were merged."""
    if row.kind == "teacher":
        return measure(cohort.teacher)
    if row.kind == "rcnn":
        from thermal_pose.lab.learning.paper.keypoint_rcnn import build_keypoint_rcnn

        rcnn = build_keypoint_rcnn(cohort.config.rcnn.backbone, cohort.config.rcnn.min_size_px)
        return measure(rcnn, (80, 60))
    teacher = cohort.teacher.decoder
    decoder = ClassicDecoder(teacher.latent_channels, teacher.width)
    return measure(build_network(row.network, decoder))


def row_entry(cohort: Cohort, name: str, results: list[FoldResult]) -> dict[str, Any]:
    """Return one model's entry of `pose_loso.json`.

    A row whose folds have seen less than their training crops once has no accuracy, but a reason.
    """
    size = size_of(cohort, ROWS[name])
    reason = _too_short(cohort, name, results)
    rows = np.concatenate([r.rows for r in results])
    joined = Predictions(
        np.concatenate([r.predictions.xy for r in results]),
        np.concatenate([r.predictions.peaks for r in results]),
    )
    return {
        **(_no_precision() if reason else precision_of(results)),
        "reason": reason,
        "params": size.parameters,
        "macs": size.macs,
        "paper_macs": size.paper_macs,
        "folds_run": len(results),
        "subjects": [r.subject for r in results],
        "steps": [r.steps for r in results],
        "crops": [r.crops for r in results],
        "started_from": started_from(cohort, ROWS[name]),
        "teacher": {"name": cohort.info.name, "ap_rgb": cohort.info.figures.get("ap_rgb")},
        "decoder_channels_computed": cohort.decoder.width,
        "breakdown": None if reason else breakdown(cohort.data, rows, joined),
    }


def _too_short(cohort: Cohort, name: str, results: list[FoldResult]) -> str:
    """Return why a row's training says nothing about its method; '' if it says something."""
    if ROWS[name].kind == "teacher":
        return ""
    folds = {fold.subject: len(fold.train) for fold in cohort.folds}
    # The last crops of a pass, fewer than a batch, are dropped.
    short = [r for r in results if r.crops + r.crops // max(1, r.steps) <= folds[r.subject]]
    if not short:
        return ""
    return (
        f"{len(short)} of {len(results)} folds learned from fewer crops than their training set "
        f"has ({short[0].crops} of {folds[short[0].subject]})"
    )


def _no_precision() -> dict[str, Any]:
    nothing = {"mean": None, "sd": None}
    return dict.fromkeys(("ap", "ap50", "ap75", "ap_teacher", "ap_true_boxes"), nothing)


def empty_results() -> dict[str, Any]:
    """Return an empty `pose_loso.json`: every cell is null."""
    entry = {
        **_no_precision(),
        "params": None,
        "macs": None,
        "folds_run": 0,
    }
    return {
        "data": None,
        "command": None,
        "device": None,
        "teacher": None,
        "models": {name: copy.deepcopy(entry) for name in ROWS},
        "beta_sweep": None,
    }


def keypoint_task(cohort: Cohort) -> KeypointTask:
    """Return the task of supervised rows: the teacher's labels or the exact keypoints."""
    settings, cache = cohort.config.distill, cohort.cache
    xy, present = cohort.data.xy, cohort.data.visibility > 0
    if settings.labels == "teacher":
        xy, present = cache.labels.xy, cache.labels.peaks > 0.2
    return KeypointTask(
        cohort.source,
        torch.from_numpy(xy).to(cohort.device),
        torch.from_numpy(present).to(cohort.device),
        settings.variant_geometry(),
        settings.sigma_px,
    )
