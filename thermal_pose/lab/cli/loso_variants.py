# SPDX-License-Identifier: Apache-2.0
"""Beyond the paper: measure changes to its method against the method, on the same folds.

The baseline is in WORK/checkpoints, written by `thermal-pose loso`. Other decoders are
evaluated on those networks. Other variants are trained from scratch, so give them the minutes
that the baseline had.

examples:
  thermal-pose loso-variants out/paper-data --teacher out/teacher --variants argmax,quarter,flip
  thermal-pose loso-variants out/paper-data --teacher out/teacher --work out/loso-sweep \\
      --variants from_random,radiometric --folds 0,1 --max-minutes 6
"""

import argparse
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_json, add_out, print_result
from thermal_pose.errors import ConfigError
from thermal_pose.lab.cli.loso import add_cohort_arguments, chosen_folds, origin_of
from thermal_pose.lab.cli.training_options import epochs_on

if TYPE_CHECKING:
    from thermal_pose.lab.learning.paper.variants import Variant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_cohort_arguments(parser)
    parser.add_argument("--teacher", required=True, help="teacher network, a folder or hub name")
    parser.add_argument("--variants", required=True, help="comma-separated names, or all")
    add_out(parser, "JSON file to write (default: pose_beyond.json in --work)")
    add_json(parser, "the variants' entries")
    parser.add_argument(
        "--thermal",
        default="",
        help="trained student: a file (from_thermal) or a shipped model (from_shipped)",
    )


def start(args: argparse.Namespace) -> int:
    """Run the requested variants and merge them into the results."""
    from thermal_pose.lab.learning.fitting.training import Progress
    from thermal_pose.lab.learning.paper.run import load_cohort, load_results, run_key, save_results
    from thermal_pose.lab.learning.paper.variants import (
        compared,
        empty_variants,
        run_baseline,
        run_variant,
        varied,
    )

    chosen = _chosen(args.variants, args.thermal)
    args.out = args.out or args.work / "pose_beyond.json"
    cohort = load_cohort(origin_of(args), args.out)
    folds = chosen_folds(args.folds, len(cohort.folds))
    results = load_results(args.out, cohort, empty_variants)
    trained = args.work / "checkpoints"
    baseline = run_baseline(cohort, folds, trained)
    lines = []
    for name, variant in chosen.items():
        config = varied(args.config, args.overrides, variant, args.thermal)
        key = run_key(cohort, f"{name}: {config}", folds, args.max_minutes)
        if results["variants"].get(name, {}).get("run") == key and not args.again:
            lines.append(f"{name}: already done; use --again to rerun")
            continue
        own = args.work / "variants" / name
        with tqdm(total=config.fit.epochs, unit="epoch", desc=name, disable=None) as bar:
            progress = Progress(own, args.max_minutes, tick=epochs_on(bar))
            found = run_variant(cohort, variant, config, folds, trained, progress)
        entry = {**compared(variant, found, baseline), "run": key}
        results["variants"][name] = entry
        save_results(args.out, results, cohort)
        lines.append(f"{name}: folds {len(found)}, {_told(entry)}")
    entries = {name: results["variants"][name] for name in chosen}
    print_result(args, {"out": str(args.out), "variants": entries}, "\n".join(lines))
    return 0


def _chosen(text: str, thermal: str) -> "dict[str, Variant]":
    from thermal_pose.lab.learning.paper.variants import VARIANTS

    names = list(VARIANTS) if text == "all" else text.split(",")
    unknown = [name for name in names if name not in VARIANTS]
    if unknown:
        raise ConfigError(f"--variants: expected some of {sorted(VARIANTS)}, got '{unknown[0]}'")
    needing = [name for name in names if any("{thermal}" in s for s in VARIANTS[name].settings)]
    if needing and not thermal:
        raise ConfigError(f"--thermal: '{needing[0]}' needs a trained student's file")
    return {name: VARIANTS[name] for name in names}


def _told(entry: dict[str, Any]) -> str:
    mine, theirs = entry["ap_true_boxes"]["mean"], entry["baseline"]["ap_true_boxes"]["mean"]
    if mine is None or theirs is None:
        return "AP undefined"
    return f"AP with true boxes {mine:.3f} against {theirs:.3f}"
