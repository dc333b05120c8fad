# SPDX-License-Identifier: Apache-2.0
"""Train the two networks that time the Timed Up and Go; write them with a card.

They learn from simulated motion seen by random cameras, and, where --keypoints names them, from
keypoints that the shipped models found on development seeds (0 to 999). Needs the extras 'train'
and 'sim'. A GPU is used where there is one.

examples:
  thermal-pose train-tug --motions 1500 --steps 4000 --out out/tug
  thermal-pose evaluate-tug --keypoints out/tug-dev --seed 100 --keypoints-only --jobs 16
  thermal-pose train-tug --keypoints out/tug-dev --jobs 16 --minutes 6 --members 2 --out out/tug
"""

import argparse
from pathlib import Path

from tqdm import tqdm


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--motions", type=int, default=1500, help="simulated motions")
    parser.add_argument("--bodies", type=int, default=60, help="library bodies that they share")
    parser.add_argument("--seed", type=int, default=1, help="of the motions, 0 to 999")
    parser.add_argument("--keypoints", type=Path, help="folder of keypoint files, seeds 0 to 999")
    parser.add_argument("--steps", type=int, default=4000, help="steps of each network")
    parser.add_argument("--batch", type=int, default=24, help="trials a step")
    parser.add_argument("--channels", type=int, default=64, help="width of the network")
    parser.add_argument("--members", type=int, default=1, help="networks to average")
    parser.add_argument("--initial", default="", help="networks (.npz) to go on from")
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate")
    parser.add_argument("--minutes", type=float, default=0.0, help="time for all; 0: no limit")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="folder for the networks")


def start(args: argparse.Namespace) -> int:
    """Simulate, train, write, and print how well held-out trials are timed."""
    from thermal_pose.training.tug_motions import simulate_motions
    from thermal_pose.training.tug_recipe import TugRecipe, run_recipe

    simulated = simulate_motions(args.motions, args.seed, args.bodies, args.jobs)
    motions = tuple(tqdm(simulated, total=args.motions, unit="motion", disable=None))
    recipe = TugRecipe(
        steps=args.steps,
        batch=args.batch,
        channels=args.channels,
        members=args.members,
        initial=args.initial,
        learning_rate=args.rate,
        limit_s=60.0 * args.minutes if args.minutes else float("inf"),
        workers=args.jobs if args.jobs > 1 else 0,
    )
    paths = sorted(args.keypoints.glob("*.npz")) if args.keypoints else []
    card = run_recipe(recipe, motions, paths, args.out)
    print(
        f"held-out trials: boundaries {card['boundary_mae_s']:.3f} s, "
        f"total {card['total_mae_s']:.3f} s; {args.out / card['file']}"
    )
    return 0
