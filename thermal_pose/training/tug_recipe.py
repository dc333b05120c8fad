# SPDX-License-Identifier: Apache-2.0
"""From motions and keypoint files to the two shipped networks of the TUG and their card."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from thermal_pose.training.tug_corpus import MotionTrial, ObservedTrial, network_sample
from thermal_pose.training.tug_live import IGNORED, live_sample, train_live, write_live_network
from thermal_pose.training.tug_recorded import SampleSource, read_recorded
from thermal_pose.training.tug_segmenter import (
    SegmenterConfig,
    TorchSegmenter,
    train_segmenter,
    write_network,
)
from thermal_pose.tug.decode import ordered_posteriors, quantile_s
from thermal_pose.tug.features import CELL_S
from thermal_pose.tug.network import SUB_CELLS, load_network

SEGMENTER_FILE, LIVE_FILE, CARD_FILE = "tug_segmenter.npz", "tug_live.npz", "tug_segmenter.json"
#: One trial in so many is held out, and measured on.
HELD_OUT_EVERY = 12


@dataclass(frozen=True)
class TugRecipe:
    """How both networks are trained.

    Attributes
    ----------
    steps, batch, channels, learning_rate : of each segmentation network.
    members : networks whose distributions are averaged.
    limit_s : for all segmentation networks together.
    workers : processes that draw samples.
    initial : file of networks to go on from; '' begins anew.
    live_samples, live_steps : of the causal network.
    """

    steps: int = 4000
    batch: int = 24
    channels: int = 64
    members: int = 1
    limit_s: float = float("inf")
    workers: int = 0
    initial: str = ""
    learning_rate: float = 3e-3
    live_samples: int = 1200
    live_steps: int = 1500


def run_recipe(
    recipe: TugRecipe, motions: Sequence[MotionTrial], paths: Sequence[Path], out_dir: Path
) -> dict[str, Any]:
    """Train, write networks and card to `out_dir`, return the card."""
    recorded = tuple(read_recorded(paths))
    source = SampleSource(_kept(motions), _kept(recorded))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = SegmenterConfig(
        channels=recipe.channels,
        steps=recipe.steps,
        batch=recipe.batch,
        learning_rate=recipe.learning_rate,
        average=0.995,
    )
    networks: list[TorchSegmenter] = []
    for member in range(recipe.members):
        networks.append(
            train_segmenter(
                source,
                replace(config, seed=member),
                _report,
                recipe.limit_s / recipe.members,
                recipe.workers,
                device,
                _initial(recipe, member),
            )
        )
    write_network(networks, config, out_dir / SEGMENTER_FILE)
    _train_live(recipe, source, out_dir / LIVE_FILE)
    held_out = SampleSource(_held_out(motions), _held_out(recorded))
    card = _card(recipe, motions, recorded, held_out, out_dir)
    (out_dir / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n")
    return card


def _initial(recipe: TugRecipe, member: int) -> dict[str, torch.Tensor] | None:
    if not recipe.initial:
        return None
    members = load_network(Path(recipe.initial)).members
    weights = members[member % len(members)]
    return {name: torch.from_numpy(value).float() for name, value in weights.items()}


def _kept(trials: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(t for k, t in enumerate(trials) if k % HELD_OUT_EVERY)


def _held_out(trials: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(trials[::HELD_OUT_EVERY])


def _report(step: int, loss: float, seconds: float) -> None:
    if step % 500 == 0:
        print(f"step {step}: loss {loss:.3f}, {seconds:.0f} s", flush=True)


def _train_live(recipe: TugRecipe, source: SampleSource, path: Path) -> None:
    rng = np.random.default_rng(0)
    # Long rests, so that sitting for a minute is not taken for the end of a test.
    samples = [live_sample(source.observed(rng, 40.0)) for _ in range(recipe.live_samples)]
    usable = [sample for sample in samples if (sample[1] != IGNORED).any()]
    write_live_network(train_live(usable, steps=recipe.live_steps), path)


def _card(
    recipe: TugRecipe,
    motions: Sequence[MotionTrial],
    recorded: Sequence[ObservedTrial],
    held_out: SampleSource,
    out_dir: Path,
) -> dict[str, Any]:
    path = out_dir / SEGMENTER_FILE
    errors = held_out_errors_s(held_out, path)
    totals = errors[:, -1] - errors[:, 0]
    settings = asdict(recipe)
    if not np.isfinite(recipe.limit_s):
        settings["limit_s"] = None
    return {
        "file": SEGMENTER_FILE,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "live_file": LIVE_FILE,
        "live_sha256": hashlib.sha256((out_dir / LIVE_FILE).read_bytes()).hexdigest(),
        "data": "simulated motion and keypoints of development seeds (0 to 999)",
        "n_motions": len(motions),
        "n_recorded": len(recorded),
        "recipe": settings,
        "n_held_out": len(errors),
        "boundary_mae_s": round(float(np.abs(errors).mean()), 4),
        "total_mae_s": round(float(np.abs(totals).mean()), 4),
    }


def held_out_errors_s(
    source: SampleSource, path: Path, n_samples: int = 300
) -> np.ndarray[Any, Any]:
    """(K, 7) errors of the boundaries of whole trials drawn from a source, s."""
    network = load_network(path)
    rng = np.random.default_rng(1)
    step_s = CELL_S / SUB_CELLS
    rows = []
    for _ in range(n_samples):
        features, position, _ = network_sample(source.observed(rng), rng)
        if np.isfinite(position).all():
            density, _ = network(features.astype(np.float64))
            posterior = ordered_posteriors(density, step_s)
            rows.append(quantile_s(posterior, 0.0, step_s, 0.5) - position * step_s)
    return np.stack(rows)
