# SPDX-License-Identifier: Apache-2.0
"""Average precision of a labelled set and of each of its draws."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Final

import numpy as np

from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers
from thermal_pose.lab.evaluation.labelled.resampling import SceneDraws
from thermal_pose.lab.metrics.oks import (
    EstimatedPose,
    ImageMatches,
    TruePose,
    matches_by_image,
    pooled_precision,
)
from thermal_pose.types import BoolArray, Float64Array, Int64Array

PRECISIONS: Final = ("ap", "ap50", "ap75")

#: By name of `PRECISIONS`, R + 1 values as `figure` takes them; NaN without a person.
Precisions = dict[str, list[float]]


def answer_precisions(
    answers: LabelledAnswers,
    draws: SceneDraws,
    xy: Float64Array | None = None,
    chosen: BoolArray | None = None,
) -> Precisions:
    """Return AP, AP50 and AP75 with one answer per person.

    Parameters
    ----------
    xy : (N, 17, 2) px, other joints than the answers'; the ranks stay.
    chosen : (N,) people that count, with their answers; None: all.
    """
    joints = answers.xy if xy is None else xy
    rows = np.arange(len(joints)) if chosen is None else np.flatnonzero(chosen)
    ranks = answers.ranks
    estimates = [
        EstimatedPose(int(answers.images[row]), joints[row], float(ranks[row])) for row in rows
    ]
    return precisions(answers, draws, estimates, rows)


def precisions(
    answers: LabelledAnswers,
    draws: SceneDraws,
    estimates: Sequence[EstimatedPose],
    rows: Int64Array | None = None,
) -> Precisions:
    """Return AP, AP50 and AP75 of any estimates on the labelled people.

    Parameters
    ----------
    estimates : `image` is one of `answers.images`.
    rows : (n,) of the people that count; None: all.

    Notes
    -----
    A scene that is drawn twice counts as two scenes.
    """
    kept = np.arange(len(answers.images)) if rows is None else rows
    truths = [
        TruePose(
            int(answers.images[row]),
            answers.true_xy[row],
            answers.visibility[row],
            float(answers.area_px[row]),
        )
        for row in kept
    ]
    scenes = _by_scene(answers, matches_by_image(truths, estimates))
    result: Precisions = {name: [] for name in PRECISIONS}
    for chosen in draws.chosen:
        drawn = [image for k in chosen for image in scenes.get(str(draws.names[k]), [])]
        found = pooled_precision(drawn)
        for name in PRECISIONS:
            value = getattr(found, name)
            result[name].append(np.nan if value is None else value)
    return result


def _by_scene(
    answers: LabelledAnswers, matched: Mapping[Hashable, ImageMatches]
) -> dict[str, list[ImageMatches]]:
    scene_of = dict(zip(answers.images.tolist(), answers.scenes.tolist(), strict=True))
    result: dict[str, list[ImageMatches]] = {}
    for image, matches in matched.items():
        result.setdefault(scene_of[image], []).append(matches)
    return result
