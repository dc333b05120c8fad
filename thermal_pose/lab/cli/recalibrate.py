# SPDX-License-Identifier: Apache-2.0
"""Recalibrate a pose model's scores on people that it has not seen; joints do not change.

Use it for a quantised model, or for a camera with other noise than the simulated one. The file and
its card are rewritten in place, so work on a copy of a shipped model.

examples:
  cp thermal_pose/assets/student-int8.* my_models/
  thermal-pose recalibrate my_models/student-int8.json --calibration-data out/calibration
"""

import argparse
from pathlib import Path

from thermal_pose.cli.arguments import add_json, print_result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("card", type=Path, help="card of the model to rewrite")
    parser.add_argument(
        "--calibration-data",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="shards of people that the model has not seen",
    )
    add_json(parser, "what was fitted")


def start(args: argparse.Namespace) -> int:
    """Fit, rewrite, and print the change of the scores."""
    from thermal_pose.lab.learning.pose_data import concatenate, load_folder
    from thermal_pose.lab.learning.students.recalibrate import recalibrate

    data = concatenate([load_folder(folder) for folder in args.calibration_data])
    fitted = recalibrate(args.card, data)
    print_result(
        args,
        {"card": str(args.card), **fitted},
        f"{args.card}: joints' calibration error {fitted['joint_ece_before']:.3f} -> "
        f"{fitted['joint_ece_after']:.3f} on the {data.person.sum()} people it was fitted to",
    )
    return 0
