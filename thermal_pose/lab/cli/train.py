# SPDX-License-Identifier: Apache-2.0
"""Train the students to ship on a broad stream of simulated people, calibrate, export.

Poses, confidence, calibration and evaluation use different people; a subject in two sets is an
error. All named students train at the same time. With --start a shipped model learns on instead of
a network of random weights.

With --labels the keypoints to learn are those that any pose network found in the RGB pictures of
--train (`adapt --pictures` writes those, numbered through all folders in turn). Joints that it did
not find are masked.

Without --confidence and --calibration-data, --train is split into the three sets by people, else
by groups of pictures. Scores are learnt from crops with and without people; a set without empty
crops, such as labelled pictures, needs --start, whose confidence head is then kept.

examples:
  thermal-pose train --train out/stream --confidence out/stream-head \\
      --calibration-data out/stream-calibration --evaluation clinic=out/stream-clinic \\
      --out out/models
  thermal-pose train --names student-lite --start student-lite --train out/stream out/my-room \\
      --confidence out/stream-head --calibration-data out/stream-calibration --out out/models
  thermal-pose train --names student-narrow --train out/pairs out/empty --labels keypoints.json \\
      --out out/models
  thermal-pose dataset my_labels.json --images my_frames --out my_frames_data
  thermal-pose train --names student-lite --start student-lite --train my_frames_data \\
      --out out/models
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from thermal_pose.cli.arguments import add_device, add_json, add_max_minutes, add_out
from thermal_pose.lab.cli.training_options import (
    add_data_arguments,
    add_shipped_settings,
    epochs_on,
    load_data,
    print_cards,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_data_arguments(parser)
    parser.add_argument("--names", default="student,student-lite", help="models to train")
    parser.add_argument(
        "--start", default="", help="continue from this fp32 model, a name or card (default: none)"
    )
    add_out(parser, "folder for models and cards", required=True)
    parser.add_argument("--detector", default="", help="also measure with this detector's boxes")
    add_shipped_settings(parser)
    parser.add_argument(
        "--teacher", default="", help="distil from it, a folder or hub name (needs paired RGB)"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="COCO json of the RGB pictures' keypoints, to learn instead of the data's own",
    )
    add_max_minutes(parser)
    add_device(parser)
    add_json(parser, "the cards and their figures")


def start(args: argparse.Namespace) -> int:
    """Train, calibrate, measure and export."""
    from thermal_pose.lab.learning.fitting.config import load_config
    from thermal_pose.lab.learning.fitting.predict import choose_device
    from thermal_pose.lab.learning.fitting.run_log import command_line, tensorboard_log, write_run
    from thermal_pose.lab.learning.fitting.training import Progress, Training
    from thermal_pose.lab.learning.networks.teacher import load_teacher
    from thermal_pose.lab.learning.students.ship import check_scores, train_students
    from thermal_pose.lab.learning.students.ship_export import export_shipped, finished
    from thermal_pose.lab.learning.students.shipped_start import shipped_start

    names = args.names.split(",")
    _check(args, names)
    config = load_config(args.config, args.overrides)
    device = choose_device(args.device)
    data = load_data(args, config.seed, args.labels)
    teacher = load_teacher(args.teacher) if args.teacher else None
    begun = shipped_start(args.start, names[0], data.train, config) if args.start else None
    check_scores(data, begun)
    write_run(args.out, config, data.train.fingerprint(), config.seed)
    with tqdm(total=config.fit.epochs, unit="epoch", disable=None) as bar:
        progress = Progress(args.out, args.max_minutes, tensorboard_log(args.out), epochs_on(bar))
        training = Training(config, device, progress)
        networks = train_students(names, data, training, teacher, begun.network if begun else None)
    cards = {}
    for name, network in networks.items():
        student = finished(name, network, data, training, teacher and teacher[1], begun)
        cards[name] = export_shipped(student, data, training, command_line(), args.detector)
    print_cards(args, cards, data)
    return 0


def _check(args: argparse.Namespace, names: list[str]) -> None:
    from thermal_pose.errors import ConfigError
    from thermal_pose.lab.learning.students.ship import SHIPPED

    unknown = [name for name in names if name not in SHIPPED]
    if unknown:
        raise ConfigError(f"--names: expected some of {sorted(SHIPPED)}, got '{unknown[0]}'")
    if args.labels and args.teacher:
        raise ConfigError("train: expected --teacher or --labels, got both")
    if args.start and (len(names) > 1 or args.teacher):
        raise ConfigError(
            "--start: expected one of --names and no --teacher, whose decoder would replace "
            "the model's"
        )
