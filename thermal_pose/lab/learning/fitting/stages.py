# SPDX-License-Identifier: Apache-2.0
"""Two stages of a training: first on pictures of half the size, then on whole ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from thermal_pose.lab.learning.fitting.config import FitConfig, TrainingConfig
from thermal_pose.lab.learning.fitting.learner import Learner, fit_together
from thermal_pose.lab.learning.fitting.training import Training
from thermal_pose.lab.learning.networks.coarse import halved
from thermal_pose.lab.learning.networks.pose import PoseNetwork

#: Makes the learner of a network from its index, the network as a stage sees it, the stage's
#: addition to the name of its checkpoint, and its settings.
MakeLearner = Callable[[int, PoseNetwork, str, FitConfig], Learner]


def stages(config: TrainingConfig) -> list[tuple[str, float]]:
    """Return each stage's addition to names, and its share of epochs and wall clock."""
    coarse = config.distill.coarse_share
    return [("-coarse", coarse), ("", 1 - coarse)] if coarse else [("", 1.0)]


def fit_in_stages(
    networks: Sequence[PoseNetwork], make: MakeLearner, training: Training
) -> list[int]:
    """Train networks at the same time, stage by stage; return the steps that each took.

    The networks hold their best weights afterwards, in evaluation mode.
    """
    config, progress = training.config, training.progress
    taken = [0] * len(networks)
    for suffix, share in stages(config):
        fit = replace(config.fit, epochs=max(1, round(share * config.fit.epochs)))
        learners = [
            make(index, halved(network) if suffix else network, suffix, fit)
            for index, network in enumerate(networks)
        ]
        fit_together(learners, share * progress.max_minutes, progress.tick)
        for index, learner in enumerate(learners):
            learner.take_best()
            taken[index] += learner.steps_taken
    return taken
