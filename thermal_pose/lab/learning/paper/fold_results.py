# SPDX-License-Identifier: Apache-2.0
"""Leave one subject out: what a fold's network achieves, and the entries of the results file."""

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

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
from thermal_pose.lab.learning.fitting.learner import Learner
from thermal_pose.lab.learning.fitting.predict import Predictions, predict
from thermal_pose.lab.learning.fitting.tasks import CropSource, Inputs, ThermalCrops
from thermal_pose.lab.learning.networks.counting import NetworkSize, measure
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.pose import PoseNetwork, build_network
from thermal_pose.lab.learning.networks.teacher import RGB_MEAN, RGB_STD
from thermal_pose.lab.learning.paper.cohort import ROWS, Cohort, Row, started_from
from thermal_pose.lab.metrics.oks import AveragePrecision, average_precision
from thermal_pose.types import Int32Array, IntArray


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


def _of_frames(boxes: Boxes, frames: Int32Array) -> Boxes:
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
        return measure(cohort.require_teacher("size"))
    if row.kind == "rcnn":
        from thermal_pose.lab.learning.paper.keypoint_rcnn import build_keypoint_rcnn

        rcnn = build_keypoint_rcnn(cohort.config.rcnn.backbone, cohort.config.rcnn.min_size_px)
        return measure(rcnn, (80, 60))
    full = cohort.decoder if cohort.teacher is None else cohort.teacher.decoder
    decoder = ClassicDecoder(full.latent_channels, full.width)
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
    """Return why a row's training was too short to judge its method; '' if it was not."""
    if ROWS[name].kind in ("teacher", "start"):
        return ""
    folds = {fold.subject: len(fold.rows.train) for fold in cohort.folds}
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
