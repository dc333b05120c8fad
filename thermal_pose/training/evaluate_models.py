# SPDX-License-Identifier: Apache-2.0
"""Judges pose models as they are shipped, through the live runtime, on data sets with truth."""

from collections.abc import Callable
from typing import Any

import numpy as np

from thermal_pose.evaluation.calibration import confidence_figures
from thermal_pose.evaluation.oks import EstimatedPose, average_precision
from thermal_pose.inference.base import PoseEstimator
from thermal_pose.training.assess import breakdown, true_poses
from thermal_pose.training.confidence import events
from thermal_pose.training.pose_data import PoseData
from thermal_pose.training.predict import Predictions
from thermal_pose.types import PersonBox


def evaluate_model(
    estimator: PoseEstimator,
    data: PoseData,
    tick: Callable[[int], object] = lambda frames: None,
) -> dict[str, Any]:
    """Return AP with true boxes, its break-downs, and what the scores are worth.

    Parameters
    ----------
    data : people with truth, and crops without anybody (which say what is refused).
    tick : called with the number of frames done, 1 each.
    """
    rows = np.argsort(data.frame_of, kind="stable")
    starts = np.flatnonzero(np.diff(data.frame_of[rows], prepend=-1))
    xy = np.zeros((len(data), *data.xy.shape[1:]), np.float32)
    scores = np.zeros((len(data), data.xy.shape[1] + 1), np.float32)
    for mine in np.split(rows, starts[1:]):
        frame = data.frame_of[mine[0]]
        image = np.ascontiguousarray(data.frames[frame][: data.frame_rows[frame]])
        boxes = [PersonBox((b[0], b[1], b[2], b[3]), 1.0) for b in data.boxes[mine].tolist()]
        for row, found in zip(mine, estimator.estimate(image, boxes), strict=True):
            xy[row] = found.xy
            scores[row] = [*found.scores, found.person_score]
        tick(1)
    every = np.arange(len(data))
    hits, counted = events(data, every, xy)
    in_sight = (data.visibility == 2).sum(axis=1)
    figures: dict[str, Any] = {"frames": len(starts), "subjects": len(data.subjects)}
    people = np.flatnonzero(data.person)
    if len(people):
        estimates = [
            EstimatedPose(int(data.frame_of[row]), xy[row], float(scores[row, -1]))
            for row in people
        ]
        precision = average_precision(true_poses(data, people), estimates)
        figures |= {"ap": precision.ap, "ap50": precision.ap50, "ap75": precision.ap75}
        figures["confidence"] = confidence_figures(scores, hits > 0.5, counted > 0.5, in_sight)
        predictions = Predictions(xy[people], scores[people, :-1])
        figures["breakdown"] = breakdown(data, people, predictions)
    return figures
