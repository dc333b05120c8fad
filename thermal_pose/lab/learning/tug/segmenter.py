# SPDX-License-Identifier: Apache-2.0
"""Trains the segmentation network of the Timed Up and Go and writes its weights for numpy.

The same network as `clinical/tug/network.py`, in torch. Cross-entropy of each boundary's
distribution over all sub-cells and 'absent' makes the distributions honest (a proper score), so
that the medians and spreads read from them need no later correction.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from thermal_pose.clinical.tug.features import N_FEATURES
from thermal_pose.clinical.tug.network import KERNEL, SUB_CELLS
from thermal_pose.clinical.tug.result import N_BOUNDARIES
from thermal_pose.errors import ModelArtifactError
from thermal_pose.files import whole_file
from thermal_pose.lab.learning.tug.curves import N_CURVES

Sample = tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.float32]]
Draw = Callable[[np.random.Generator], Sample]
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class SegmenterConfig:
    """How the network is built and trained.

    Attributes
    ----------
    channels, dilations : of the blocks.
    steps, batch, learning_rate : of AdamW with a cosine schedule and a short warm-up.
    dropout : of whole feature columns, so that no single signal is relied on.
    average : share of the running average of weights that a step keeps.
    curves_weight : of the error of the body's curves, beside that of the boundaries.
    """

    channels: int = 64
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    steps: int = 3000
    batch: int = 24
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    dropout: float = 0.1
    average: float = 0.995
    curves_weight: float = 1.0
    seed: int = 0


class SegmenterBlock(nn.Module):
    """Layer norm, dilated convolution, ReLU and linear, added to the input."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.conv = nn.Conv1d(
            channels, channels, KERNEL, dilation=dilation, padding=dilation * (KERNEL // 2)
        )
        self.mix = nn.Linear(channels, channels)
        self.drop = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return hidden values (N, T, C); `mask` (N, T, 1) is 0 where the input is padding."""
        normed = self.norm(hidden) * mask
        wide = self.conv(normed.transpose(1, 2)).transpose(1, 2)
        return hidden + self.mix(self.drop(torch.relu(wide)))


class TorchSegmenter(nn.Module):
    """The network of `tug.network.SegmenterNetwork`; see there."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        width = config.channels
        self.stem = nn.Linear(N_FEATURES, width)
        self.blocks = nn.ModuleList(
            [SegmenterBlock(width, d, config.dropout) for d in config.dilations]
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, N_BOUNDARIES * SUB_CELLS)
        self.absent = nn.Linear(2 * width, N_BOUNDARIES)
        self.curves = nn.Linear(width, N_CURVES)
        self.drop = nn.Dropout1d(config.dropout)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return log probabilities (N, B, T * S + 1) of padded features (N, T, F)."""
        return self.with_curves(features, lengths)[0]

    def with_curves(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return log probabilities as `forward`, and curves (N, T, 5) of the body."""
        n, n_cells, _ = features.shape
        valid = torch.arange(n_cells, device=features.device)[None] < lengths[:, None]
        mask = valid[..., None].float()
        hidden = self.stem(self.drop(features.transpose(1, 2)).transpose(1, 2))
        for block in self.blocks:
            hidden = block(hidden, mask)
        hidden = self.norm(hidden)
        logits = self.head(hidden).view(n, n_cells, N_BOUNDARIES, SUB_CELLS)
        logits = logits.masked_fill(~valid[..., None, None], float("-inf"))
        mean = (hidden * mask).sum(1) / lengths[:, None]
        largest = hidden.masked_fill(~valid[..., None], float("-inf")).amax(1)
        absent = self.absent(torch.cat([mean, largest], dim=1))
        flat = logits.permute(0, 2, 1, 3).reshape(n, N_BOUNDARIES, -1)
        both = torch.cat([flat, absent[..., None]], dim=2)
        return torch.log_softmax(both, dim=2), self.curves(hidden)


def collate(samples: Sequence[Sample]) -> Batch:
    """Pad samples to one batch.

    Features (N, T, F), lengths (N,), boundaries (N, 7) sub-cells, curves (N, T, 5).
    """
    lengths = [len(features) for features, _, _ in samples]
    padded = np.zeros((len(samples), max(lengths), N_FEATURES), dtype=np.float32)
    curves = np.full((len(samples), max(lengths), N_CURVES), np.nan, dtype=np.float32)
    for row, (features, _, wanted) in enumerate(samples):
        padded[row, : len(features)], curves[row, : len(wanted)] = features, wanted
    positions = np.stack([position for _, position, _ in samples]).astype(np.float32)
    return (
        torch.from_numpy(padded),
        torch.tensor(lengths),
        torch.from_numpy(positions),
        torch.from_numpy(curves),
    )


def batches_by_length(draw: Draw, size: int, rng: np.random.Generator) -> Iterator[list[Sample]]:
    """Batches of samples of about the same length, so that little of them is padding."""
    while True:
        pool = sorted((draw(rng) for _ in range(8 * size)), key=lambda sample: len(sample[0]))
        chunks = [pool[k : k + size] for k in range(0, len(pool), size)]
        for index in rng.permutation(len(chunks)):
            yield chunks[index]


def boundary_loss(log_p: Tensor, position: Tensor) -> Tensor:
    """Cross-entropy against the sub-cell that holds each boundary, shared with its neighbour.

    Parameters
    ----------
    log_p : (N, B, M + 1) log probabilities; the last column is 'absent'.
    position : (N, B) boundary in sub-cells; NaN where absent, infinite where not known.
    """
    n_bins = log_p.shape[2] - 1
    present = torch.isfinite(position)
    # A bin's centre is at index + 0.5: linear weights to the two nearest centres.
    centre = torch.where(present, position, 0.0) - 0.5
    low = centre.floor().clamp(0, n_bins - 1)
    share = (centre - low).clamp(0, 1)
    high = (low + 1).clamp(max=n_bins - 1)
    at_low = log_p.gather(2, low.long()[..., None])[..., 0].clamp(min=-30)
    at_high = log_p.gather(2, high.long()[..., None])[..., 0].clamp(min=-30)
    inside = (1 - share) * at_low + share * at_high
    each = torch.where(present, inside, log_p[..., -1].clamp(min=-30))
    known = ~torch.isinf(position)
    return -(each * known).sum() / known.sum().clamp(min=1)


def curves_loss(found: Tensor, curves: Tensor) -> Tensor:
    """Mean squared error of the body's curves (N, T, 5) where they are known."""
    known = torch.isfinite(curves)
    error = torch.where(known, found - torch.nan_to_num(curves), 0.0)
    return (error**2).sum() / known.sum().clamp(min=1)


def train_segmenter(
    draw: Draw,
    config: SegmenterConfig,
    report: Callable[[int, float, float], None] = lambda step, loss, seconds: None,
    device: str = "cpu",
    begun: Mapping[str, Tensor] | None = None,
) -> TorchSegmenter:
    """Train on samples drawn one by one; return the averaged network of the last steps.

    Parameters
    ----------
    draw : makes one training sample from a generator.
    report : called every 50 steps with step, mean loss and seconds so far.
    device : 'cpu' or 'cuda'.
    begun : weights to begin with (`begun_weights`); random ones if None.
    """
    torch.manual_seed(config.seed)
    network = TorchSegmenter(config)
    if begun is not None:
        network.load_state_dict(network.state_dict() | dict(begun))
    network = network.to(device)
    average = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.average),  # type: ignore[no-untyped-call]
    )
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    stream = batches_by_length(draw, config.batch, np.random.default_rng([config.seed, 0]))
    started, losses = time.monotonic(), list[Tensor]()
    network.train()
    for step, samples in enumerate(islice(stream, config.steps)):
        features, lengths, position, curves = collate(samples)
        _set_rate(optimizer, config.learning_rate * _schedule(step, step / config.steps))
        log_p, found = network.with_curves(features.to(device), lengths.to(device))
        loss = boundary_loss(log_p, position.to(device))
        further = config.curves_weight * curves_loss(found, curves.to(device))
        optimizer.zero_grad()
        (loss + further).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(network)
        losses.append(loss.detach())
        if (step + 1) % 50 == 0:
            mean = float(torch.stack(losses[-50:]).mean())
            report(step + 1, mean, time.monotonic() - started)
    return cast(TorchSegmenter, average.module).cpu().eval()


def _schedule(step: int, spent: float) -> float:
    """Share of the learning rate: a warm-up of 100 steps, then half a cosine."""
    return float(min(1.0, (step + 1) / 100) * (1 + np.cos(np.pi * spent)) / 2)


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def begun_weights(path: Path, member: int) -> dict[str, Tensor]:
    """Weights of one network of a written file; those of the body's curves are not in it.

    Parameters
    ----------
    member : index of the network to train. Where the file has fewer networks, they are used again
        from the first: another seed then trains them to other weights.

    Raises
    ------
    ModelArtifactError
        If the file is missing, or is not one of segmentation networks.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            members = {name.split("/", 1)[0] for name in archive.files if "/" in name}
            if not members:
                raise ModelArtifactError(f"{path}: expected a segmentation network, found none")
            prefix = f"{member % len(members)}/"
            names = [name for name in archive.files if name.startswith(prefix)]
            return {name[len(prefix) :]: torch.from_numpy(archive[name]) for name in names}
    except (OSError, ValueError) as error:
        raise ModelArtifactError(f"{path}: not a segmentation network: {error}") from error


def write_network(
    networks: Sequence[TorchSegmenter],
    config: SegmenterConfig,
    path: Path,
    sd_floor_s: Sequence[float] = (0.0,) * N_BOUNDARIES,
) -> None:
    """Write the weights of one or more networks for `tug.network.load_network`."""
    arrays = {
        f"{index}/{name}": value.detach().numpy().astype(np.float32)
        for index, network in enumerate(networks)
        for name, value in network.state_dict().items()
        if not name.startswith("curves.")
    }
    meta = {
        "members": len(networks),
        "dilations": list(config.dilations),
        "channels": config.channels,
        "n_features": N_FEATURES,
        "sub_cells": SUB_CELLS,
        "sd_floor_s": list(sd_floor_s),
    }
    with whole_file(path) as stream:
        np.savez_compressed(stream, meta=np.array(json.dumps(meta)), **arrays)  # type: ignore[arg-type]
