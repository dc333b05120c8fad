# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.lab.metrics.calibration import (
    LIVE_PERSON_SCORE,
    expected_calibration_error,
    person_scores_by_pose,
    refused_at_recall,
)
from thermal_pose.parameters.nodes import PoseParameters


def test_true_probabilities_have_no_error_and_boasting_has() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(200_000)
    hits = rng.random(200_000) < scores
    assert expected_calibration_error(scores, hits) < 0.005
    assert expected_calibration_error(np.full(1000, 0.9), np.arange(1000) < 500) == pytest.approx(
        0.4
    )


def test_refusal_keeps_the_recall_asked_for() -> None:
    people = np.linspace(0.2, 1, 1000)
    rooms = np.linspace(0, 0.5, 1000)
    refused, threshold = refused_at_recall(people, rooms, 0.99)
    assert (people >= threshold).mean() >= 0.99
    assert refused == pytest.approx((rooms < threshold).mean())
    assert 0.4 < refused < 0.45


@pytest.mark.parametrize(
    "call",
    [
        lambda: expected_calibration_error([], []),
        lambda: expected_calibration_error([1.2], [True]),
        lambda: refused_at_recall([], [0.1]),
        lambda: refused_at_recall([0.1], [0.1], 0.0),
    ],
)
def test_impossible_arguments_are_refused(call) -> None:
    with pytest.raises(ValueError, match="expected"):
        call()


def test_no_wrong_pose_leaves_its_figures_out() -> None:
    found = person_scores_by_pose([0.9, 0.2], [True, True])
    assert found["wrong"] == {"people": 0}
    assert found["right"] == pytest.approx({"people": 2, "mean": 0.55, "below_live_threshold": 0.5})
    with pytest.raises(ValueError, match="expected equal"):
        person_scores_by_pose([0.9], [True, False])


def test_the_live_threshold_is_that_of_the_node() -> None:
    assert PoseParameters().min_person_score == LIVE_PERSON_SCORE
