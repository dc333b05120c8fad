# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from thermal_pose.lab.learning.tug.gait import GaitTrial, TorchGait, gait_sample, train_gait


def marching(n_frames: int = 120) -> GaitTrial:
    """Someone whose ankle rises while its foot swings."""
    times_s = np.arange(n_frames) / 8.0
    xy = np.tile(np.linspace(20, 40, 34).reshape(17, 2), (n_frames, 1, 1))
    swings = []
    for leg, joint in ((0, 15), (1, 16)):
        spans = np.array([(1.0 * k + 0.5 * leg, 1.0 * k + 0.5 * leg + 0.45) for k in range(14)])
        for lift_s, land_s in spans:
            up = (times_s >= lift_s) & (times_s < land_s)
            xy[up, joint, 1] -= 6.0
        swings.append(spans)
    return GaitTrial(times_s, xy, np.full((n_frames, 17), 0.9), (swings[0], swings[1]), (0.5, 13.0))


def test_labels_are_the_swings_within_the_walk():
    trial = marching()
    features, labels = gait_sample(trial, np.random.default_rng(3))
    assert len(features) == len(labels)
    inside = labels[np.isfinite(labels)]
    assert inside.min() == 0.0
    assert inside.max() == 1.0
    assert np.nanmean(labels) == pytest.approx(0.45, abs=0.05)
    assert np.isnan(labels[0]).all()


def test_a_few_steps_of_training_lower_the_loss():
    losses = []
    torch.manual_seed(0)
    train_gait([marching()], 100, TorchGait(16, (1, 2)), 4, lambda step, loss: losses.append(loss))
    assert losses[-1] < losses[0]
    assert losses[-1] < 0.65
