# SPDX-License-Identifier: Apache-2.0
"""Parameters and multiply-adds of a network: the true count, and the seed paper's.

The paper's figures come from an old ptflops, which counts a transposed convolution at its
*output* resolution (four times too much at stride 2), and norms, activations and biases as
operations.
"""

from dataclasses import dataclass

import torch
from torch import nn

from thermal_pose.lab.learning.networks.vit import Block


@dataclass(frozen=True)
class NetworkSize:
    """Size of a network on one 256 x 192 crop.

    Attributes
    ----------
    parameters : learnable and frozen weights, norms' running statistics not counted.
    macs : true multiply-adds of convolutions, linear layers and attention.
    paper_macs : the same as the paper's tool counts them.
    """

    parameters: int
    macs: int
    paper_macs: int


def _conv_macs(layer: nn.Module, source: torch.Tensor, out: torch.Tensor) -> tuple[int, int]:
    if isinstance(layer, nn.ConvTranspose2d):
        taps = layer.weight[0].numel()  # out x k x k a source pixel and channel
        true = source.shape[1] * source.shape[2] * source.shape[3] * taps
        return true, out.shape[2] * out.shape[3] * layer.weight.numel()
    assert isinstance(layer, nn.Conv2d)
    true = out.shape[2] * out.shape[3] * layer.weight.numel()
    return true, true + (out.numel() if layer.bias is not None else 0)


def _macs(layer: nn.Module, source: torch.Tensor, out: torch.Tensor) -> tuple[int, int]:
    """Return (true, paper's) multiply-adds of one call of a leaf or attention block."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return _conv_macs(layer, source, out)
    if isinstance(layer, nn.Linear):
        macs = out.numel() * layer.in_features
        return macs, macs + out.numel()
    if isinstance(layer, Block):  # query x key and weights x value
        attention = 2 * source.shape[1] ** 2 * source.shape[2]
        return attention, attention
    if isinstance(layer, nn.BatchNorm2d):
        return 0, 2 * out.numel()
    if isinstance(layer, nn.ReLU):
        return 0, out.numel()
    return 0, 0


@torch.no_grad()
def measure(network: nn.Module, input_wh: tuple[int, int] = (192, 256)) -> NetworkSize:
    """Count parameters and multiply-adds by running one zero crop through the network."""
    counts: list[tuple[int, int]] = []

    def count(layer: nn.Module, sources: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        counts.append(_macs(layer, sources[0], out))

    counted = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d, nn.ReLU, Block)
    handles = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, counted)
    ]
    was_training = network.training
    device = next(network.parameters()).device
    network.eval()(torch.zeros(1, 3, input_wh[1], input_wh[0], device=device))
    network.train(was_training)
    for handle in handles:
        handle.remove()
    return NetworkSize(
        parameters=sum(p.numel() for p in network.parameters()),
        macs=sum(true for true, _ in counts),
        paper_macs=sum(paper for _, paper in counts),
    )
