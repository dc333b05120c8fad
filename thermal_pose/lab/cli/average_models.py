# SPDX-License-Identifier: Apache-2.0
"""Average a pose model with the one that its training began with, and calibrate the result.

A model that learned on gains where the new data lie and may lose elsewhere. The average of the
weights before and after often does as well as either.

examples:
  thermal-pose average-models student-lite out/models/student-lite.json --train out/stream \\
      --confidence out/stream-head --calibration-data out/stream-calibration --out out/averaged
"""

import argparse

from thermal_pose.cli.arguments import add_json, add_out
from thermal_pose.errors import ConfigError
from thermal_pose.lab.cli.training_options import add_data_arguments, load_data, print_cards


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
    print_cards(args, {cards["fp32"].stem: cards}, data)
    return 0
