# SPDX-License-Identifier: Apache-2.0
"""Trains the network that tells which foot swings, on the simulator's foot contacts."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thermal_pose.clinical.tug.features import (
    CELL_S,
    N_FEATURES,
    CellGrid,
    cell_grid,
    grid_features,
)
from thermal_pose.clinical.tug.gait import swing_spans
from thermal_pose.clinical.tug.gait_network import GaitNetwork
from thermal_pose.clinical.tug.network import SUB_CELLS
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import follow_subject
from thermal_pose.lab.learning.tug.corpus import IMAGE_WH
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial
from thermal_pose.lab.learning.tug.segmenter import SegmenterBlock
from thermal_pose.lab.metrics.agreement import boundaries_s
from thermal_pose.skeleton import MIRROR
from thermal_pose.types import NS_PER_S, BoolArray, Float64Array

#: Contacts are certain to about this much at 1/32 s: labels ramp over it, s.
SOFTNESS_S = 0.03
_LEARNING_RATE = 3e-3
#: Features (T, F) and labels (T, 2, S).
Sample = tuple[Float64Array, Float64Array]


@dataclass(frozen=True)
class GaitTrial:
    """A trial's keypoints with the true swings of both feet.

    Attributes
    ----------
    times_s : (N,); xy : (N, 17, 2) px at reference width; scores : (N, 17).
    swings : per leg, (K, 2) lift and contact on the same clock.
    walk_s : from standing to the turn before the chair.
    """

    times_s: Float64Array
    xy: Float64Array
    scores: Float64Array
    swings: tuple[Float64Array, Float64Array]
    walk_s: tuple[float, float]


def gait_trial(trial: KeypointTrial) -> GaitTrial | None:
    """The trial with its swings; None where the truth does not have them."""
    swings = trial.conditions.get("swings_s")
    if not trial.truth.valid or not swings:
        return None
    track = follow_subject(list(trial.frames), TugParams())
    shift_s = (trial.truth.origin_ns - int(track.stamps_ns[0])) / NS_PER_S
    edges = boundaries_s(trial.truth) + shift_s
    legs = tuple(
        np.array([s[1:] for s in swings if s[0] == leg], dtype=np.float64).reshape(-1, 2) + shift_s
        for leg in (0, 1)
    )
    width = float(trial.frames[0].image_wh[0])
    xy = track.xy * (80.0 / width)
    return GaitTrial(
        track.stamps_s, xy, track.scores, (legs[0], legs[1]), (float(edges[1]), float(edges[4]))
    )


class TorchGait(nn.Module):
    """The network of `clinical.tug.gait_network.GaitNetwork`; see there."""

    def __init__(
        self,
        channels: int,
        dilations: Sequence[int],
        dropout: float = 0.1,
        n_features: int = N_FEATURES,
    ) -> None:
        super().__init__()
        self.stem = nn.Linear(n_features, channels)
        self.blocks = nn.ModuleList([SegmenterBlock(channels, d, dropout) for d in dilations])
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, 2 * SUB_CELLS)
        self.drop = nn.Dropout1d(dropout)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return logits (N, T, 2, S) of padded features (N, T, F); mask (N, T, 1)."""
        hidden = self.stem(self.drop(features.transpose(1, 2)).transpose(1, 2))
        for block in self.blocks:
            hidden = block(hidden, mask)
        logits: Tensor = self.head(self.norm(hidden))
        return logits.view(*logits.shape[:2], 2, SUB_CELLS)


def gait_sample(trial: GaitTrial, rng: np.random.Generator) -> Sample:
    """Features (T, F) and labels (T, 2, S): share of swinging; NaN outside the walk."""
    varied, _, _ = varied_gait(trial, rng)
    grid, labels = labelled_grid(varied, shift=float(rng.random()))
    return grid_features(grid), labels


def varied_gait(trial: GaitTrial, rng: np.random.Generator) -> tuple[GaitTrial, bool, BoolArray]:
    """Return a variation of a trial, whether it is mirrored, and (N,) the frames it keeps."""
    xy, scores, swings = trial.xy, trial.scores, trial.swings
    mirrored = bool(rng.random() < 0.5)
    if mirrored:
        xy = xy[:, MIRROR] * np.array([-1.0, 1.0]) + np.array([79.0, 0.0])
        scores, swings = scores[:, MIRROR], (swings[1], swings[0])
    xy = xy * rng.uniform(0.93, 1.07) + rng.normal(0, 2.0, 2)
    if rng.random() < 0.5:
        xy = xy + rng.normal(0, rng.uniform(0, 0.5), xy.shape)
    keep = rng.random(len(xy)) >= (0.2 * rng.random() ** 2 if rng.random() < 0.4 else 0.0)
    keep[:2] = True
    varied = GaitTrial(trial.times_s[keep], xy[keep], scores[keep], swings, trial.walk_s)
    return varied, mirrored, keep


def labelled_grid(trial: GaitTrial, shift: float) -> tuple[CellGrid, Float64Array]:
    """Return a trial in cells and its labels (T, 2, S) as `gait_sample` does."""
    grid = cell_grid(trial.times_s, trial.xy, trial.scores, IMAGE_WH, shift=shift)
    middles_s = grid.start_s + (np.arange(grid.n_cells * SUB_CELLS) + 0.5) * CELL_S / SUB_CELLS
    labels = np.stack([_swinging(middles_s, leg) for leg in trial.swings], axis=1)
    labels[(middles_s < trial.walk_s[0]) | (middles_s > trial.walk_s[1])] = np.nan
    return grid, labels.reshape(grid.n_cells, SUB_CELLS, 2).transpose(0, 2, 1)


def _swinging(times_s: Float64Array, swings: Float64Array) -> Float64Array:
    """(M,) 1 within a swing, 0 in stance, ramping over `SOFTNESS_S`."""
    inside = np.zeros(len(times_s))
    for lift_s, land_s in swings:
        edge = np.minimum(times_s - lift_s, land_s - times_s)
        inside = np.maximum(inside, np.clip(0.5 + edge / (2 * SOFTNESS_S), 0.0, 1.0))
    return inside


def train_gait(
    trials: Sequence[Any],
    steps: int,
    network: TorchGait,
    batch: int = 16,
    report: Callable[[int, float], None] = lambda step, loss: None,
    sample: Callable[[Any, np.random.Generator], Sample] = gait_sample,
    seed: int = 0,
) -> TorchGait:
    """Train on random variations of trials; return the network after the last step.

    Parameters
    ----------
    trials : of the kind that `sample` takes.
    report : called every 50 steps with the step and the mean loss since.
    sample : draws features (T, F) and labels of one trial, see `gait_sample`.
    seed : of the trials' order and variations.
    """
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, steps)
    losses = []
    for step in range(steps):
        chosen = [sample(trials[int(rng.integers(len(trials)))], rng) for _ in range(batch)]
        loss = _batch_loss(network, chosen)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if (step + 1) % 50 == 0:
            report(step + 1, float(np.mean(losses[-50:])))
    return network.eval()


def _batch_loss(network: TorchGait, samples: Sequence[Sample]) -> Tensor:
    longest = max(len(features) for features, _ in samples)
    n_features = samples[0][0].shape[1]
    features = np.zeros((len(samples), longest, n_features), dtype=np.float32)
    labels = np.full((len(samples), longest, 2, SUB_CELLS), np.nan, dtype=np.float32)
    mask = np.zeros((len(samples), longest, 1), dtype=np.float32)
    for row, (values, wanted) in enumerate(samples):
        n = len(values)
        features[row, :n], labels[row, :n], mask[row, :n] = values, wanted, 1.0
    logits = network(torch.from_numpy(features), torch.from_numpy(mask))
    target = torch.from_numpy(labels)
    known = torch.isfinite(target)
    each = nn.functional.binary_cross_entropy_with_logits(
        logits, torch.nan_to_num(target), reduction="none"
    )
    return (each * known).sum() / known.sum().clamp(min=1)


def write_gait_network(
    networks: Sequence[TorchGait], dilations: Sequence[int], contact_sd_s: float, path: Path
) -> None:
    """Write the weights for `clinical.tug.gait_network.load_gait_network`."""
    arrays = {
        f"{member}/{name}": value.detach().numpy().astype(np.float32)
        for member, network in enumerate(networks)
        for name, value in network.state_dict().items()
    }
    meta = {
        "members": len(networks),
        "n_features": N_FEATURES,
        "sub_cells": SUB_CELLS,
        "dilations": list(dilations),
        "contact_sd_s": round(contact_sd_s, 4),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, meta=np.array(json.dumps(meta)), **arrays)  # type: ignore[arg-type]


def contact_errors_s(trials: Iterable[KeypointTrial], network: GaitNetwork) -> Float64Array:
    """Errors of foot contacts in the walks: each true landing against the nearest found one."""
    errors = []
    for trial in trials:
        swings = trial.conditions.get("swings_s")
        if not trial.truth.valid or not swings:
            continue
        track = follow_subject(list(trial.frames), TugParams())
        shift_s = (trial.truth.origin_ns - int(track.stamps_ns[0])) / NS_PER_S
        edges = boundaries_s(trial.truth) + shift_s
        found = swing_spans(track, trial.frames[0].image_wh, network)
        for side, _, land_s in swings:
            time_s, landings = land_s + shift_s, np.array([span[1] for span in found[side]])
            if landings.size and edges[1] < time_s < edges[4]:
                nearest = float((landings - time_s)[np.argmin(np.abs(landings - time_s))])
                if abs(nearest) < 0.4:
                    errors.append(nearest)
    return np.array(errors)
