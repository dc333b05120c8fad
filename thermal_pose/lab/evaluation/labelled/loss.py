# SPDX-License-Identifier: Apache-2.0
"""Where a model loses on labelled pictures: sides, parts of the body, view, contrast, box."""

from typing import Any, Final

import numpy as np

from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers
from thermal_pose.lab.evaluation.labelled.judge import joint_figures
from thermal_pose.lab.evaluation.labelled.precision import Precisions, answer_precisions
from thermal_pose.lab.evaluation.labelled.repairs import (
    PARTS,
    SIDES,
    with_all_else_right,
    with_part_right,
)
from thermal_pose.lab.evaluation.labelled.resampling import SceneDraws, difference, figure
from thermal_pose.lab.evaluation.labelled.view import VIEWS, labelled_views
from thermal_pose.lab.metrics.oks import oks
from thermal_pose.types import BoolArray, Float64Array

#: Factors on the sides of true boxes.
BOX_SCALES: Final = {"cut_15_percent": 0.85, "enlarged_15_percent": 1.15}


def loss_figures(
    answers: LabelledAnswers,
    draws: SceneDraws,
    as_is: Precisions,
    boxes: dict[str, LabelledAnswers],
) -> dict[str, Any]:
    """Return figures with one thing put right, or of some of the people, at a time.

    Parameters
    ----------
    answers : with true boxes.
    as_is : `answer_precisions` of the answers.
    boxes : answers of the same model for other boxes of the same people, by name.

    Returns
    -------
    `right`: by part, that part put right; `only_wrong`: by part, all else put right;
    `view` and `contrast`: people of each kind alone; `box`: by name of `boxes`. Each has `people`,
    `ap`, `ap50`, `ap75` and `oks`, and `gain`, its AP minus that as it is, paired by draw. Of
    `view` and `contrast` the gain compares different people. `joints`: see `joint_figures`.
    """
    parts = (SIDES, *PARTS)

    def judged(
        of: LabelledAnswers, xy: Float64Array | None = None, chosen: BoolArray | None = None
    ) -> dict[str, Any]:
        return _judged(of, draws, as_is["ap"], of.xy if xy is None else xy, chosen)

    return {
        "right": {part: judged(answers, with_part_right(answers, part)) for part in parts},
        "only_wrong": {part: judged(answers, with_all_else_right(answers, part)) for part in parts},
        "view": {name: judged(answers, chosen=c) for name, c in by_view(answers).items()},
        "contrast": {name: judged(answers, chosen=c) for name, c in by_contrast(answers).items()},
        "box": {name: judged(other) for name, other in boxes.items()},
        "joints": joint_figures(answers, draws),
    }


def by_view(answers: LabelledAnswers) -> dict[str, BoolArray]:
    """Return the people (N,) of each view that occurs (`labelled_views`)."""
    views = labelled_views(answers.true_xy, answers.visibility)
    parts = {name: views == name for name in (*VIEWS, "unknown")}
    return {name: chosen for name, chosen in parts.items() if chosen.any()}


def by_contrast(answers: LabelledAnswers) -> dict[str, BoolArray]:
    """Return the people (N,) with less contrast than the set's median, and the others."""
    low = answers.contrast_k < np.median(answers.contrast_k)
    parts = {"lower_half": low, "upper_half": ~low}
    return {name: chosen for name, chosen in parts.items() if chosen.any()}


def _judged(
    answers: LabelledAnswers,
    draws: SceneDraws,
    as_is: list[float],
    xy: Float64Array,
    chosen: BoolArray | None,
) -> dict[str, Any]:
    counted = np.ones(len(xy), bool) if chosen is None else chosen
    similarity = oks(xy, answers.true_xy, answers.visibility, answers.area_px)
    values = answer_precisions(answers, draws, xy, counted)
    values["oks"] = [
        float(similarity[rows][counted[rows]].mean()) if counted[rows].any() else np.nan
        for rows in draws.rows(answers.scenes)
    ]
    return {
        "people": int(counted.sum()),
        **{name: figure(each) for name, each in values.items()},
        "gain": difference(values["ap"], as_is),
    }
