# SPDX-License-Identifier: Apache-2.0
"""Calibrate a pose model's scores anew on people it has not learnt from; joints do not move.

For a model that was quantised, or a camera whose noise is not the simulated one's. The file and
its card are rewritten in place, so work on a copy of a shipped model.

examples:
  cp thermal_pose/assets/student-int8.* my_models/
  thermal-pose recalibrate my_models/student-int8.json --calibration-data out/calibration
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("card", type=Path, help="card of the model to rewrite")
    parser.add_argument(
        "--calibration-data",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="shards of people whom the model has not learnt from",
    )


def start(args: argparse.Namespace) -> int:
    """Fit, rewrite, and say by how much the scores moved."""
    from thermal_pose.lab.learning.pose_data import concatenate, load_folder
    from thermal_pose.lab.learning.students.recalibrate import recalibrate

    data = concatenate([load_folder(folder) for folder in args.calibration_data])
    fitted = recalibrate(args.card, data)
    print(
        f"{args.card}: joints' calibration error {fitted['joint_ece_before']:.3f} -> "
        f"{fitted['joint_ece_after']:.3f} on the {data.person.sum()} people it was fitted to"
    )
    return 0
