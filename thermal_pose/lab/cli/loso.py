# SPDX-License-Identifier: Apache-2.0
"""Leave one subject out: train and measure rows of the paper's Table I, and its beta sweep.

Each call adds its rows to the results file. Cells that were not run stay null, finished rows are
not rerun, and an interrupted row continues. All folds of a row train at the same
time on one device.

With --labels any pose network is the teacher: `adapt --pictures` writes the RGB pictures, and the
network's keypoints come back as COCO json. The supervised rows and keypoint_rcnn learn from them.

examples:
  thermal-pose loso out/paper-data --teacher out/teacher --rows student_mobilenetv3
  thermal-pose loso out/paper-data --teacher out/teacher \\
      --rows supervised_no_transfer,student_resnet50:0+5:1.5
  thermal-pose adapt out/paper-data --pictures my_pictures
  thermal-pose loso out/paper-data --labels my_keypoints.json --rows supervised_no_transfer
  thermal-pose loso out/paper-data --teacher out/teacher --sweep 0,0.2,0.4,0.7,1 --folds 0,5
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.cli.arguments import (
    add_device,
    add_json,
    add_max_minutes,
    add_out,
    add_ray,
    add_settings,
)
from thermal_pose.errors import ConfigError
from thermal_pose.lab.cli.training_options import epochs_on

if TYPE_CHECKING:
    from thermal_pose.lab.learning.paper.cohort import Cohort, CohortOrigin


def add_cohort_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that all verbs over folds share."""
    parser.add_argument("data", type=Path, help="the cohort's data set")
    parser.add_argument("--folds", default="all", help="comma-separated fold numbers, or all")
    parser.add_argument(
        "--work", type=Path, default=Path("out/loso"), metavar="DIR", help="checkpoints and cache"
    )
    parser.add_argument(
        "--detector",
        default="",
        help="detector; with '{subject}' in its name, one per fold (default: true boxes only)",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML (default: values of config/training.yaml)"
    )
    add_settings(parser)
    add_max_minutes(parser)
    parser.add_argument("--again", action="store_true", help="rerun what is already done")
    add_device(parser)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_cohort_arguments(parser)
    teacher = parser.add_mutually_exclusive_group(required=True)
    teacher.add_argument("--teacher", default="", help="teacher network, a folder or hub name")
    teacher.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="COCO json of the RGB pictures' keypoints, for rows that need no latent",
    )
    parser.add_argument("--rows", default="", help="NAME[:FOLDS[:MINUTES]],...")
    parser.add_argument("--sweep", default="", help="comma-separated betas")
    add_out(parser, "JSON file to write (default: pose_loso.json in --work)")
    parser.add_argument("--no-disk", action="store_true", help="cache in memory only")
    add_ray(parser)
    add_json(parser, "the rows' figures")


def start(args: argparse.Namespace) -> int:
    """Run the requested rows and merge them into the results."""
    from thermal_pose.lab.learning.paper.run import load_cohort

    args.out = args.out or args.work / "pose_loso.json"
    sweep = [read_number(text, "--sweep") for text in filter(None, args.sweep.split(","))]
    cohort = load_cohort(origin_of(args, on_disk=not args.no_disk), args.out)
    folds = chosen_folds(args.folds, len(cohort.folds))
    document: dict[str, Any] = {"out": str(args.out), "rows": {}, "beta_sweep": {}}
    for name, chosen, minutes in _plan(args.rows, folds, args.max_minutes, len(cohort.folds)):
        document["rows"][name] = _row(args, cohort, name, chosen, minutes)
    for beta in sweep:
        document["beta_sweep"][f"{beta:g}"] = _beta(args, cohort, folds, beta)
    if args.json:
        print(json.dumps(document, indent=2))
    return 0


def origin_of(args: argparse.Namespace, on_disk: bool = True) -> "CohortOrigin":
    """Return the cohort that the arguments name."""
    from thermal_pose.lab.learning.paper.cohort import CohortOrigin

    return CohortOrigin(
        args.data,
        args.teacher,
        args.config,
        tuple(args.overrides),
        args.device,
        args.work if on_disk else None,
        args.detector,
        getattr(args, "labels", None),
    )


def _row(
    args: argparse.Namespace, cohort: "Cohort", name: str, folds: list[int], minutes: float
) -> dict[str, Any]:
    """Run one row of the table unless the results have it; return its figures."""
    from thermal_pose.lab.learning.paper.fold_results import row_entry
    from thermal_pose.lab.learning.paper.run import (
        load_results,
        run_key,
        save_predictions,
        save_results,
    )

    key = run_key(cohort, name, folds, minutes)
    there = load_results(args.out, cohort)["models"][name]
    if there.get("run") == key and not args.again:
        return _report(args, name, there, done_before=True)
    found = _run(args, cohort, name, folds, minutes)
    results = load_results(args.out, cohort)  # another process may have written meanwhile
    entry = {**row_entry(cohort, name, found), "max_minutes": minutes, "run": key}
    results["models"][name] = entry
    save_results(args.out, results, cohort)
    save_predictions(args.work / f"{name}.npz", cohort, found)
    return _report(args, name, entry)


def _beta(
    args: argparse.Namespace, cohort: "Cohort", folds: list[int], beta: float
) -> dict[str, Any]:
    """Run one point of the sweep unless the results have it; return its figures."""
    from thermal_pose.lab.learning.paper.run import load_results, run_key, save_results
    from thermal_pose.lab.learning.paper.train import SWEPT, beta_key, sweep_entry

    key = run_key(cohort, SWEPT, folds, args.max_minutes, beta)
    swept = load_results(args.out, cohort)["beta_sweep"] or {}
    there = swept.get(beta_key(beta), {})
    if there.get("run") == key and not args.again:
        return _report(args, f"beta {beta:g}", there, done_before=True)
    found = _run(args, cohort, SWEPT, folds, args.max_minutes, beta)
    results = load_results(args.out, cohort)
    entry = {**sweep_entry(found), "run": key}
    results["beta_sweep"] = {**(results["beta_sweep"] or {}), beta_key(beta): entry}
    save_results(args.out, results, cohort)
    return _report(args, f"beta {beta:g}", entry)


def _run(
    args: argparse.Namespace,
    cohort: "Cohort",
    name: str,
    folds: list[int],
    minutes: float,
    beta: float | None = None,
) -> Any:
    from thermal_pose.lab.learning.fitting.run_log import tensorboard_log
    from thermal_pose.lab.learning.fitting.training import Progress
    from thermal_pose.lab.learning.paper.run import checkpoint_folder, forget, run_row_anywhere

    folder = checkpoint_folder(cohort.origin) if cohort.origin else None
    if args.again and folder is not None:
        forget(folder, name, [cohort.folds[fold].subject for fold in folds])
    log = None if folder is None else tensorboard_log(args.work)
    label = name if beta is None else f"beta {beta:g}"
    epochs = cohort.config.fit.epochs
    with tqdm(total=epochs, unit="epoch", desc=label, disable=None) as bar:
        progress = Progress(folder, minutes, log, epochs_on(bar))
        return run_row_anywhere(cohort, name, folds, progress, beta, args.ray)


def chosen_folds(text: str, count: int) -> list[int]:
    """Read '0,1', '0+1' or 'all' as numbers of folds.

    Raises
    ------
    ConfigError
        The text names a fold that does not exist.
    """
    try:
        parts = text.replace("+", ",").split(",")
        folds = list(range(count)) if text == "all" else [int(part) for part in parts]
    except ValueError as error:
        raise ConfigError(f"--folds: expected numbers or all, got '{text}'") from error
    wrong = [fold for fold in folds if not 0 <= fold < count]
    if wrong:
        raise ConfigError(f"--folds: expected 0..{count - 1}, got {wrong[0]}")
    return folds


def read_number(text: str, option: str) -> float:
    """Read a number; ConfigError names the option."""
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{option}: expected a number, got '{text}'") from error


def _plan(
    rows: str, folds: list[int], minutes: float, count: int
) -> list[tuple[str, list[int], float]]:
    """Read NAME[:FOLDS[:MINUTES]],... with FOLDS as in '0+5' or 'all'."""
    from thermal_pose.lab.learning.paper.cohort import ROWS

    plan = []
    for entry in filter(None, rows.split(",")):
        name, _, rest = entry.partition(":")
        own_folds, _, own_minutes = rest.partition(":")
        if name not in ROWS:
            raise ConfigError(f"--rows: expected some of {sorted(ROWS)}, got '{name}'")
        chosen = chosen_folds(own_folds, count) if own_folds else folds
        plan.append((name, chosen, read_number(own_minutes, "--rows") if own_minutes else minutes))
    return plan


def _report(
    args: argparse.Namespace, name: str, entry: dict[str, Any], done_before: bool = False
) -> dict[str, Any]:
    """Print one row at once, unless all are printed as JSON at the end; return its figures."""
    shown: dict[str, Any] = {
        key: entry[key]["mean"]
        for key in ("ap", "ap50", "ap75", "ap_teacher", "ap_true_boxes")
        if key in entry
    }
    if not args.json:
        text = f"folds {entry['folds_run']}, {json.dumps(shown)}"
        print(f"{name}: {'already done; use --again to rerun' if done_before else text}")
    return {"folds": entry["folds_run"], "already_done": done_before, **shown}
