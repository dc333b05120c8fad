# SPDX-License-Identifier: Apache-2.0
"""The head against events whose probability is known exactly."""

import numpy as np
import pytest
import torch

from thermal_pose.errors import TrainingError
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.students import confidence
from thermal_pose.lab.learning.students.confidence import (
    Evidence,
    about_persons_only,
    calibrate,
    fit_head,
    fit_platt,
    joined_evidence,
    measure_confidence,
)
from thermal_pose.skeleton import N_JOINTS

CHANNELS = 2
INPUTS = 2 * N_JOINTS + 2 * CHANNELS


def evidence_of(n: int, seed: int) -> Evidence:
    """Joint j is right with probability sigmoid(3 x_j); a person is there where x_17 > 1."""
    rng = np.random.default_rng(seed)
    summary = rng.normal(0, 1, (n, INPUTS)).astype(np.float32)
    summary[:, N_JOINTS] += np.sign(summary[:, N_JOINTS])
    person = summary[:, N_JOINTS] > 0
    chance = 1 / (1 + np.exp(-3 * summary[:, :N_JOINTS]))
    hits = (rng.random((n, N_JOINTS)) < chance) & person[:, None]
    counted = np.ones((n, N_JOINTS + 1), np.float32)
    counted[:, :N_JOINTS] = person[:, None]
    both = np.concatenate([hits, person[:, None]], axis=1).astype(np.float32)
    in_sight = np.where(person, rng.integers(0, N_JOINTS + 1, n), 0)
    return Evidence(*(torch.from_numpy(part) for part in (summary, both, counted, in_sight)))


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(0)
    head = ConfidenceHead(CHANNELS, hidden=24)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confidence, "_STEPS", 300)
        fit_head(head, evidence_of(3000, seed=1))
    return head


def test_scores_are_probabilities_on_people_never_seen(head) -> None:
    calibrate(head, evidence_of(2000, seed=2))
    figures = measure_confidence(head, evidence_of(2000, seed=3))
    assert figures["joint_ece"] < 0.05
    assert figures["person_ece"] < 0.05
    assert figures["refused_at_99_recall"] > 0.9
    assert figures["people"] + figures["crops_without_people"] == 2000


def test_people_hardly_in_sight_count_apart(head) -> None:
    evidence = evidence_of(2000, seed=5)
    unseen = evidence.hits[:, N_JOINTS] > 0.5
    unseen &= evidence.in_sight < 9
    # Nothing of them shows: what the head sees is an empty room.
    empty = torch.nonzero(evidence.hits[:, N_JOINTS] < 0.5)[:, 0]
    evidence.summary[unseen] = evidence.summary[empty[: int(unseen.sum())]]
    figures = measure_confidence(head, evidence)
    assert figures["half_visible"] == int((evidence.in_sight >= 9).sum())
    assert figures["half_visible_refused_at_99_recall"] > 0.9
    assert figures["refused_at_99_recall"] < 0.1


def test_calibration_mends_an_overconfident_head(head) -> None:
    held_out = evidence_of(2000, seed=4)
    with torch.no_grad():
        for parameter in (head.out.weight, head.out.bias):
            parameter.mul_(6)
        head.scale.fill_(1)
        head.offset.zero_()
    before = measure_confidence(head, held_out)["joint_ece"]
    calibrate(head, evidence_of(2000, seed=2))
    after = measure_confidence(head, held_out)["joint_ece"]
    with torch.no_grad():
        for parameter in (head.out.weight, head.out.bias):
            parameter.div_(6)
    assert after < 0.05 < before


def test_without_empty_crops_nothing_is_fitted() -> None:
    people = evidence_of(64, seed=0)
    only = people.hits[:, N_JOINTS] > 0.5
    part = Evidence(
        people.summary[only], people.hits[only], people.counted[only], people.in_sight[only]
    )
    with pytest.raises(TrainingError, match="with and without people"):
        fit_head(ConfidenceHead(CHANNELS), part)


def test_people_that_poses_were_learnt_from_say_nothing_of_joints() -> None:
    first, second = evidence_of(30, seed=5), about_persons_only(evidence_of(20, seed=6))
    assert not second.counted[:, :N_JOINTS].any() and second.counted[:, N_JOINTS].all()
    both = joined_evidence([first, second])
    assert both.summary.shape == (50, INPUTS)
    assert torch.equal(both.counted[:30], first.counted)
    assert torch.equal(both.hits[30:], second.hits)


@pytest.mark.parametrize("seed", range(90, 100))  # full steps of L-BFGS alone diverge at 96
def test_a_calibration_on_a_handful_of_crops_is_finite(seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = (torch.rand(8, 18, generator=generator) * 2 - 1) * (1, 5, 14, 20)[seed % 4]
    hits = (torch.rand(8, 18, generator=generator) < (0.05, 0.5, 0.9)[seed % 3]).float()
    scale, offset = fit_platt(logits, hits, torch.ones(8, 18))
    assert torch.isfinite(scale).all() and torch.isfinite(offset).all() and (scale > 0).all()
    with pytest.raises(TrainingError, match="no calibration fits 8 crops"):
        fit_platt(logits * float("nan"), hits, torch.ones(8, 18))
