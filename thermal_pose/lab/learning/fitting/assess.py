# SPDX-License-Identifier: Apache-2.0
"""Accuracy of predictions on a data set: AP over folds and its breakdowns."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.phases import phase_key
from thermal_pose.lab.learning.fitting.predict import Predictions
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.metrics.oks import (
    AveragePrecision,
    EstimatedPose,
    TruePose,
    average_precision,
    joint_similarity,
    oks,
)
from thermal_pose.skeleton import JOINT_NAMES, MIRROR
from thermal_pose.types import BoolArray, FloatArray, Int32Array, IntArray, Phase

#: A joint is right for the calibrated score when it lies within 0.5 s k_i: exp(-0.5^2 / 2).
WITHIN_HALF_SK: Final = float(np.exp(-0.125))

#: A teacher's joint counts as labelled above this peak.
TEACHER_PEAK: Final = 0.2
_SMALLEST_AREA_PX: Final = 1.0
_MIRRORED: Final = 0.02


@dataclass(frozen=True)
class Boxes:
    """Boxes to crop around: M of them, `frame_of` (M,), `xyxy` (M, 4), `scores` (M,)."""

    frame_of: Int32Array
    xyxy: FloatArray
    scores: FloatArray


def true_boxes(data: PoseData, rows: IntArray) -> Boxes:
    """Return the data set's own boxes of `rows`, all with score 1."""
    return Boxes(data.frame_of[rows], data.boxes[rows], np.ones(len(rows), np.float32))


#: The paper does not name the area of its OKS; COCO's is the segmentation's.
Area = Literal["silhouette", "box"]


def true_poses(data: PoseData, rows: IntArray, area: Area = "silhouette") -> list[TruePose]:
    """Return the exact truth of `rows` (people with a silhouette only).

    Parameters
    ----------
    area : the scale of OKS: the visible silhouette's area, or that of its bounding box.
    """
    areas_px = data.area_px
    if area == "box":
        areas_px = np.prod(data.boxes[:, 2:] - data.boxes[:, :2], axis=1)
    return [
        TruePose(int(data.frame_of[row]), data.xy[row], data.visibility[row], float(areas_px[row]))
        for row in rows
        if data.person[row] and data.area_px[row] >= _SMALLEST_AREA_PX
    ]


def teacher_poses(data: PoseData, rows: IntArray, labels: Predictions) -> list[TruePose]:
    """Return the teacher's labels of `rows` as truth; asynchronous pairs are left out."""
    return [
        TruePose(
            int(data.frame_of[row]),
            labels.xy[row],
            (labels.peaks[row] > TEACHER_PEAK).astype(np.uint8) * 2,
            float(data.area_px[row]),
        )
        for row in rows
        if not data.asynchronous[row] and data.area_px[row] >= _SMALLEST_AREA_PX
    ]


def estimated_poses(boxes: Boxes, predictions: Predictions) -> list[EstimatedPose]:
    """Return predictions as estimates, ranked by box score times mean peak."""
    scores = predictions.scores * boxes.scores
    return [
        EstimatedPose(int(frame), xy, float(score))
        for frame, xy, score in zip(boxes.frame_of, predictions.xy, scores, strict=True)
    ]


def breakdown(data: PoseData, rows: IntArray, predictions: Predictions) -> dict[str, Any]:
    """Return AP by phase, distance, view, occlusion and person; similarity by joint; mirroring.

    Parameters
    ----------
    predictions : of the data set's own boxes of `rows`, in that order.
    """
    boxes = true_boxes(data, rows)

    def figures(chosen: BoolArray) -> dict[str, Any]:
        index = np.flatnonzero(chosen)
        part = Predictions(predictions.xy[index], predictions.peaks[index])
        part_boxes = Boxes(boxes.frame_of[index], boxes.xyxy[index], boxes.scores[index])
        result = average_precision(true_poses(data, rows[index]), estimated_poses(part_boxes, part))
        return {"ap": result.ap, "ap75": result.ap75, "n": len(index)}

    return {
        "phase": {
            phase_key(phase): figures(data.phase[rows] == phase)
            for phase in Phase
            if (data.phase[rows] == phase).any()
        },
        "distance_m": _ranges(figures, data.distance_m[rows], (0, 3, 4, 5, 6, 7, 10)),
        "view": _views(figures, data.heading_deg[rows]),
        "occluded_joints": _ranges(figures, (data.visibility[rows] == 1).sum(1), (0, 3, 6, 9, 18)),
        "subject": {
            name: figures(chosen)
            for number, name in enumerate(data.subjects)
            if (chosen := data.subject[rows] == number).any()
        },
        "joint": _by_joint(data, rows, predictions),
        "left_right": _left_right(data, rows, predictions),
    }


def _ranges(
    figures: Callable[[BoolArray], dict[str, Any]],
    values: npt.NDArray[Any],
    edges: tuple[int, ...],
) -> dict[str, Any]:
    parts = {f"{low}-{high}": (values >= low) & (values < high) for low, high in pairwise(edges)}
    return {name: figures(chosen) for name, chosen in parts.items() if chosen.any()}


def _views(
    figures: Callable[[BoolArray], dict[str, Any]], heading_deg: FloatArray
) -> dict[str, Any]:
    """Facing the camera (0 +- 45 deg), back to it (180 +- 45), from the side."""
    away = np.abs((heading_deg + 180) % 360 - 180)
    parts = {"front": away < 45, "side": (away >= 45) & (away <= 135), "back": away > 135}
    return {name: figures(chosen) for name, chosen in parts.items() if chosen.any()}


def _by_joint(data: PoseData, rows: IntArray, predictions: Predictions) -> dict[str, Any]:
    usable = data.person[rows] & (data.area_px[rows] >= _SMALLEST_AREA_PX)
    index = rows[usable]
    if len(index) == 0:
        return {}
    similarity = joint_similarity(predictions.xy[usable], data.xy[index], data.area_px[index])
    distance = np.linalg.norm(predictions.xy[usable] - data.xy[index], axis=-1)
    counted = data.visibility[index] > 0
    return {
        name: {
            "similarity": float(similarity[:, j][counted[:, j]].mean()),
            "median_error_px": float(np.median(distance[:, j][counted[:, j]])),
        }
        for j, name in enumerate(JOINT_NAMES)
        if counted[:, j].any()
    }


def _left_right(data: PoseData, rows: IntArray, predictions: Predictions) -> dict[str, Any]:
    """Return how many people have left and right exchanged, and AP after correcting them.

    Front and back look alike in a thermal picture. A person counts as mirrored (`n`) if exchanging
    left and right raises OKS by more than `_MIRRORED`.
    """
    mirrored_xy = predictions.xy[:, MIRROR]
    truth = (data.xy[rows], data.visibility[rows], np.maximum(data.area_px[rows], 1.0))
    gain = oks(mirrored_xy, *truth) - oks(predictions.xy, *truth)
    usable = data.person[rows] & (data.area_px[rows] >= _SMALLEST_AREA_PX)
    if not usable.any():
        return {}
    best = np.where((gain > 0)[:, None, None], mirrored_xy, predictions.xy)
    told_apart = estimated_poses(true_boxes(data, rows), replace(predictions, xy=best))
    result = average_precision(true_poses(data, rows), told_apart)
    mirrored = int((gain[usable] > _MIRRORED).sum())
    return {"told apart": {"ap": result.ap, "ap75": result.ap75, "n": mirrored}}


def mean_sd(values: list[float]) -> dict[str, float | None]:
    """Return mean and standard deviation over folds (of the population of folds)."""
    if not values:
        return {"mean": None, "sd": None}
    return {"mean": float(np.mean(values)), "sd": float(np.std(values))}


def over_folds(results: list[AveragePrecision]) -> dict[str, dict[str, float | None]]:
    """Return {'ap', 'ap50', 'ap75'} as mean and SD over folds; undefined folds are left out."""
    return {
        name: mean_sd([v for r in results if (v := getattr(r, name)) is not None])
        for name in ("ap", "ap50", "ap75")
    }
