# SPDX-License-Identifier: Apache-2.0
"""Compare gait read from keypoints alone with gait read from the pose model's heatmaps as well.

One network learns foot contacts from the same samples, once from the keypoints and once for each
set of heatmap features beside them. It is judged on people who are left out of training.

example:
  thermal-pose evaluate-tug --keypoints out/tug-development --development --frames-only
  python scripts/gait_features.py out/tug-development/frames --features out/gait-features \\
      --out docs/results/gait_features.json
"""

import argparse
import itertools
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from thermal_pose.clinical.tug.features import (
    CELL_S,
    N_FEATURES,
    CellGrid,
    grid_features,
    track_grid,
)
from thermal_pose.clinical.tug.gait import LEGS, gait_parameters, swing_spans
from thermal_pose.clinical.tug.gait_network import GaitNetwork, shipped_gait_network
from thermal_pose.files import write_whole
from thermal_pose.lab.evaluation.labelled.resampling import (
    SceneDraws,
    difference,
    figure,
    one_line_each,
)
from thermal_pose.lab.learning.fitting.run_log import git_hash
from thermal_pose.lab.learning.tug.gait import (
    Sample,
    TorchGait,
    labelled_grid,
    train_gait,
    varied_gait,
)
from thermal_pose.lab.learning.tug.recipe import TugRecipe
from thermal_pose.lab.metrics.agreement import icc_a1
from thermal_pose.types import Float64Array, FloatArray

sys.path.insert(0, str(Path(__file__).parent))
from gait_maps import N_SHAPE, N_WINDOWS, LegTrial, kept_trials, load_trial

#: Input -> number of heatmap features beside the keypoints, and what is added to the seed.
INPUTS = {
    "keypoints": (0, 0),
    "keypoints, another seed": (0, 1),
    "with shapes": (N_SHAPE, 0),
    "with shapes and windows": (N_SHAPE + N_WINDOWS, 0),
}
BASE = "keypoints"
#: Training sees this many cells before and after the walks.
MARGIN_CELLS = 24
#: Share of the walks' time in which a foot is rightly said to stand or swing.
ACCURACY = "contact_accuracy"
#: Measure -> names of its gait parameters; both legs count.
MEASURES = {
    f"{kind}_time_s": [f"{kind}_time_{leg}_s" for leg in LEGS]
    for kind in ("stance", "swing", "stride", "step")
} | {name: [name] for name in ("double_support_pct", "step_asymmetry_gait", ACCURACY)}
#: Values that a figure needs.
FEWEST = 10
FigureOf = Callable[[Float64Array, Float64Array], float]
#: Figures of a measure from truth and estimate (K,).
FIGURES: dict[str, FigureOf] = {
    "mae": lambda truth, read: float(np.abs(read - truth).mean()),
    "r": lambda truth, read: float(np.corrcoef(truth, read)[0, 1]),
    "icc": icc_a1,
}
SHARE: dict[str, FigureOf] = {"mean": lambda _, read: float(read.mean())}


def in_cells(grid: CellGrid, times_s: Float64Array, values: FloatArray) -> Float64Array:
    """Return the cells' means (T, E) of values (N, E); interpolated where no frame is."""
    cells = np.minimum(((times_s - grid.start_s) / CELL_S).astype(np.int64), grid.n_cells - 1)
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    counts = np.diff(starts, append=len(cells))
    means = np.add.reduceat(values.astype(np.float64), starts, axis=0) / counts[:, None]
    place = np.interp(np.arange(grid.n_cells), cells[starts], np.arange(len(starts)))
    before = place.astype(np.int64)
    after = np.minimum(before + 1, len(starts) - 1)
    share = (place - before)[:, None]
    return np.asarray((1 - share) * means[before] + share * means[after])


@dataclass(frozen=True)
class Scale:
    """Brings heatmap features to mean 0 and SD 1 over the frames of some trials."""

    mean: FloatArray
    sd: FloatArray

    @classmethod
    def of(cls, trials: Sequence[LegTrial]) -> "Scale":
        """Fit the scale."""
        values = np.concatenate([trial.legs for trial in trials])
        return cls(values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6))

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return scaled values (N, E), within five SD."""
        return np.clip((values - self.mean) / self.sd, -5.0, 5.0)


@dataclass
class Samples:
    """Random variations of trials, drawn for the first input and replayed for the others."""

    scale: Scale
    drawn: list[Sample] = field(default_factory=list)

    def of_width(self, width: int) -> Callable[[LegTrial, np.random.Generator], Sample]:
        """Return what gives the samples in turn, with their first `width` features."""
        turn = itertools.count()

        def sample(trial: LegTrial, rng: np.random.Generator) -> Sample:
            number = next(turn)
            if number == len(self.drawn):
                self.drawn.append(self._draw(trial, rng))
            features, labels = self.drawn[number]
            return features[:, :width], labels

        return sample

    def _draw(self, trial: LegTrial, rng: np.random.Generator) -> Sample:
        """Draw all features (T, F + E) and labels of a trial around its walks."""
        varied, mirrored, keep = varied_gait(trial.gait, rng)
        grid, labels = labelled_grid(varied, shift=float(rng.random()))
        legs = self.scale((trial.mirrored if mirrored else trial.legs)[keep])
        features = [grid_features(grid), in_cells(grid, varied.times_s, legs)]
        walked = np.flatnonzero(np.isfinite(labels).any(axis=(1, 2)))
        cut = slice(max(walked[0] - MARGIN_CELLS, 0), walked[-1] + MARGIN_CELLS)
        return np.concatenate(features, axis=1)[cut].astype(np.float32), labels[cut]


@dataclass(frozen=True)
class LegNetwork(GaitNetwork):
    """The gait network with the heatmap features (T, E) of one trial in cells."""

    legs: Float64Array = field(default_factory=lambda: np.zeros((0, 0)))

    def swinging(self, grid: CellGrid) -> Float64Array:
        """Return (T * S, 2) probabilities of swinging; heatmap features have no mirror image."""
        return self(grid_features(grid))

    def __call__(self, features: Float64Array) -> Float64Array:
        """Return (T * S, 2) probabilities of swinging."""
        return super().__call__(np.concatenate([features, self.legs], axis=1))


def trained(
    trials: Sequence[LegTrial], samples: Samples, n_legs: int, seed: int, steps: int
) -> GaitNetwork:
    """Train one network of the shipped size and return it for numpy."""
    torch.manual_seed(seed)
    dilations, width = shipped_gait_network().dilations, N_FEATURES + n_legs
    network = TorchGait(TugRecipe().gait_channels, dilations, n_features=width)
    train_gait(trials, steps, network, sample=samples.of_width(width))
    weights = {name: value.double().numpy() for name, value in network.state_dict().items()}
    kernels = {k: w.transpose(2, 1, 0) for k, w in weights.items() if k.endswith("conv.weight")}
    return GaitNetwork((weights | kernels,), dilations)  # kernels as `convolve` takes them


def read_gait(trial: LegTrial, network: GaitNetwork, scale: Scale, n_legs: int) -> dict[str, float]:
    """Return a trial's gait parameters by name, and the share of time with each foot right."""
    grid = track_grid(trial.track, trial.image_wh)
    legs = in_cells(grid, trial.track.stamps_s, scale(trial.legs))[:, :n_legs]
    seeing = LegNetwork(network.members, network.dilations, legs=legs)
    swings = swing_spans(trial.track, trial.image_wh, seeing)
    found = {name: p.mean for name, p in gait_parameters(swings, trial.walks_s, 0.0).items()}
    _, labels = labelled_grid(trial.gait, shift=0.5)
    wanted = labels.transpose(0, 2, 1).reshape(-1, 2)
    right = (seeing.swinging(grid) > 0.5) == (wanted > 0.5)
    return found | {ACCURACY: float(right[np.isfinite(wanted)].mean())}


def cross_validated(
    trials: Sequence[LegTrial], folds: int, steps: int, seed: int
) -> dict[str, list[dict[str, float]]]:
    """Return for each input what is read of each trial by a network that has not seen it."""
    found: dict[str, list[dict[str, float]]] = {name: [{} for _ in trials] for name in INPUTS}
    for fold in range(folds):
        kept = [trial for k, trial in enumerate(trials) if k % folds != fold]
        samples = Samples(Scale.of(kept))
        for name, (n_legs, more) in INPUTS.items():
            network = trained(kept, samples, n_legs, seed + more, steps)
            for k in range(fold, len(trials), folds):
                found[name][k] = read_gait(trials[k], network, samples.scale, n_legs)
            right = [each[ACCURACY] for each in found[name][fold::folds]]
            print(f"fold {fold}, {name}: {np.mean(right):.4f}", flush=True)
    return found


def compared(
    trials: Sequence[LegTrial], found: Mapping[str, Sequence[Mapping[str, float]]]
) -> dict[str, Any]:
    """Return all measures' figures of all inputs, over what every input gives a value for."""
    truths = [trial.truth | {ACCURACY: 1.0} for trial in trials]
    document: dict[str, Any] = {}
    for measure, names in MEASURES.items():
        rows = [(k, n) for k, truth in enumerate(truths) for n in names if n in truth]
        given = [(k, n) for k, n in rows if all(n in each[k] for each in found.values())]
        missing = {name: sum(n not in each[k] for k, n in rows) for name, each in found.items()}
        document[measure] = {"n": len(given), "missing": missing}
        if len(given) >= FEWEST:
            people = np.array([trials[k].person for k, _ in given])
            truth = np.array([truths[k][n] for k, n in given])
            read = {name: np.array([each[k][n] for k, n in given]) for name, each in found.items()}
            document[measure] |= differences(people, truth, read)
    return document


def differences(
    people: npt.NDArray[np.str_], truth: Float64Array, read: Mapping[str, Float64Array]
) -> dict[str, Any]:
    """Return the figures (K values) of each input and, as `more`, how they differ from `BASE`."""
    draws = SceneDraws.over(people).rows(people)
    result: dict[str, Any] = {}
    for kind, of in FIGURES.items() if truth.std() > 0 else SHARE.items():
        each = {name: [of(truth[rows], v[rows]) for rows in draws] for name, v in read.items()}
        result[kind] = {name: {"is": figure(values)} for name, values in each.items()}
        for name in each.keys() - {BASE}:
            result[kind][name]["more"] = difference(each[name], each[BASE])
    return result


def main() -> None:
    """Extract what is missing, compare all inputs and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("frames", type=Path, help="folder of rendered development trials")
    parser.add_argument("--features", type=Path, required=True, help="cache of keypoints and maps")
    parser.add_argument("--trials", type=int, default=120, help="each of another person")
    parser.add_argument("--folds", type=int, default=3, help="parts that people are left out in")
    parser.add_argument("--steps", type=int, default=400, help="of training, 16 trials each")
    parser.add_argument("--seed", type=int, default=0, help="of the networks' first weights")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    torch.set_num_threads(1)
    paths, models = kept_trials(args.frames, args.features, args.trials)
    trials = [trial for trial in map(load_trial, paths) if trial is not None]
    found = cross_validated(trials, args.folds, args.steps, args.seed)
    write_whole(
        args.out, one_line_each(json.dumps(document(args, models, trials, found), indent=1)) + "\n"
    )


def document(
    args: argparse.Namespace,
    models: tuple[str, str],
    trials: Sequence[LegTrial],
    found: Mapping[str, Sequence[Mapping[str, float]]],
) -> dict[str, Any]:
    """Return the results file: how it was made, and the figures of all trials and of patients."""
    patients = [k for k, trial in enumerate(trials) if trial.person.startswith("patients")]
    of_patients = {name: [each[k] for k in patients] for name, each in found.items()}
    return {
        "simulated": True,
        "command": shlex.join(["python", f"scripts/{Path(__file__).name}", *sys.argv[1:]]),
        "git": git_hash(),
        "detector_id": models[0],
        "model_id": models[1],
        "seed": args.seed,
        "folds": args.folds,
        "steps": args.steps,
        "features": {name: N_FEATURES + n_legs for name, (n_legs, _) in INPUTS.items()},
        "data": [trial.name for trial in trials],
        "people": len({trial.person for trial in trials}),
        "intervals": "95 %, bootstrap over people; `more` is the difference from the keypoints",
        "all": compared(trials, found),
        "patients": compared([trials[k] for k in patients], of_patients),
    }


if __name__ == "__main__":
    main()
