# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from support import rises as stick

from thermal_pose.clinical.chair_rises.about import FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.chair_rises.arm_features import N_FEATURES, arm_features
from thermal_pose.clinical.chair_rises.arms import ArmsModel, arms_model
from thermal_pose.clinical.chair_rises.reading import read_rises
from thermal_pose.clinical.chair_rises.validity import RiseEvidence, judge_rises
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.card import load_card
from thermal_pose.types import TrialReason

#: Rise 4 of 6: the first five make the test, one more is after it.
N_RISES, PUSHED, LATER = 6, 4, 6


def made(n_rises: int, *pushed: int):
    frames = stick.frames(stick.even_rises(n_rises), 3.0 * n_rises + 4.0)
    for number in pushed:
        frames = stick.hands_low(frames, 2.0 + 3.0 * (number - 1) - 0.5, 1.5)
    return frames


def features(frames) -> np.ndarray:
    subject = read_rises(frames, 0.05).subject
    return arm_features(subject.track, subject.curves, subject.cycles)


def model(**changes) -> ArmsModel:
    """Log-odds of a rise: how far its features lie above those of crossed arms, less 1."""
    crossed = features(made(N_RISES))
    pushed = features(made(N_RISES, PUSHED))[PUSHED - 1]
    way = pushed - crossed[PUSHED - 1]
    plain = ArmsModel(
        crossed[PUSHED - 1], np.ones(N_FEATURES), 2.0 * way / (way @ way), -1.0, 0.0,
        ("stick-figure",),
    )  # fmt: skip
    return replace(plain, **changes)


def mirrored(frame):
    """The mirror image of a frame, with left and right joints exchanged."""
    swap = [0, *(joint + (1 if joint % 2 else -1) for joint in range(1, 17))]
    people = tuple(
        replace(p, xy=(np.array([79, 0]) + np.array([-1, 1]) * p.xy)[swap].astype(np.float32),
                scores=p.scores[swap], box=replace(p.box, xyxy=(79 - p.box.xyxy[2],
                p.box.xyxy[1], 79 - p.box.xyxy[0], p.box.xyxy[3])))
        for p in frame.persons
    )  # fmt: skip
    return replace(frame, persons=people)


def test_there_is_a_row_per_rise_without_gaps() -> None:
    found = features(made(5))
    assert found.shape == (5, N_FEATURES) and np.isfinite(found).all()
    # Rises that are all alike have features that are all alike.
    assert np.ptp(found, axis=0).max() < 0.1 < np.ptp(found, axis=1).min()
    assert features(made(0)).shape == (0, N_FEATURES)


def test_a_push_shows_at_its_rise_and_at_the_end_of_the_one_before() -> None:
    apart = np.abs(features(made(5, 3)) - features(made(5)))
    assert apart[2].max() > 0.5 and apart[[0, 3, 4]].max() < 0.01
    # Hands that wait on the thighs for rise 3 are there when the descent of rise 2 is over.
    changed = np.flatnonzero(apart[1].reshape(14, -1).max(axis=1) > 0.01)
    assert changed.tolist() == [12, 13]


def test_a_mirrored_person_has_the_same_features() -> None:
    frames = stick.hands_low(made(5, 2), 0.0, 99.0, sides=(9,))
    one, other = features(frames), features([mirrored(frame) for frame in frames])
    assert np.abs(one - features(made(5, 2))).max() > 0.1
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_what_is_not_seen_counts_nothing() -> None:
    # The recording ends while the person stands: the marks of the descent are missing.
    unfinished = stick.frames([*stick.even_rises(5)[:4], (14.0, 15.0, 30.0, 31.0, 1.0)], 18.0)
    rows = features(unfinished)
    assert np.isnan(rows[4]).any() and not np.isnan(rows[:4]).any()
    descent_only = np.where(np.isnan(rows[4]), 7.0, 0.0)
    odds = model(mean=np.zeros(N_FEATURES), weights=descent_only).log_odds(rows)
    assert odds[4] == -1.0 and np.abs(odds[:4] + 1.0).min() > 1.0


def test_log_odds_weigh_the_standardized_features_within_limits() -> None:
    weights = np.zeros(N_FEATURES)
    weights[3] = 2.0
    one = model(mean=np.full(N_FEATURES, 1.0), scale=np.full(N_FEATURES, 2.0), weights=weights)
    found = one.log_odds(np.array([[3.0], [1e6]]) * np.ones(N_FEATURES))
    assert found == pytest.approx([1.0, 9.0])
    assert one.pushed(np.array([[3.0], [0.0]]) * np.ones(N_FEATURES)) == [1]
    assert one.knows("stick-figure") and not one.knows("teacher")


def test_a_rise_counts_more_the_further_it_lies_above_the_lowest() -> None:
    weights = np.zeros(N_FEATURES)
    weights[0] = 1.0
    one = model(mean=np.zeros(N_FEATURES), weights=weights, bias=0.0, threshold=1.5)
    alike = np.array([[1.4], [1.3], [1.4]]) * np.ones(N_FEATURES)
    apart = np.array([[1.4], [-2.0], [1.3]]) * np.ones(N_FEATURES)
    assert one.scores(alike) == pytest.approx([1.45, 1.3, 1.45]) and one.pushed(alike) == []
    assert one.scores(apart) == pytest.approx([3.1, -2.0, 2.95]) and one.pushed(apart) == [1, 3]
    assert one.pushed(np.zeros((0, N_FEATURES))) == []


def judged(frames, arms: ArmsModel):
    reading = read_rises(frames, 0.05)
    rises = reading.subject.rises
    start_s = rises[0].rise_start_s
    return judge_rises(
        RiseEvidence(FIVE_TIMES_SIT_TO_STAND, reading, rises, start_s, TugParams(), arms)
    )


def test_a_refusal_names_the_rises_within_the_test() -> None:
    assert judged(made(N_RISES), model()).valid
    verdict = judged(made(N_RISES, PUSHED), model())
    assert verdict.reason is TrialReason.ARMS_USED and "at rise 4;" in verdict.sentence
    # Whoever gets up to leave after the fifth stand may use their hands.
    assert judged(made(N_RISES, LATER), model()).valid
    assert judged(made(N_RISES, PUSHED), model(models=("another",))).valid


def test_the_shipped_model_knows_its_networks() -> None:
    shipped = arms_model()
    assert shipped.models and np.isfinite(shipped.weights).all() and (shipped.scale > 0).all()


def test_a_model_of_other_features_is_refused(tmp_path) -> None:
    path = tmp_path / "arms.json"
    path.write_text('{"mean": [0], "scale": [1], "weights": [1]}')
    with pytest.raises(ModelArtifactError, match=f"expected {N_FEATURES}, got 1"):
        arms_model(path)


def test_the_shipped_model_knows_the_shipped_keypoint_network() -> None:
    card = load_card(card_path("student-lite"))
    assert arms_model().knows(f"{card.name}-{card.sha256[:12]}")
