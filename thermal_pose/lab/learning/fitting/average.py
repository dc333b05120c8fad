# SPDX-License-Identifier: Apache-2.0
"""An exponential moving average of a network's weights, which is validated and kept instead."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


class WeightAverage:
    """The average of the weights and running statistics after each step.

    Parameters
    ----------
    decay : weight of the earlier average, below 1; smaller during the first steps, so that the
        random start is forgotten.

    Notes
    -----
    Polyak and Juditsky 1992, with the decay of an exponential average; its rise during the first
    steps, (1 + n) / (10 + n), is that of TensorFlow's `ExponentialMovingAverage`.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, steps: int) -> None:
        """Take in the weights after `steps` steps."""
        decay = min(self.decay, (1 + steps) / (10 + steps))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)

    @contextlib.contextmanager
    def applied_to(self, network: nn.Module) -> Iterator[None]:
        """Give the network the averaged weights for a while."""
        own = {k: v.detach().clone() for k, v in network.state_dict().items()}
        network.load_state_dict(self.state)
        try:
            yield
        finally:
            network.load_state_dict(own)
