# SPDX-License-Identifier: Apache-2.0
"""Answers with parts replaced by the labels: what a perfect part would gain.

Legend: N people, K = 17 joints.
"""

from typing import Final

import numpy as np

from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers
from thermal_pose.skeleton import MIRROR, N_JOINTS, Joint
from thermal_pose.types import BoolArray, Float64Array

#: Parts of the body; together they are all joints.
PARTS: Final = {
    "head": tuple(range(Joint.NOSE, Joint.RIGHT_EAR + 1)),
    "shoulders": (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
    "arms": tuple(range(Joint.LEFT_ELBOW, Joint.RIGHT_WRIST + 1)),
    "hips_knees_ankles": tuple(range(Joint.LEFT_HIP, N_JOINTS)),
}
SIDES: Final = "sides"


def with_part_right(answers: LabelledAnswers, part: str) -> Float64Array:
    """Return the answers (N, 17, 2) px with one part right and all else as it is.

    Parameters
    ----------
    part : a key of `PARTS`, whose labelled joints are put on the labels, or `SIDES`: left and
        right of a person are exchanged if that raises the person's OKS.
    """
    if part == SIDES:
        return np.where(_mirrored(answers), answers.xy[:, MIRROR], answers.xy)
    right = _of_part(part) & (answers.visibility > 0)
    return np.where(right[..., None], answers.true_xy, answers.xy)


def with_all_else_right(answers: LabelledAnswers, part: str) -> Float64Array:
    """Return the answers (N, 17, 2) px with one part as it is and all else right.

    Parameters
    ----------
    part : as in `with_part_right`. With `SIDES`, all joints are on the labels, but of the other
        side in people whose answer is mirrored, where both sides are labelled.
    """
    if part == SIDES:
        both = (answers.visibility > 0) & (answers.visibility[:, MIRROR] > 0)
        exchanged = _mirrored(answers) & both[..., None]
        return np.where(exchanged, answers.true_xy[:, MIRROR], answers.true_xy)
    return np.where(_of_part(part)[:, None], answers.xy, answers.true_xy)


def _mirrored(answers: LabelledAnswers) -> BoolArray:
    """(N, 1, 1): people whose OKS is higher with left and right exchanged."""
    return (answers.oks_mirrored > answers.oks)[:, None, None]


def _of_part(part: str) -> BoolArray:
    """(17,): joints of a part."""
    return np.isin(np.arange(N_JOINTS), PARTS[part])
