# SPDX-License-Identifier: Apache-2.0
"""Judges pose models as they are shipped, through the live runtime, on data sets with truth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from thermal_pose.inference.base import PersonDetector, PoseModel
from thermal_pose.lab.learning.fitting.assess import breakdown, true_poses
from thermal_pose.lab.learning.fitting.predict import Predictions
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.confidence import events
from thermal_pose.lab.metrics.calibration import confidence_figures, person_scores_by_pose
from thermal_pose.lab.metrics.oks import EstimatedPose, average_precision, pose_score
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray, PersonBox


@dataclass(frozen=True)
class Answers:
    """A model's output for each row of a data set: `xy` (N, 17, 2) px, `scores` (N, 18)."""

    xy: FloatArray
    scores: FloatArray
    frames: int

    def events(self, data: PoseData) -> tuple[FloatArray, FloatArray]:
        """Return the events that the scores predict, and which of them count (`events`)."""
        return events(data, np.arange(len(data)), self.xy)


def run_model(
    estimator: PoseModel,
    data: PoseData,
    tick: Callable[[int], object] = lambda frames: None,
) -> Answers:
    """Run a model around each row's own box, all boxes of a frame together.

    Parameters
    ----------
    tick : called with the number of frames done, 1 each.
    """
    rows = np.argsort(data.frame_of, kind="stable")
    starts = np.flatnonzero(np.diff(data.frame_of[rows], prepend=-1))
    xy = np.zeros((len(data), N_JOINTS, 2), np.float32)
    scores = np.zeros((len(data), N_JOINTS + 1), np.float32)
    for mine in np.split(rows, starts[1:]):
        frame = data.frame_of[mine[0]]
        image = np.ascontiguousarray(data.frames[frame][: data.frame_rows[frame]])
        boxes = [PersonBox((b[0], b[1], b[2], b[3]), 1.0) for b in data.boxes[mine].tolist()]
        for row, found in zip(mine, estimator.estimate(image, boxes), strict=True):
            xy[row] = found.xy
            scores[row] = [*found.scores, found.person_score]
        tick(1)
    return Answers(xy, scores, len(starts))


def evaluate_model(
    estimator: PoseModel,
    data: PoseData,
    tick: Callable[[int], object] = lambda frames: None,
) -> dict[str, Any]:
    """Return AP with true boxes, its breakdowns, and the calibration of the scores.

    `person_score` compares people whose pose is right (OKS of at least 0.5) with the others.

    Parameters
    ----------
    data : people with truth, and crops without people, which measure false alarms.
    """
    answers = run_model(estimator, data, tick)
    figures: dict[str, Any] = {"frames": answers.frames, "subjects": len(data.subjects)}
    people = np.flatnonzero(data.person)
    if len(people) == 0:
        return figures
    xy, scores = answers.xy[people], answers.scores[people]
    estimates = [
        EstimatedPose(int(data.frame_of[row]), joints, float(score))
        for row, joints, score in zip(
            people, xy, pose_score(scores[:, :N_JOINTS], scores[:, N_JOINTS]), strict=True
        )
    ]
    precision = average_precision(true_poses(data, people), estimates)
    hits, counted = answers.events(data)
    labelled = data.person & (data.visibility > 0).any(axis=1)
    return {
        **figures,
        **{"ap": precision.ap, "ap50": precision.ap50, "ap75": precision.ap75},
        "confidence": confidence_figures(
            answers.scores, hits > 0.5, counted > 0.5, (data.visibility == 2).sum(axis=1)
        ),
        "person_score": person_scores_by_pose(
            answers.scores[labelled, N_JOINTS], hits[labelled, N_JOINTS] > 0.5
        ),
        "breakdown": breakdown(data, people, Predictions(xy, scores[:, :N_JOINTS])),
    }


def evaluate_detected(
    estimator: PoseModel, finder: PersonDetector, data: PoseData, max_frames: int = 0
) -> dict[str, Any]:
    """Return AP with a detector's boxes, run as in the live nodes.

    Every box counts. A set built from recordings labels only the person tested by default, so a
    carer in view counts as a false alarm (`evaluate-perception` knows everyone in view).

    Parameters
    ----------
    max_frames : maximum number of frames with people, evenly spaced; 0: all.
    """
    frames = np.unique(data.frame_of[data.person])
    count = min(len(frames), max_frames or len(frames))
    frames = frames[np.linspace(0, len(frames) - 1, count).astype(int)]
    rows = np.flatnonzero(np.isin(data.frame_of, frames) & data.person)
    estimates = []
    for frame in frames:
        image = np.ascontiguousarray(data.frames[frame][: data.frame_rows[frame]])
        estimates += [
            EstimatedPose(
                int(frame),
                found.xy,
                float(pose_score(found.scores, found.person_score)) * found.box.score,
            )
            for found in estimator.estimate(image, list(finder.detect(image)))
        ]
    precision = average_precision(true_poses(data, rows), estimates)
    return {
        "ap_detected_boxes": precision.ap,
        "ap50_detected_boxes": precision.ap50,
        "ap75_detected_boxes": precision.ap75,
        "frames": len(frames),
    }
