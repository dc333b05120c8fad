# SPDX-License-Identifier: Apache-2.0
"""Accuracy of a person detector: AP50, recall, and false alarms per hour."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thermal_pose.tracking.boxes import iou_matrix
from thermal_pose.types import BoolArray, FloatArray

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class FrameDetections:
    """True and detected boxes of one frame.

    Attributes
    ----------
    truth_xyxy : (T, 4) boxes of the visible silhouettes, px.
    found_xyxy : (D, 4) boxes found, px.
    scores : (D,) their scores.
    """

    truth_xyxy: FloatArray
    found_xyxy: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        for name in ("truth_xyxy", "found_xyxy"):
            shape = getattr(self, name).shape
            if len(shape) != 2 or shape[1] != 4:
                raise ValueError(f"{name}: expected (N, 4), got {shape}")
        if self.scores.shape != (len(self.found_xyxy),):
            raise ValueError(f"scores: expected ({len(self.found_xyxy)},), got {self.scores.shape}")


@dataclass(frozen=True)
class DetectionFigures:
    """Figures over a set of frames; None if the set has no person or no box to count.

    Attributes
    ----------
    ap50 : average precision at IoU 0.5, all scores.
    recall, precision : values at the score threshold.
    false_alarms_per_h : unmatched boxes at the threshold, at `rate_hz` frames per second.
    frames, persons : their numbers.
    """

    ap50: float | None
    recall: float | None
    precision: float | None
    false_alarms_per_h: float
    frames: int
    persons: int


def evaluate_detections(
    frames: Sequence[FrameDetections],
    score_threshold: float,
    iou: float = 0.5,
    rate_hz: float = 8.0,
) -> DetectionFigures:
    """Match boxes to people and count.

    Raises
    ------
    ValueError
        `frames` is empty.

    Notes
    -----
    Matching is that of COCO: in order of descending score, each box is matched with the unmatched
    truth of the highest IoU, if that is at least `iou`. AP is the mean of the interpolated
    precision at 101 recalls.
    """
    if not frames:
        raise ValueError("frames: expected at least one, got none")
    hits = [_match(frame, iou) for frame in frames]
    hit = np.concatenate(hits)
    scores = np.concatenate([np.sort(frame.scores)[::-1] for frame in frames])
    persons = sum(len(frame.truth_xyxy) for frame in frames)
    sure = scores >= score_threshold
    alarms = int((sure & ~hit).sum())
    return DetectionFigures(
        ap50=_average_precision(hit, scores, persons) if persons else None,
        recall=float((sure & hit).sum() / persons) if persons else None,
        precision=float((sure & hit).sum() / sure.sum()) if sure.any() else None,
        false_alarms_per_h=alarms / len(frames) * rate_hz * SECONDS_PER_HOUR,
        frames=len(frames),
        persons=persons,
    )


def _match(frame: FrameDetections, iou: float) -> BoolArray:
    """Return for each box, best score first, whether it matches a person."""
    order = np.argsort(-frame.scores, kind="stable")
    ious = iou_matrix(frame.found_xyxy[order], frame.truth_xyxy)
    free = np.ones(len(frame.truth_xyxy), dtype=bool)
    hit = np.zeros(len(order), dtype=bool)
    for row in range(len(order)):
        candidates = np.where(free, ious[row], -1.0)
        if candidates.size and candidates.max() >= iou:
            free[candidates.argmax()] = False
            hit[row] = True
    return hit


def _average_precision(hit: BoolArray, scores: FloatArray, persons: int) -> float:
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(hit[order])
    precision = true / np.arange(1, len(order) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    recall = true / persons
    at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.append(precision, 0.0)[np.minimum(at, len(precision))].mean())
