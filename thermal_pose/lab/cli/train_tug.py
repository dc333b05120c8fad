# SPDX-License-Identifier: Apache-2.0
"""Train the networks that time the Timed Up and Go; write them with a card.

They learn from keypoints that the shipped models found on development seeds (--keypoints), from
simulated motion seen by random cameras (--motions; needs the extra 'sim'), or from both. Without
options the recipe is that of the networks that ship (`lab/learning/tug/recipe.py`). Needs the extra
'train'; a GPU is used if there is one.

examples:
  thermal-pose evaluate-tug --keypoints out/tug-dev --development --keypoints-only --jobs 8
  thermal-pose train-tug --keypoints out/tug-dev --out out/tug
  thermal-pose train-tug --motions 1500 --steps 6000 --members 2 --out out/tug
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.cli.arguments import (
    add_body_count,
    add_jobs,
    add_json,
    add_out,
    add_seed,
    count,
    jobs_of,
    print_result,
)
from thermal_pose.errors import ConfigError

if TYPE_CHECKING:
    from thermal_pose.lab.learning.tug.corpus import MotionTrial


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--motions", type=count, default=0, metavar="N", help="simulated motions to learn from"
    )
    add_body_count(parser, 60)
    add_seed(parser, 1, "seed of the motions, 0 to 999")
    parser.add_argument(
        "--keypoints", type=Path, metavar="DIR", help="folder of keypoint files to learn from"
    )
    parser.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help="begin with the segmentation networks of this file (default: random weights)",
    )
    parser.add_argument(
        "--steps", type=int, metavar="STEPS", help="steps per network (default: the recipe's)"
    )
    parser.add_argument(
        "--batch", type=int, metavar="N", help="trials per step (default: the recipe's)"
    )
    parser.add_argument(
        "--members", type=int, metavar="N", help="networks to average (default: the recipe's)"
    )
    add_jobs(parser)
    add_out(parser, "folder for the networks", required=True)
    add_json(parser, "the networks' card")


def start(args: argparse.Namespace) -> int:
    """Simulate, train, write, and print how well held-out trials are timed."""
    from thermal_pose.lab.learning.tug.recipe import TugRecipe, run_recipe

    paths = sorted(args.keypoints.glob("*.npz")) if args.keypoints else []
    if not paths and not args.motions:
        raise ConfigError("--keypoints, --motions: expected something to learn from, got nothing")
    motions = _motions(args) if args.motions else ()
    names = ("steps", "batch", "members")
    changed = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    recipe = replace(TugRecipe(), **changed)
    card = run_recipe(recipe, motions, paths, args.out, jobs_of(args), args.start)
    print_result(args, {**card, "card_folder": str(args.out)}, _line(card, args.out))
    return 0


def _motions(args: argparse.Namespace) -> "tuple[MotionTrial, ...]":
    """Simulated motions; kept beside the keypoints, since they depend on no model."""
    from thermal_pose.lab.learning.tug.motions import read_motions, simulate_motions, write_motions

    kept = None
    if args.keypoints is not None:
        name = f"{args.seed}-{args.motions}-{args.body_count}.npz"
        kept = args.keypoints / "motions" / name
        if kept.is_file():
            return tuple(read_motions(kept))
    simulated = simulate_motions(args.motions, args.seed, args.body_count, jobs_of(args))
    motions = list(tqdm(simulated, total=args.motions, unit="motion", disable=None))
    if kept is not None:
        write_motions(motions, kept)
    return tuple(motions)


def _line(card: dict[str, Any], out: Path) -> str:
    if card["boundary_mae_s"] is None:
        return f"no trial was held out; {out / card['file']}"
    return (
        f"held-out trials: boundaries {card['boundary_mae_s']:.3f} s, "
        f"total {card['total_mae_s']:.3f} s; {out / card['file']}"
    )
