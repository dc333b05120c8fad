# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers
from thermal_pose.lab.evaluation.labelled.detected import DetectedPoses, detected_figures
from thermal_pose.lab.evaluation.labelled.precision import answer_precisions
from thermal_pose.lab.evaluation.labelled.resampling import SceneDraws
from thermal_pose.lab.metrics.oks import EstimatedPose

BOXES = np.array([[10.0, 10, 30, 50], [35, 10, 55, 50], [10, 10, 30, 50]])


@pytest.fixture
def answers() -> LabelledAnswers:
    """Two people in picture 0, one in picture 1, answered with the labels."""
    xy = np.random.default_rng(1).uniform((10, 10), (30, 50), (3, 17, 2))
    return LabelledAnswers(
        images=np.array([0, 0, 1]),
        scenes=np.array(["a", "a", "b"]),
        true_xy=xy,
        visibility=np.full((3, 17), 2),
        area_px=np.full(3, 400.0),
        true_boxes=BOXES,
        contrast_k=np.ones(3),
        xy=xy.copy(),
        joint_scores=np.full((3, 17), 0.9),
        person_scores=np.full(3, 0.9),
    )


def figures(answers, found: list[tuple[int, int, np.ndarray]]):
    """Judge boxes, each (picture, person whose joints the answer has, box)."""
    poses = [EstimatedPose(image, answers.true_xy[person], 0.9) for image, person, _ in found]
    boxes = np.array([box for *_, box in found]).reshape(-1, 4)
    draws = SceneDraws.over(answers.scenes, 20)
    true_boxes = answer_precisions(answers, draws)
    return detected_figures(answers, DetectedPoses(poses, boxes), draws, true_boxes)


def test_everyone_found_is_as_with_true_boxes(answers) -> None:
    found = figures(answers, [(0, 0, BOXES[0]), (0, 1, BOXES[1]), (1, 2, BOXES[2])])
    assert found["ap"]["value"] == found["box_recall"]["value"] == found["oks"]["value"] == 1.0
    assert found["gain"] == {"value": 0.0, "ci95": [0.0, 0.0]} and found["boxes_of_nobody"] == 0


def test_people_not_found_count_as_zero_and_other_boxes_as_nobody(answers) -> None:
    away = BOXES[0] + 200.0
    found = figures(answers, [(0, 0, BOXES[0]), (0, 0, BOXES[0] + 1.0), (1, 2, away)])
    assert found["box_recall"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["oks"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["oks_found"]["value"] == 1.0
    assert (found["boxes"], found["boxes_of_nobody"]) == (3, 2)
    assert found["oks_found"]["ci95"] == [1.0, 1.0]  # draws of scene 'b' alone are undefined


def test_no_box_at_all_is_a_recall_of_zero(answers) -> None:
    found = figures(answers, [])
    assert found["ap"]["value"] == found["box_recall"]["value"] == found["oks"]["value"] == 0.0
    assert found["oks_found"]["value"] is None


def test_each_box_finds_one_person(answers) -> None:
    together = replace(answers, true_boxes=BOXES[[0, 0, 2]])
    found = figures(together, [(0, 0, BOXES[0])])
    assert found["box_recall"]["value"] == pytest.approx(1 / 3, abs=1e-4)
