# SPDX-License-Identifier: Apache-2.0
"""Average a pose model with the one that its training began with, and calibrate the result.

A model that learned on gains where the new data lie and may lose elsewhere. The average of the
weights before and after often does as well as either. Two models that learned from one start
average as well, but if they learned their scores with different seeds, the average's scores mean
nothing: a warning says so, and the second example learns them again.

examples:
  thermal-pose average-models student-lite out/models/student-lite.json --train out/stream \\
      --confidence out/stream-head --calibration-data out/stream-calibration --out out/averaged
  thermal-pose train --names student-lite --start out/averaged/student-lite.json \\
      --train out/stream --confidence out/stream-head \\
      --calibration-data out/stream-calibration --max-minutes 0.02 \\
      --set fit.lr=0.000000001 --out out/scored
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from thermal_pose.cli.arguments import add_json, add_out
from thermal_pose.errors import ConfigError
from thermal_pose.lab.cli.training_options import add_data_arguments, load_data, print_cards

#: Of joint scores before they are calibrated; the average of one training with its start has .02.
_LARGEST_ERROR: Final = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("first", help="fp32 model that the training began with, a name or card")
    parser.add_argument("second", help="card of the fp32 model that learned on")
    parser.add_argument(
        "--share",
        type=float,
        default=0.5,
        metavar="FACTOR",
        help="weight of the second model, 0 to 1",
    )
    add_data_arguments(parser)
    add_out(parser, "folder for models and cards", required=True)
    add_json(parser, "the cards and their figures")


def start(args: argparse.Namespace) -> int:
    """Average, quantise, calibrate, judge."""
    from thermal_pose.inference.artifacts import card_path
    from thermal_pose.lab.learning.fitting.run_log import command_line
    from thermal_pose.lab.learning.students.averaged import average_models

    if not 0 <= args.share <= 1:
        raise ConfigError(f"--share: expected 0 to 1, got {args.share}")
    data = load_data(args, seed=1)
    paths = card_path(args.first), card_path(args.second)
    cards = average_models(paths, args.share, data, args.out, command_line())
    _warn_of_scores(cards["fp32"])
    print_cards(args, {cards["fp32"].stem: cards}, data)
    return 0


def _warn_of_scores(path: Path) -> None:
    """Warn if the averaged confidence head is not usable."""
    from thermal_pose.inference.card import load_card

    error = load_card(path).data["scores_calibrated_again"]["joint_ece_before"]
    if error > _LARGEST_ERROR:
        print(
            f"average-models: joint scores were wrong by {error:.2f} before they were calibrated. "
            "If the models learned them with different seeds, learn them again (--help)",
            file=sys.stderr,
        )
