# SPDX-License-Identifier: Apache-2.0
"""Answers that are wrong in one known way: the loss is found there and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers
from thermal_pose.lab.evaluation.labelled.loss import loss_figures
from thermal_pose.lab.evaluation.labelled.precision import answer_precisions
from thermal_pose.lab.evaluation.labelled.repairs import PARTS, with_all_else_right
from thermal_pose.lab.evaluation.labelled.resampling import SceneDraws
from thermal_pose.skeleton import MIRROR, Joint

N = 8


@pytest.fixture
def perfect() -> LabelledAnswers:
    """Eight people in as many pictures and scenes, answered with the labels themselves."""
    rng = np.random.default_rng(3)
    xy = rng.uniform((10, 10), (60, 100), (N, 17, 2))
    return LabelledAnswers(
        images=np.arange(N),
        scenes=np.array([f"scene {k}" for k in range(N)]),
        true_xy=xy,
        visibility=np.full((N, 17), 2),
        area_px=np.full(N, 900.0),
        true_boxes=np.tile([5.0, 5.0, 65.0, 105.0], (N, 1)),
        contrast_k=np.arange(N, dtype=np.float64),
        xy=xy.copy(),
        joint_scores=np.full((N, 17), 0.9),
        person_scores=np.full(N, 0.9),
    )


def losses(answers: LabelledAnswers, resamples: int = 0, **boxes: LabelledAnswers):
    draws = SceneDraws.over(answers.scenes, resamples)
    return loss_figures(answers, draws, answer_precisions(answers, draws), boxes)


def test_the_parts_are_all_joints_once() -> None:
    assert sorted(joint for part in PARTS.values() for joint in part) == list(range(17))


@pytest.mark.parametrize("part", PARTS)
def test_a_wrong_part_is_the_whole_loss(perfect, part) -> None:
    xy = perfect.xy.copy()
    xy[:, PARTS[part]] += 1000.0
    found = losses(replace(perfect, xy=xy))
    missing = len(PARTS[part]) / 17
    assert found["right"][part]["oks"]["value"] == 1.0
    assert found["right"][part]["ap"]["value"] == 1.0
    assert found["only_wrong"][part]["oks"]["value"] == pytest.approx(1 - missing, abs=1e-4)
    for other in set(PARTS) - {part}:
        assert found["right"][other]["gain"]["value"] == 0.0
        assert found["only_wrong"][other]["ap"]["value"] == 1.0


def test_mirrored_people_lose_by_their_sides_alone(perfect) -> None:
    xy = perfect.xy.copy()
    xy[: N // 2] = xy[: N // 2, MIRROR]
    found = losses(replace(perfect, xy=xy), resamples=30)
    assert found["right"]["sides"]["ap"] == {"value": 1.0, "ci95": [1.0, 1.0]}
    gain = found["right"]["sides"]["gain"]
    assert gain["value"] > 0.3 and gain["ci95"][0] < gain["value"] < gain["ci95"][1]
    only = found["only_wrong"]["sides"]
    assert only["gain"]["value"] == 0.0 and only["ap"]["value"] < 0.7


def test_a_side_without_label_is_not_taken_for_a_place(perfect) -> None:
    visibility, true_xy, xy = perfect.visibility.copy(), perfect.true_xy.copy(), perfect.xy.copy()
    visibility[:, Joint.LEFT_EYE], true_xy[:, Joint.LEFT_EYE] = 0, 0.0
    mirrored = replace(perfect, visibility=visibility, true_xy=true_xy, xy=xy[:, MIRROR])
    found = with_all_else_right(mirrored, "sides")
    assert (found[:, Joint.RIGHT_EYE] == true_xy[:, Joint.RIGHT_EYE]).all()
    assert (found[:, Joint.LEFT_KNEE] == true_xy[:, Joint.RIGHT_KNEE]).all()


def test_halves_of_contrast_and_other_boxes_are_judged_apart(perfect) -> None:
    xy = perfect.xy.copy()
    xy[: N // 2] += 1000.0  # the lower half of the contrast
    wrong = replace(perfect, xy=xy)
    found = losses(wrong, cut=perfect)
    assert found["contrast"]["lower_half"]["ap"]["value"] == 0.0
    assert found["contrast"]["upper_half"]["ap"]["value"] == 1.0
    assert found["contrast"]["upper_half"]["people"] == N // 2
    assert found["box"]["cut"]["ap"]["value"] == 1.0 and found["box"]["cut"]["gain"]["value"] > 0.3


def test_views_cover_everyone(perfect) -> None:
    found = losses(perfect)
    assert sum(one["people"] for one in found["view"].values()) == N
