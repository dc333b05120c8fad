# SPDX-License-Identifier: Apache-2.0
"""Train the causal network that estimates the phase while the test is under way."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from thermal_pose.clinical.tug.live_network import N_LIVE_FEATURES, N_STATES, LiveFeatures
from thermal_pose.files import whole_file
from thermal_pose.lab.learning.tug.corpus import IMAGE_WH, ObservedTrial

LiveSample = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]

#: Label of frames with an unknown state; they do not count.
IGNORED = -100


class TorchLiveNetwork(nn.Module):
    """The network of `tug.live_network.LiveNetwork`; see there."""

    def __init__(self, n_hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(N_LIVE_FEATURES, n_hidden, batch_first=True)
        self.head = nn.Linear(n_hidden, N_STATES)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, T, 8) of features (N, T, F)."""
        hidden, _ = self.gru(features)
        return self.head(hidden)


def live_sample(trial: ObservedTrial) -> LiveSample:
    """Return features (T, F) of each frame and its state (T,), 0 to 7, or `IGNORED`."""
    features = LiveFeatures(IMAGE_WH)
    steps_s = np.diff(trial.times_s, prepend=trial.times_s[0])
    rows = [
        features.step(xy, scores, float(step_s))
        for xy, scores, step_s in zip(trial.xy, trial.scores, steps_s, strict=True)
    ]
    return np.stack(rows).astype(np.float32), states_at(trial.times_s, trial.boundaries_s)


def states_at(
    times_s: npt.NDArray[np.float64], boundaries_s: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """(N,) number of boundaries before each time; `IGNORED` where not all are known.

    Boundaries that the recording ends before are taken as later than all frames.
    """
    known = np.isfinite(boundaries_s)
    if np.isinf(boundaries_s).any() or (not known[0] and known.any()):
        return np.full(len(times_s), IGNORED, dtype=np.int64)
    if not known.any():
        return np.full(len(times_s), IGNORED, dtype=np.int64)
    edges = np.where(known, boundaries_s, np.inf)
    return np.searchsorted(edges, times_s, side="right").astype(np.int64)


def train_live(
    samples: Sequence[LiveSample],
    n_hidden: int = 48,
    steps: int = 2000,
    batch: int = 16,
    learning_rate: float = 4e-3,
    seed: int = 0,
    report: Callable[[int, float, float], None] = lambda step, loss, seconds: None,
) -> TorchLiveNetwork:
    """Train with AdamW on samples drawn at random, cosine schedule.

    Parameters
    ----------
    report : called every 50 steps with step, mean loss and seconds so far.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = TorchLiveNetwork(n_hidden)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    ordered = sorted(samples, key=lambda sample: len(sample[1]))
    started, losses = time.monotonic(), list[float]()
    for step in range(steps):
        # Neighbours in length, so that little of a batch is padding.
        first = int(rng.integers(0, max(1, len(ordered) - batch + 1)))
        chosen = ordered[first : first + batch]
        longest = max(len(labels) for _, labels in chosen)
        features = np.zeros((len(chosen), longest, N_LIVE_FEATURES), dtype=np.float32)
        labels = np.full((len(chosen), longest), IGNORED, dtype=np.int64)
        for row, (values, states) in enumerate(chosen):
            features[row, : len(values)], labels[row, : len(values)] = values, states
        logits = network(torch.from_numpy(features))
        loss = nn.functional.cross_entropy(
            logits.reshape(-1, N_STATES), torch.from_numpy(labels).reshape(-1)
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if (step + 1) % 50 == 0:
            report(step + 1, float(np.mean(losses[-50:])), time.monotonic() - started)
    return network.eval()


def write_live_network(network: TorchLiveNetwork, path: Path) -> None:
    """Write the weights for `tug.live_network.load_live_network`."""
    arrays = {k: v.detach().numpy().astype(np.float32) for k, v in network.state_dict().items()}
    meta = json.dumps({"n_live_features": N_LIVE_FEATURES})
    with whole_file(path) as stream:
        np.savez_compressed(stream, meta=np.array(meta), **arrays)  # type: ignore[arg-type]
