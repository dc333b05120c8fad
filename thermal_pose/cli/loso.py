# SPDX-License-Identifier: Apache-2.0
"""Leave one subject out: train and measure rows of the paper's Table I, and its beta sweep.

Each call adds its rows to the results file; rows and cells not run stay null. All folds of a
row train at the same time on one device.

examples:
  thermal-pose loso out/paper-data --teacher out/teacher --rows student_mobilenetv3
  thermal-pose loso out/paper-data --teacher out/teacher \\
      --rows supervised_no_transfer,student_resnet50:0+5:1.5
  thermal-pose loso out/paper-data --teacher out/teacher --sweep 0,0.2,0.4,0.7,1 --folds 0,5
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.errors import ConfigError

if TYPE_CHECKING:
    from thermal_pose.training.loso import Cohort


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("data", type=Path, help="the cohort's data set")
    parser.add_argument("--teacher", required=True, help="folder or hub name")
    parser.add_argument("--rows", default="", help="NAME[:FOLDS[:MINUTES]],...")
    parser.add_argument("--sweep", default="", help="comma-separated betas")
    parser.add_argument("--folds", default="all", help="comma-separated fold numbers, or all")
    parser.add_argument("--out", type=Path, default=Path("docs/results/pose_loso.json"))
    parser.add_argument("--work", type=Path, default=Path("out/loso"), help="checkpoints, cache")
    parser.add_argument("--no-disk", action="store_true", help="cache in memory only")
    parser.add_argument("--detector", default="", help="detector; '': true boxes only")
    parser.add_argument("--config", type=Path, help="YAML; default: config/training.yaml's values")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--max-minutes", type=float, default=0.0, help="wall clock of each row")
    parser.add_argument("--ray", default="", help="a Ray cluster's address, or local")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")


def start(args: argparse.Namespace) -> int:
    """Run what is asked for and merge it into the results."""
    from thermal_pose.training.loso import run_sweep, summarise
    from thermal_pose.training.loso_run import (
        load_cohort,
        load_results,
        run_row_anywhere,
        save_predictions,
        save_results,
    )

    cohort = load_cohort(
        args.data,
        args.teacher,
        args.config,
        args.overrides,
        args.device,
        None if args.no_disk else args.work,
        args.detector,
    )
    folds = _folds(args.folds, len(cohort.folds))
    results = load_results(args.out, cohort)
    for name, chosen, minutes in _plan(args.rows, folds, args.max_minutes, len(cohort.folds)):
        with _bar(name, cohort) as bar:
            found = run_row_anywhere(
                cohort,
                name,
                chosen,
                None if args.no_disk else args.work,
                minutes,
                args.ray,
                lambda epoch, active: bar.update(epoch - bar.n) and None,
            )
        results["models"][name] = summarise(cohort, name, found)
        save_results(args.out, results, cohort)
        save_predictions(args.work / f"{name}.npz", cohort, found)
        _report(name, results["models"][name])
    if args.sweep:
        betas = [float(beta) for beta in args.sweep.split(",")]
        with _bar("sweep", cohort) as bar:
            swept = run_sweep(
                cohort,
                betas,
                folds,
                args.max_minutes,
                lambda epoch, active: bar.update(epoch - bar.n) and None,
            )
        results["beta_sweep"] = {**(results["beta_sweep"] or {}), **swept}
        save_results(args.out, results, cohort)
        for beta, entry in swept.items():
            _report(f"beta {beta}", entry)
    return 0


def _bar(name: str, cohort: "Cohort") -> Any:
    return tqdm(total=cohort.config.fit.epochs, unit="epoch", desc=name, disable=None)


def _folds(text: str, count: int) -> list[int]:
    try:
        parts = text.replace("+", ",").split(",")
        folds = list(range(count)) if text == "all" else [int(part) for part in parts]
    except ValueError as error:
        raise ConfigError(f"--folds: expected numbers or all, got '{text}'") from error
    wrong = [fold for fold in folds if not 0 <= fold < count]
    if wrong:
        raise ConfigError(f"--folds: expected 0..{count - 1}, got {wrong[0]}")
    return folds


def _plan(
    rows: str, folds: list[int], minutes: float, count: int
) -> list[tuple[str, list[int], float]]:
    """Read NAME[:FOLDS[:MINUTES]],... with FOLDS as in '0+5' or 'all'."""
    from thermal_pose.training.loso import ROWS

    plan = []
    for entry in filter(None, rows.split(",")):
        name, _, rest = entry.partition(":")
        own_folds, _, own_minutes = rest.partition(":")
        if name not in ROWS:
            raise ConfigError(f"--rows: expected some of {sorted(ROWS)}, got '{name}'")
        chosen = _folds(own_folds, count) if own_folds else folds
        plan.append((name, chosen, float(own_minutes) if own_minutes else minutes))
    return plan


def _report(name: str, entry: dict[str, Any]) -> None:
    shown = {
        key: entry[key]["mean"]
        for key in ("ap", "ap50", "ap75", "ap_teacher", "ap_true_boxes")
        if key in entry
    }
    print(f"{name}: folds {entry['folds_run']}, {json.dumps(shown)}")
