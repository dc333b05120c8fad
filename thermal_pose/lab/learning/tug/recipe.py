# SPDX-License-Identifier: Apache-2.0
"""From motions and keypoint files to the two shipped networks of the TUG and their card."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from thermal_pose.clinical.tug.decode import ordered_posteriors, quantile_s
from thermal_pose.clinical.tug.features import CELL_S
from thermal_pose.clinical.tug.network import SUB_CELLS, load_network
from thermal_pose.digest import sha256_of
from thermal_pose.files import write_whole
from thermal_pose.jobs import map_jobs
from thermal_pose.lab.learning.tug.corpus import MotionTrial, ObservedTrial, network_sample
from thermal_pose.lab.learning.tug.live import IGNORED, live_sample, train_live, write_live_network
from thermal_pose.lab.learning.tug.recorded import LONG_REST_S, SampleSource, read_recorded
from thermal_pose.lab.learning.tug.segmenter import (
    SegmenterConfig,
    TorchSegmenter,
    start_weights,
    train_segmenter,
    write_network,
)

SEGMENTER_FILE, LIVE_FILE, CARD_FILE = "tug_segmenter.npz", "tug_live.npz", "tug_segmenter.json"


@dataclass(frozen=True)
class TugRecipe:
    """How both networks are trained; as it stands here, those that ship were.

    Attributes
    ----------
    held_out : seeds excluded from training; the card reports the timing errors of their trials.
    steps, batch, channels, learning_rate, average : of each segmentation network.
    members : number of networks to average; each one's index is its seed.
    long_share : of samples with a long rest before the test.
    live_hidden, live_samples, live_steps : of the causal network; 0 steps keep the one there is.
    start : network file that each member starts from; '' starts from random weights.
    """

    held_out: tuple[int, ...] = (77, 78)
    steps: int = 4000
    batch: int = 16
    channels: int = 64
    members: int = 2
    learning_rate: float = 3e-3
    average: float = 0.995
    long_share: float = 0.08
    live_hidden: int = 64
    live_samples: int = 2400
    live_steps: int = 3000
    start: str = ""


def run_recipe(
    recipe: TugRecipe,
    motions: Sequence[MotionTrial],
    paths: Sequence[Path],
    out_dir: Path,
    jobs: int = 1,
) -> dict[str, Any]:
    """Train, write networks and card to `out_dir`, return the card.

    Parameters
    ----------
    motions, paths : simulated motions, and keypoint files of development seeds.
    jobs : networks trained at a time, each on one processor; changes no result.
    """
    recorded = read_recorded(paths)
    kept = tuple(trial for seed, trial in recorded if seed not in recipe.held_out)
    source = SampleSource(tuple(motions), kept, long_share=recipe.long_share)
    _train_all(recipe, source, out_dir, jobs)
    held_out = tuple(trial for seed, trial in recorded if seed in recipe.held_out)
    counts = {"n_motions": len(motions), "n_recorded": len(kept), "n_held_out": len(held_out)}
    seeds = sorted({seed for seed, _ in recorded} - set(recipe.held_out))
    card = _card(recipe, counts, seeds, out_dir) | _held_out_figures(held_out, out_dir)
    write_whole(out_dir / CARD_FILE, json.dumps(card, indent=2) + "\n")
    return card


def keep_live_network(source: Path, out_dir: Path) -> None:
    """Copy the causal network, which a training that goes on from another does not change."""
    out_dir.mkdir(parents=True, exist_ok=True)
    if source.resolve() != out_dir.resolve():
        shutil.copyfile(source / LIVE_FILE, out_dir / LIVE_FILE)


def _config(recipe: TugRecipe, seed: int) -> SegmenterConfig:
    return SegmenterConfig(
        channels=recipe.channels,
        steps=recipe.steps,
        batch=recipe.batch,
        learning_rate=recipe.learning_rate,
        average=recipe.average,
        seed=seed,
    )


def _train_all(recipe: TugRecipe, source: SampleSource, out_dir: Path, jobs: int) -> None:
    """Train the members and the causal network, and write both files."""
    live_path = out_dir / LIVE_FILE
    calls: list[tuple[Any, ...]] = [(_member, recipe, source, k) for k in range(recipe.members)]
    if recipe.live_steps:
        calls.append((_train_live, recipe, source, live_path))
    states = list(map_jobs(_call, calls, jobs, ordered=True))[: recipe.members]
    networks = []
    for state in states:
        networks.append(TorchSegmenter(_config(recipe, 0)))
        networks[-1].load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})
    write_network(networks, _config(recipe, 0), out_dir / SEGMENTER_FILE)


def _call(function: Callable[..., Any], *arguments: object) -> Any:
    return function(*arguments)


def _member(recipe: TugRecipe, source: SampleSource, seed: int) -> dict[str, Any]:
    """Weights of one network, by name."""
    _one_thread()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    start = start_weights(Path(recipe.start), seed) if recipe.start else None
    network = train_segmenter(source, _config(recipe, seed), _report, device=device, start=start)
    return {name: value.numpy() for name, value in network.state_dict().items()}


def _one_thread() -> None:
    """Sums of several threads come out in any order; those of one are the same each time."""
    torch.set_num_threads(1)


def _report(step: int, loss: float, seconds: float) -> None:
    if step % 500 == 0:
        print(f"step {step}: loss {loss:.3f}, {seconds:.0f} s", flush=True)


def _train_live(recipe: TugRecipe, source: SampleSource, path: Path) -> None:
    _one_thread()
    rng = np.random.default_rng(0)
    # Long rests, so that sitting for a minute is not mistaken for the end of a test.
    samples = [live_sample(source.observed(rng, LONG_REST_S)) for _ in range(recipe.live_samples)]
    usable = [sample for sample in samples if (sample[1] != IGNORED).any()]
    network = train_live(usable, recipe.live_hidden, recipe.live_steps)
    write_live_network(network, path)


def _card(
    recipe: TugRecipe, counts: dict[str, int], seeds: Sequence[int], out_dir: Path
) -> dict[str, Any]:
    return {
        "file": SEGMENTER_FILE,
        "sha256": sha256_of(out_dir / SEGMENTER_FILE),
        "live_file": LIVE_FILE,
        "live_sha256": sha256_of(out_dir / LIVE_FILE),
        "start_sha256": sha256_of(Path(recipe.start)) if recipe.start else "",
        "data": "simulated; keypoints of cohorts by the shipped detector and pose model, and "
        "motions with a noise model where `n_motions` says so",
        "seeds": list(seeds),
        **counts,
        "recipe": asdict(recipe) | {"held_out": list(recipe.held_out)},
    }


def _held_out_figures(held_out: Sequence[ObservedTrial], out_dir: Path) -> dict[str, float | None]:
    """Errors of held-out trials, varied as in training; None if there are none."""
    if not any(np.isfinite(trial.boundaries_s).all() for trial in held_out):
        return {"boundary_mae_s": None, "total_mae_s": None}
    errors = held_out_errors_s(SampleSource((), tuple(held_out)), out_dir / SEGMENTER_FILE)
    totals = errors[:, -1] - errors[:, 0]
    return {
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
