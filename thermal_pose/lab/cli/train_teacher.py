# SPDX-License-Identifier: Apache-2.0
"""Train a teacher on rendered RGB with exact keypoints, for use without ViTPose weights.

Its subjects must be disjoint from every cohort evaluated; otherwise `loso` refuses it.

examples:
  thermal-pose train-teacher out/teacher-data --out out/teacher --max-minutes 3.5
  thermal-pose train-teacher out/teacher-data --out out/teacher \\
      --set teacher.encoder=resnet50_layer3
"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from thermal_pose.cli.arguments import (
    add_device,
    add_json,
    add_max_minutes,
    add_out,
    add_settings,
    print_result,
)
from thermal_pose.lab.cli.training_options import epochs_on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("data", type=Path, nargs="+", help="data sets with RGB")
    add_out(parser, "folder for the teacher", required=True)
    parser.add_argument(
        "--start", default="", help="start from this fp32 student, a name or card (default: none)"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML (default: values of config/training.yaml)"
    )
    add_settings(parser)
    add_max_minutes(parser)
    add_device(parser)
    add_json(parser, "the figures")


def start(args: argparse.Namespace) -> int:
    """Train, measure, save."""
    from thermal_pose.lab.learning.fitting.config import load_config
    from thermal_pose.lab.learning.fitting.predict import choose_device
    from thermal_pose.lab.learning.fitting.run_log import tensorboard_log, write_run
    from thermal_pose.lab.learning.fitting.training import Progress, Training
    from thermal_pose.lab.learning.pose_data import load_folders
    from thermal_pose.lab.learning.students.shipped_start import teacher_start
    from thermal_pose.lab.learning.teachers.fit import train_teacher

    overrides = list(args.overrides)
    if args.max_minutes:
        overrides.append(f"teacher.fit.max_minutes={args.max_minutes}")
    config = load_config(args.config, overrides)
    data = load_folders(args.data)
    begun = teacher_start(args.start, data, config) if args.start else None
    write_run(args.out, config, data.fingerprint(), config.seed)
    with tqdm(total=config.teacher.fit.epochs, unit="epoch", disable=None) as bar:
        progress = Progress(args.out, log=tensorboard_log(args.out), tick=epochs_on(bar))
        training = Training(config, choose_device(args.device), progress)
        info = train_teacher(data, training, begun)
    document = {"folder": str(args.out), "figures": info.figures}
    print_result(args, document, f"{args.out}: {json.dumps(info.figures)}")
    return 0
