# SPDX-License-Identifier: Apache-2.0
"""Widens and narrows decoders without changing the heatmaps that they compute.

A classic decoder 256 wide is most of the cost of a step on a CPU. One trained narrow and
widened exactly has the classic shape, and students that learn through it can compute with
the narrow one: heatmaps and gradients are the same.
"""

import copy
from typing import Final

import torch

from thermal_pose.lab.learning.networks.decoder import DECODER_WIDTH, ClassicDecoder

_PER_CHANNEL: Final = ("weight", "bias", "running_mean", "running_var")


def widen(decoder: ClassicDecoder, width: int = DECODER_WIDTH) -> ClassicDecoder:
    """Return a decoder of `width` channels that computes the same heatmaps.

    Each channel is repeated and each repeated input is shared out among its copies (Net2Net,
    Chen et al. 2016, https://arxiv.org/abs/1511.05641, without the noise: it stays frozen).

    Raises
    ------
    ValueError
        `width` is not a multiple of the decoder's.
    """
    if width % decoder.width:
        raise ValueError(f"width: expected a multiple of {decoder.width}, got {width}")
    times = width // decoder.width
    wide = ClassicDecoder(decoder.latent_channels, width, decoder.conv.out_channels)
    state = {name: value.clone() for name, value in decoder.state_dict().items()}
    for name, value in state.items():
        if name.startswith("batchnorm") and value.ndim:
            state[name] = value.repeat(times)
    state["deconv1.weight"] = state["deconv1.weight"].repeat(1, times, 1, 1)
    state["deconv2.weight"] = state["deconv2.weight"].repeat(times, times, 1, 1) / times
    state["conv.weight"] = state["conv.weight"].repeat(1, times, 1, 1) / times
    wide.load_state_dict(state)
    return wide


@torch.no_grad()
def narrowed(decoder: ClassicDecoder, width: int) -> ClassicDecoder:
    """Return the decoder that `widen` made this one from, equal but for rounding.

    Raises
    ------
    ValueError
        Its channels are not copies of the first `width` ones.
    """
    narrow = ClassicDecoder(decoder.latent_channels, width, decoder.conv.out_channels)
    state = {name: value.clone() for name, value in decoder.state_dict().items()}
    for layer, norm in (("deconv1", "batchnorm1"), ("deconv2", "batchnorm2")):
        state[f"{layer}.weight"] = state[f"{layer}.weight"][:, :width]
        for name in _PER_CHANNEL:
            state[f"{norm}.{name}"] = state[f"{norm}.{name}"][:width]
    for name, dim in (("deconv2.weight", 0), ("conv.weight", 1)):
        state[name] = torch.stack(state[name].split(width, dim)).sum(dim=0)
    narrow.load_state_dict(state)
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(1, decoder.latent_channels, 4, 3, generator=generator)
    wide, small = (one.eval()(latent) for one in (copy.deepcopy(decoder), narrow))
    if not torch.allclose(wide, small, rtol=1e-2, atol=1e-2 * float(wide.abs().max())):
        raise ValueError(f"width: the decoder is not one of {width} channels, widened")
    return narrow.train(decoder.training)


@torch.no_grad()
def without_copies(decoder: ClassicDecoder) -> ClassicDecoder:
    """Return the narrowest decoder that computes the same: equal channels become one.

    A decoder without equal channels, such as ViTPose's, is returned unchanged.
    """
    state = decoder.state_dict()
    first = _distinct(state, "deconv1", "batchnorm1", decoder.width)
    _merge_inputs(state, "deconv2.weight", first, dim=0)
    second = _distinct(state, "deconv2", "batchnorm2", decoder.width)
    width = int(first.max()) + 1
    if width == decoder.width or int(second.max()) + 1 != width:
        return decoder
    for layer, norm, groups in (
        ("deconv1", "batchnorm1", first),
        ("deconv2", "batchnorm2", second),
    ):
        chosen = torch.tensor([int((groups == group).nonzero()[0]) for group in range(width)])
        state[f"{layer}.weight"] = state[f"{layer}.weight"][:, chosen]
        for name in _PER_CHANNEL:
            state[f"{norm}.{name}"] = state[f"{norm}.{name}"][chosen]
    _merge_inputs(state, "conv.weight", second, dim=1)
    narrow = ClassicDecoder(decoder.latent_channels, width, decoder.conv.out_channels)
    narrow.load_state_dict(state)
    return narrow.train(decoder.training)


def _distinct(state: dict[str, torch.Tensor], layer: str, norm: str, width: int) -> torch.Tensor:
    """Return the group of each output channel; channels of one group compute the same."""
    rows = [state[f"{layer}.weight"].transpose(0, 1).reshape(width, -1)]
    rows += [state[f"{norm}.{name}"][:, None] for name in _PER_CHANNEL]
    table, groups = torch.cat(rows, dim=1).cpu(), []
    seen: dict[bytes, int] = {}
    for channel in table:
        groups.append(seen.setdefault(channel.numpy().tobytes(), len(seen)))
    return torch.tensor(groups)


def _merge_inputs(
    state: dict[str, torch.Tensor], name: str, groups: torch.Tensor, dim: int
) -> None:
    """Add up the weights of equal input channels."""
    weight = state[name]
    shape = list(weight.shape)
    shape[dim] = int(groups.max()) + 1
    merged = torch.zeros(shape, dtype=weight.dtype, device=weight.device)
    state[name] = merged.index_add(dim, groups.to(weight.device), weight)
