# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support import rises as stick

from thermal_pose.clinical.chair_rises.arms import (
    N_FEATURES,
    ArmsModel,
    arm_features,
    arms_model,
    over_rises,
)
from thermal_pose.clinical.chair_rises.reading import read_rises
from thermal_pose.errors import ModelArtifactError


def features(n_rises: int) -> np.ndarray:
    made = stick.frames(stick.even_rises(n_rises), 3.0 * n_rises + 4.0)
    subject = read_rises(made, 0.05).subject
    return arm_features(subject.track, subject.curves, subject.cycles)


def test_there_is_a_row_per_rise_without_gaps() -> None:
    rows = features(5)
    assert rows.shape == (5, N_FEATURES) and np.isfinite(rows).all()
    assert features(0).shape == (0, N_FEATURES)


def test_the_rises_most_like_it_decide() -> None:
    assert over_rises(np.array([-9.0, -9.0, 1.0, 2.0, 3.0])) == pytest.approx(2.0)
    assert over_rises(np.array([4.0])) == 4.0
    assert over_rises(np.zeros(0)) == -np.inf


def test_hands_that_go_down_to_push_raise_the_odds() -> None:
    rows = np.zeros((4, N_FEATURES))
    rows[2:, 3] = 1.0
    weights = np.zeros(N_FEATURES)
    weights[3] = 5.0
    model = ArmsModel(np.zeros(N_FEATURES), np.ones(N_FEATURES), weights, -1.0, 0.0, ("student",))
    assert model.log_odds(rows) > 0 > model.log_odds(rows[:2])
    assert model.log_odds(rows[:0]) == -np.inf


def test_a_model_of_other_features_is_refused(tmp_path) -> None:
    path = tmp_path / "arms.json"
    path.write_text('{"mean": [0], "scale": [1], "weights": [1]}')
    with pytest.raises(ModelArtifactError, match=f"expected {N_FEATURES}, got 1"):
        arms_model(path)
