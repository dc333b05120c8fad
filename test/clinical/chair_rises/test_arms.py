# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support import rises as stick

from thermal_pose.clinical.chair_rises.arms import (
    N_FEATURES,
    ArmsModel,
    arm_features,
    arms_model,
)
from thermal_pose.clinical.chair_rises.reading import read_rises
from thermal_pose.errors import ModelArtifactError


def features(n_rises: int) -> np.ndarray:
    made = stick.frames(stick.even_rises(n_rises), 3.0 * n_rises + 4.0)
    subject = read_rises(made, 0.05).subject
    return arm_features(subject.track, subject.curves, subject.cycles)


def test_there_is_a_number_per_feature_without_gaps() -> None:
    found = features(5)
    assert found.shape == (N_FEATURES,) and np.isfinite(found).all()
    # Rises that are all alike: what the largest adds to the median is next to nothing.
    assert np.abs(found[N_FEATURES // 2 :]).max() < 0.2 < np.abs(found[: N_FEATURES // 2]).max()
    assert (features(0) == 0.0).all() and features(0).shape == (N_FEATURES,)


def test_log_odds_weigh_the_standardized_features() -> None:
    weights = np.zeros(N_FEATURES)
    weights[3] = 5.0
    mean, scale = np.full(N_FEATURES, 1.0), np.full(N_FEATURES, 2.0)
    model = ArmsModel(mean, scale, weights, -1.0, 0.0, ("student",))
    assert model.log_odds(np.full(N_FEATURES, 3.0)) == pytest.approx(4.0)
    assert model.knows("student") and not model.knows("teacher")


def test_a_model_of_other_features_is_refused(tmp_path) -> None:
    path = tmp_path / "arms.json"
    path.write_text('{"mean": [0], "scale": [1], "weights": [1]}')
    with pytest.raises(ModelArtifactError, match=f"expected {N_FEATURES}, got 1"):
        arms_model(path)
