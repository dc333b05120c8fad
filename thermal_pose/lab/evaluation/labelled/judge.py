# SPDX-License-Identifier: Apache-2.0
"""Figures of a model on labelled pictures, each with a bootstrap interval over scenes."""

from typing import Any, Final

import numpy as np

from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers
from thermal_pose.lab.learning.fitting.assess import WITHIN_HALF_SK
from thermal_pose.lab.metrics.calibration import expected_calibration_error
from thermal_pose.lab.metrics.oks import EstimatedPose, TruePose, average_precision
from thermal_pose.skeleton import JOINT_NAMES
from thermal_pose.types import Int64Array

RESAMPLES: Final = 400
_INTERVAL: Final = (2.5, 97.5)


def labelled_figures(
    answers: LabelledAnswers, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Return AP, similarity, mirroring and calibration, with 95 % intervals.

    Parameters
    ----------
    resamples : bootstrap draws of whole scenes with replacement; 0 for no intervals.

    Returns
    -------
    {name: {'value': figure, 'ci95': [low, high]}} for each figure, `people`, `scenes`, and
    `joints`: by joint the mean offset (x to the right, y down) of predictions from labels in
    units of the square root of the area, and the share within 0.5 s k.
    """
    everyone = np.arange(len(answers.images))
    rng = np.random.default_rng(seed)
    names = np.unique(answers.scenes)
    by_scene = [np.flatnonzero(answers.scenes == name) for name in names]
    drawn = [
        np.concatenate([by_scene[k] for k in rng.integers(len(names), size=len(names))])
        for _ in range(resamples)
    ]
    result: dict[str, Any] = {"people": len(everyone), "scenes": len(names)}
    for measures in (_precision, _similarity, _calibration):
        values = measures(answers, everyone)
        spread = [measures(answers, rows) for rows in drawn]
        for name, value in values.items():
            result[name] = {"value": value, "ci95": _interval([each[name] for each in spread])}
    result["joints"] = _by_joint(answers)
    return result


def _interval(values: list[float]) -> list[float] | None:
    if not values:
        return None
    low, high = np.percentile(values, _INTERVAL)
    return [float(low), float(high)]


def _precision(answers: LabelledAnswers, rows: Int64Array) -> dict[str, float]:
    """AP with true boxes; a scene that is drawn twice counts as two scenes."""
    ranks, truths, found = answers.ranks, [], []
    copies: dict[int, int] = {}
    for row in rows.tolist():
        copies[row] = copies.get(row, -1) + 1
        key = (int(answers.images[row]), copies[row])
        truths.append(
            TruePose(
                key, answers.true_xy[row], answers.visibility[row], float(answers.area_px[row])
            )
        )
        found.append(EstimatedPose(key, answers.xy[row], float(ranks[row])))
    precision = average_precision(truths, found)
    return {
        "ap": precision.ap or 0.0,
        "ap50": precision.ap50 or 0.0,
        "ap75": precision.ap75 or 0.0,
    }


def _similarity(answers: LabelledAnswers, rows: Int64Array) -> dict[str, float]:
    as_is, swapped = answers.oks[rows], answers.oks_mirrored[rows]
    return {
        "oks": float(np.nanmean(as_is)),
        "oks_sides_ignored": float(np.nanmean(np.fmax(as_is, swapped))),
        "mirrored": float(np.sum(swapped > as_is)),
        "joint_score": float(answers.joint_scores[rows].mean()),
        "person_score": float(answers.person_scores[rows].mean()),
    }


def _calibration(answers: LabelledAnswers, rows: Int64Array) -> dict[str, float]:
    """How far joint scores are probabilities of lying within 0.5 s k, over labelled joints."""
    counted = answers.visibility[rows] > 0
    right = answers.similarity[rows] >= WITHIN_HALF_SK
    scores = answers.joint_scores[rows]
    return {
        "joint_ece": expected_calibration_error(scores[counted], right[counted], bins=10),
        "joints_right": float(right[counted].mean()),
    }


def _by_joint(answers: LabelledAnswers) -> dict[str, dict[str, float]]:
    """Offsets and hits by joint, each person's left and right as they match better."""
    size = np.sqrt(answers.area_px)[:, None, None]
    offset = (answers.xy - answers.true_xy) / size
    right = answers.similarity >= WITHIN_HALF_SK
    result = {}
    for joint, name in enumerate(JOINT_NAMES):
        labelled = answers.visibility[:, joint] > 0
        if labelled.any():
            result[name] = {
                "n": int(labelled.sum()),
                "offset_x": float(np.median(offset[labelled, joint, 0])),
                "offset_y": float(np.median(offset[labelled, joint, 1])),
                "right": float(right[labelled, joint].mean()),
            }
    return result
