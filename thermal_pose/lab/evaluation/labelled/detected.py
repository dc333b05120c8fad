# SPDX-License-Identifier: Apache-2.0
"""A model around the boxes that a detector finds, instead of the labels' boxes.

Legend: N labelled people, D boxes found.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.inference.base import PersonDetector, PoseModel
from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers, labelled_frames
from thermal_pose.lab.evaluation.labelled.precision import Precisions, precisions
from thermal_pose.lab.evaluation.labelled.resampling import SceneDraws, difference, figure
from thermal_pose.lab.learning.datasets.coco.labels import CocoLabels
from thermal_pose.lab.metrics.oks import EstimatedPose, oks, pose_score
from thermal_pose.tracking.boxes import iou_matrix
from thermal_pose.types import Float64Array, Int64Array

#: A person counts as found by the box with at least this overlap, as in COCO's AP50.
FOUND_IOU: Final = 0.5


@dataclass(frozen=True)
class DetectedPoses:
    """All boxes found in the pictures with labelled people.

    Attributes
    ----------
    estimates : D poses, ranked by pose score times box score; `image` as in the labels.
    boxes : (D, 4) left, top, right, bottom, px.
    """

    estimates: list[EstimatedPose]
    boxes: Float64Array

    def box_of(self, answers: LabelledAnswers) -> Int64Array:
        """Return for each of N people the number of the box that found it; -1 for none.

        Pairs are formed in order of descending overlap, each box and person once.
        """
        result = np.full(len(answers.images), -1)
        images = np.array([pose.image for pose in self.estimates], np.int64)
        overlap = iou_matrix(answers.true_boxes, self.boxes)
        overlap[answers.images[:, None] != images[None, :]] = 0.0
        while overlap.size and overlap.max() >= FOUND_IOU:
            person, box = np.unravel_index(int(overlap.argmax()), overlap.shape)
            result[person] = box
            overlap[person], overlap[:, box] = 0.0, 0.0
        return result


def ask_detected(
    estimator: PoseModel,
    finder: PersonDetector,
    labels: CocoLabels,
    images: Path,
    span_degc: tuple[float, float],
) -> DetectedPoses:
    """Run detector and model on each picture with labelled people.

    Raises
    ------
    TrainingError
        As `ask`.
    """
    estimates, boxes = [], []
    for frame, group in labelled_frames(labels, images, span_degc):
        for found in estimator.estimate(frame, list(finder.detect(frame))):
            rank = float(pose_score(found.scores, found.person_score)) * found.box.score
            estimates.append(EstimatedPose(group[0].picture, found.xy, rank))
            boxes.append(found.box.xyxy)
    return DetectedPoses(estimates, np.array(boxes, np.float64).reshape(-1, 4))


def detected_figures(
    answers: LabelledAnswers, detected: DetectedPoses, draws: SceneDraws, true_boxes: Precisions
) -> dict[str, Any]:
    """Return AP, similarity and recall with detected boxes, with 95 % intervals.

    Parameters
    ----------
    answers : of the same model with the labels' boxes.
    true_boxes : `answer_precisions` of these answers.

    Returns
    -------
    `ap`, `ap50`, `ap75`; `oks` over all people, 0 for those not found; `oks_found` over those
    found; `box_recall`, the share found with an overlap of `FOUND_IOU`; `gain`, AP minus that
    with true boxes; `boxes` and `boxes_of_nobody`. People without labels count as nobody.
    """
    box_of = detected.box_of(answers)
    found = box_of >= 0
    similarity = np.where(found, _similarity(answers, detected, box_of), 0.0)
    rows = draws.rows(answers.scenes)
    values = precisions(answers, draws, detected.estimates)
    return {
        **{name: figure(each) for name, each in values.items()},
        "oks": figure([float(similarity[r].mean()) for r in rows]),
        "oks_found": figure(
            [float(similarity[r][found[r]].mean()) if found[r].any() else np.nan for r in rows]
        ),
        "box_recall": figure([float(found[r].mean()) for r in rows]),
        "gain": difference(values["ap"], true_boxes["ap"]),
        "boxes": len(detected.boxes),
        "boxes_of_nobody": len(detected.boxes) - int(found.sum()),
    }


def _similarity(
    answers: LabelledAnswers, detected: DetectedPoses, box_of: Int64Array
) -> Float64Array:
    """(N,) OKS of the pose in each person's box; that of no box is not meant to be read."""
    nowhere = np.full(answers.xy.shape[1:], np.nan)
    xy = np.array([detected.estimates[k].xy if k >= 0 else nowhere for k in box_of])
    return oks(xy, answers.true_xy, answers.visibility, answers.area_px)
