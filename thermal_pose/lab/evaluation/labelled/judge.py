# SPDX-License-Identifier: Apache-2.0
"""Figures of a model on labelled pictures, each with a bootstrap interval over scenes."""

from typing import Any, Final

import numpy as np

from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers
from thermal_pose.lab.evaluation.labelled.precision import Precisions
from thermal_pose.lab.evaluation.labelled.resampling import SceneDraws, figure
from thermal_pose.lab.learning.fitting.assess import WITHIN_HALF_SK
from thermal_pose.lab.metrics.calibration import expected_calibration_error
from thermal_pose.skeleton import JOINT_NAMES
from thermal_pose.types import Float64Array, Int64Array

#: A person is clearly mirrored if the OKS with left and right exchanged is this much higher. In a
#: side view left and right joints coincide, and either order has nearly the same OKS.
CLEARLY: Final = 0.05


def labelled_figures(
    answers: LabelledAnswers, draws: SceneDraws, precisions: Precisions
) -> dict[str, Any]:
    """Return AP, similarity, mirroring and calibration, with 95 % intervals.

    Parameters
    ----------
    precisions : `answer_precisions` of both.

    Returns
    -------
    {name: {'value': figure, 'ci95': [low, high]}} for each figure, `people` and `scenes`.
    """
    rows = draws.rows(answers.scenes)
    result: dict[str, Any] = {"people": len(answers.images), "scenes": len(draws.names)}
    for name, values in precisions.items():
        result[name] = figure(values)
    for measures in (_similarity, _calibration):
        found = [measures(answers, drawn) for drawn in rows]
        result |= {name: figure([each[name] for each in found]) for name in found[0]}
    return result


def _similarity(answers: LabelledAnswers, rows: Int64Array) -> dict[str, float]:
    as_is, swapped = answers.oks[rows], answers.oks_mirrored[rows]
    return {
        "oks": float(np.nanmean(as_is)),
        "oks_sides_ignored": float(np.nanmean(np.fmax(as_is, swapped))),
        "mirrored": float(np.sum(swapped > as_is)),
        "mirrored_clearly": float(np.sum(swapped - as_is > CLEARLY)),
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
        "labelled_joint_score": float(scores[counted].mean()),
    }


def joint_figures(answers: LabelledAnswers, draws: SceneDraws) -> dict[str, dict[str, Any]]:
    """Return offsets and hits by joint, left and right as predicted, with 95 % intervals.

    Returns
    -------
    By joint `n`; `offset_x` (to the right) and `offset_y` (down), medians of predictions minus
    labels in units of the square root of the area; and `right`, the share within 0.5 s k.
    """
    labelled = answers.visibility > 0
    offset = (answers.xy - answers.true_xy) / np.sqrt(answers.area_px)[:, None, None]
    right = answers.similarity >= WITHIN_HALF_SK
    rows = draws.rows(answers.scenes)
    result = {}
    for joint in np.flatnonzero(labelled.any(axis=0)):
        drawn = [each[labelled[each, joint]] for each in rows]
        result[JOINT_NAMES[joint]] = {
            "n": len(drawn[0]),
            "offset_x": figure([_median(offset[each, joint, 0]) for each in drawn]),
            "offset_y": figure([_median(offset[each, joint, 1]) for each in drawn]),
            "right": figure([float(right[r, joint].mean()) if len(r) else np.nan for r in drawn]),
        }
    return result


def _median(values: Float64Array) -> float:
    return float(np.median(values)) if len(values) else np.nan
