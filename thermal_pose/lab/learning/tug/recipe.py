# SPDX-License-Identifier: Apache-2.0
"""From motions and keypoint files to the three kinds of shipped networks of the TUG and their card.

The segmentation networks may learn on from earlier ones, which the card names; the others start
from random weights. Nothing else but the recipe and the keypoint files counts.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from thermal_pose.clinical.tug.decode import central_mean_s, ordered_posteriors
from thermal_pose.clinical.tug.features import CELL_S
from thermal_pose.clinical.tug.gait_network import load_gait_network
from thermal_pose.clinical.tug.network import SUB_CELLS, load_network
from thermal_pose.digest import sha256_of
from thermal_pose.files import write_whole
from thermal_pose.jobs import map_jobs
from thermal_pose.lab.learning.tug.corpus import MotionTrial, ObservedTrial, network_sample
from thermal_pose.lab.learning.tug.development import IRREGULAR, is_held_out
from thermal_pose.lab.learning.tug.gait import (
    TorchGait,
    contact_errors_s,
    gait_trial,
    train_gait,
    write_gait_network,
)
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial
from thermal_pose.lab.learning.tug.live import IGNORED, live_sample, train_live, write_live_network
from thermal_pose.lab.learning.tug.recorded import (
    LONG_REST_S,
    SampleSource,
    observed_trials,
    read_development,
)
from thermal_pose.lab.learning.tug.segmenter import (
    SegmenterConfig,
    TorchSegmenter,
    begun_weights,
    train_segmenter,
    write_network,
)

SEGMENTER_FILE, LIVE_FILE, CARD_FILE = "tug_segmenter.npz", "tug_live.npz", "tug_segmenter.json"
GAIT_FILE = "tug_gait.npz"
_GAIT_DILATIONS = (1, 2, 4, 8)
_Network = TypeVar("_Network", bound=nn.Module)


@dataclass(frozen=True)
class TugRecipe:
    """How the networks are trained; the defaults are those of the shipped networks.

    Attributes
    ----------
    steps, batch, channels, learning_rate, average : of each segmentation network.
    members : number of networks to average; each one's index is its seed.
    start : first hex digits of the sha256 of the networks that the members begin as; '' for random
        weights.
    recorded_share : of samples that come from keypoint files, if there are motions.
    patient_share : of these, those of patients, who sit and move as recorded people do.
    long_share : of samples with a long rest before the test.
    warp : largest standard deviation of the logarithm of pace within a trial (`warp`).
    sd_floor_s : (7,) uncertainty that the network's own distributions lack, s. Fitted to recorded
        motion by `thermal-pose evaluate-tug --motion` (`fitted_floor_s`).
    live_hidden, live_samples, live_steps : of the causal network.
    gait_steps, gait_channels, gait_members : of the networks of foot contacts.
    """

    steps: int = 4000
    batch: int = 16
    channels: int = 64
    members: int = 3
    start: str = "72edf68391c5"
    learning_rate: float = 1e-3
    average: float = 0.99
    recorded_share: float = 0.65
    patient_share: float = 0.55
    long_share: float = 0.08
    warp: float = 0.3
    sd_floor_s: tuple[float, ...] = (0.04, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    live_hidden: int = 64
    live_samples: int = 1600
    live_steps: int = 1500
    gait_steps: int = 8000
    gait_channels: int = 48
    gait_members: int = 3


def run_recipe(
    recipe: TugRecipe,
    motions: Sequence[MotionTrial],
    paths: Sequence[Path],
    out_dir: Path,
    jobs: int = 1,
    start: Path | None = None,
) -> dict[str, Any]:
    """Train, write networks and card to `out_dir`, return the card.

    Parameters
    ----------
    motions, paths : simulated motions, and keypoint files of development seeds.
    jobs : networks trained at a time, each on one processor; changes no result.
    start : the segmentation networks to begin with; random weights if None.
    """
    recipe = replace(recipe, start=sha256_of(start)[:12] if start else "")
    trials = read_development(paths)
    kept = [trial for trial in trials if not is_held_out(trial.conditions["case"])]
    held_out = [trial for trial in trials if is_held_out(trial.conditions["case"])]
    source = SampleSource(
        tuple(motions),
        observed_trials([trial for trial in kept if not _is_patient(trial)]),
        recipe.recorded_share,
        recipe.long_share,
        recipe.warp,
        observed_trials([trial for trial in kept if _is_patient(trial)]),
        recipe.patient_share,
    )
    _train_all(_Work(recipe, source, kept, held_out, start), out_dir, jobs)
    left_out = observed_trials(held_out)
    counts = {
        "n_motions": len(motions),
        "n_recorded": len(source.recorded) + len(source.patients),
        "n_held_out": len(left_out),
    }
    seeds = sorted({int(trial.conditions["case"]["seed"]) for trial in kept})
    models = sorted({trial.frames[0].model_id for trial in kept if trial.frames})
    card = _card(recipe, counts, seeds, out_dir) | {"pose_models": models}
    card |= _held_out_figures(left_out, out_dir)
    write_whole(out_dir / CARD_FILE, json.dumps(card, indent=2) + "\n")
    return card


def _is_patient(trial: KeypointTrial) -> bool:
    return trial.conditions["case"].get("preset") in IRREGULAR


def _config(recipe: TugRecipe, seed: int) -> SegmenterConfig:
    return SegmenterConfig(
        channels=recipe.channels,
        steps=recipe.steps,
        batch=recipe.batch,
        learning_rate=recipe.learning_rate,
        average=recipe.average,
        seed=seed,
    )


@dataclass(frozen=True)
class _Work:
    """What all networks are trained from."""

    recipe: TugRecipe
    source: SampleSource
    kept: Sequence[KeypointTrial]
    held_out: Sequence[KeypointTrial]
    start: Path | None


def _train_all(work: _Work, out_dir: Path, jobs: int) -> None:
    """Train all networks, the causal one and those of foot contacts too, and write their files."""
    recipe, source = work.recipe, work.source
    calls: list[tuple[Any, ...]] = [
        (_member, recipe, source, k, work.start) for k in range(recipe.members)
    ]
    calls.append((_train_live, recipe, source, out_dir / LIVE_FILE))
    calls += [(_gait_member, recipe, work.kept, k) for k in range(recipe.gait_members)]
    states = list(map_jobs(_call, calls, jobs, ordered=True))
    config = _config(recipe, 0)
    networks = [_restored(TorchSegmenter(config), state) for state in states[: recipe.members]]
    write_network(networks, config, out_dir / SEGMENTER_FILE, recipe.sd_floor_s)
    walkers = [
        _restored(TorchGait(recipe.gait_channels, _GAIT_DILATIONS), state)
        for state in states[recipe.members + 1 :]
    ]
    _write_gait(walkers, work.held_out, out_dir / GAIT_FILE)


def _restored(network: _Network, state: dict[str, Any]) -> _Network:
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return network.eval()


def _state(network: nn.Module) -> dict[str, Any]:
    """Weights by name, as they travel between processes."""
    return {name: value.numpy() for name, value in network.state_dict().items()}


def _call(function: Callable[..., Any], *arguments: object) -> Any:
    return function(*arguments)


def _member(
    recipe: TugRecipe, source: SampleSource, seed: int, start: Path | None
) -> dict[str, Any]:
    """Weights of one network, by name."""
    _one_thread()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    begun = begun_weights(start, seed) if start else None
    network = train_segmenter(source, _config(recipe, seed), _report, device=device, begun=begun)
    return _state(network)


def _one_thread() -> None:
    """Use one thread: sums over several threads depend on their timing."""
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


def _gait_member(recipe: TugRecipe, kept: Sequence[KeypointTrial], seed: int) -> dict[str, Any]:
    """Weights of one network of foot contacts, by name."""
    _one_thread()
    trials = [trial for trial in map(gait_trial, kept) if trial is not None]
    if not trials:
        raise ValueError("keypoints: expected trials with foot contacts, got none")
    torch.manual_seed(seed)
    network = TorchGait(recipe.gait_channels, _GAIT_DILATIONS)
    return _state(train_gait(trials, recipe.gait_steps, network, seed=seed))


def _write_gait(
    networks: Sequence[TorchGait], held_out: Sequence[KeypointTrial], path: Path
) -> None:
    """Write the networks; the uncertainty of contacts is that of people who were held out."""
    write_gait_network(networks, _GAIT_DILATIONS, 0.0, path)
    errors_s = contact_errors_s(held_out, load_gait_network(path))
    sd_s = float(np.sqrt(np.mean(errors_s**2))) if errors_s.size else 0.1
    write_gait_network(networks, _GAIT_DILATIONS, sd_s, path)


def _card(
    recipe: TugRecipe, counts: dict[str, int], seeds: Sequence[int], out_dir: Path
) -> dict[str, Any]:
    return {
        "file": SEGMENTER_FILE,
        "sha256": sha256_of(out_dir / SEGMENTER_FILE),
        "live_file": LIVE_FILE,
        "live_sha256": sha256_of(out_dir / LIVE_FILE),
        "gait_file": GAIT_FILE,
        "gait_sha256": sha256_of(out_dir / GAIT_FILE),
        "data": "simulated; keypoints of cohorts by the shipped detector and pose model, and "
        "motions with a noise model where `n_motions` says so",
        "seeds": list(seeds),
        **counts,
        "recipe": asdict(recipe) | {"sd_floor_s": list(recipe.sd_floor_s)},
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
            rows.append(central_mean_s(posterior, 0.0, step_s) - position * step_s)
    return np.stack(rows)
