# SPDX-License-Identifier: Apache-2.0
"""Train the students to ship on a broad stream of simulated people, calibrate, export.

Poses, confidence, calibration and evaluation use different people; a subject
in two sets is an error. All named students train at the same time. With --start a shipped
model learns on instead of a network of random weights.

examples:
  thermal-pose train --train out/stream --confidence out/stream-head \\
      --calibration-data out/stream-calibration --evaluation clinic=out/stream-clinic \\
      --out out/models
  thermal-pose train --names student-lite --start student-lite --train out/stream out/my-room \\
      --confidence out/stream-head --calibration-data out/stream-calibration --out out/models
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.cli.arguments import (
    add_device,
    add_evaluation,
    add_max_minutes,
    add_out,
    add_settings,
    evaluation_sets,
)
from thermal_pose.parameters.folder import config_folder

if TYPE_CHECKING:
    from thermal_pose.lab.learning.students.ship import ShipData


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_data_arguments(parser)
    parser.add_argument("--names", default="student,student-lite", help="models to train")
    parser.add_argument(
        "--start", default="", help="continue from this fp32 model, a name or card (default: none)"
    )
    add_out(parser, "folder for models and cards", required=True)
    parser.add_argument("--detector", default="", help="also measure with this detector's boxes")
    parser.add_argument(
        "--config",
        type=Path,
        default=config_folder() / "training-shipped.yaml",
        metavar="FILE",
        help="settings, YAML (default: training-shipped.yaml of the package)",
    )
    add_settings(parser)
    parser.add_argument(
        "--teacher", default="", help="distil from it, a folder or hub name (needs paired RGB)"
    )
    add_max_minutes(parser)
    add_device(parser)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sets that a shipped model is made from (`load_data`)."""
    folders: dict[str, Any] = {"type": Path, "nargs": "+", "required": True, "metavar": "DIR"}
    parser.add_argument("--train", help="shards to learn poses from", **folders)
    parser.add_argument("--confidence", help="shards to learn the scores from", **folders)
    parser.add_argument("--calibration-data", help="shards to calibrate the scores on", **folders)
    add_evaluation(parser)


def start(args: argparse.Namespace) -> int:
    """Train, calibrate, measure and export."""
    from thermal_pose.lab.learning.fitting.config import load_config
    from thermal_pose.lab.learning.fitting.predict import choose_device
    from thermal_pose.lab.learning.fitting.run_log import command_line, tensorboard_log, write_run
    from thermal_pose.lab.learning.fitting.training import Training
    from thermal_pose.lab.learning.networks.teacher import load_teacher
    from thermal_pose.lab.learning.students.ship import (
        add_confidence,
        decode_rule,
        save_student,
        train_students,
    )
    from thermal_pose.lab.learning.students.ship_export import TrainedStudent, export_shipped
    from thermal_pose.lab.learning.students.shipped_start import shipped_start

    names = args.names.split(",")
    _check(args, names)
    config = load_config(args.config, args.overrides)
    device = choose_device(args.device)
    data = load_data(args)
    teacher = load_teacher(args.teacher) if args.teacher else None
    begun = shipped_start(args.start, names[0], data.train, config) if args.start else None
    write_run(args.out, config, data.train.fingerprint(), config.seed)
    with tqdm(total=config.fit.epochs, unit="epoch", disable=None) as bar:
        networks = train_students(
            names,
            data,
            config,
            device,
            args.out,
            args.max_minutes,
            tensorboard_log(args.out),
            lambda epoch, active: bar.update(epoch - bar.n) and None,
            teacher,
            begun.network if begun else None,
        )
    for name, network in networks.items():
        rule = decode_rule(teacher[1] if teacher else None)
        head = add_confidence(network, data, config, device, rule)
        save_student(args.out / f"{name}.pt", network, head)
        student = TrainedStudent(
            name,
            network,
            head,
            teacher[1] if teacher else None,
            begun.name if begun else "random weights",
            begun.trained_on if begun else (),
        )
        training = Training(config, device)
        cards = export_shipped(student, data, training, args.out, command_line(), args.detector)
        _report(name, cards, list(data.evaluation))
    return 0


def _check(args: argparse.Namespace, names: list[str]) -> None:
    from thermal_pose.errors import ConfigError
    from thermal_pose.lab.learning.students.ship import SHIPPED

    unknown = [name for name in names if name not in SHIPPED]
    if unknown:
        raise ConfigError(f"--names: expected some of {sorted(SHIPPED)}, got '{unknown[0]}'")
    if args.start and (len(names) > 1 or args.teacher):
        raise ConfigError(
            "--start: expected one of --names and no --teacher, whose decoder would replace "
            "the model's"
        )


def load_data(args: argparse.Namespace) -> "ShipData":
    """Read the sets that `add_data_arguments` declares."""
    from thermal_pose.lab.learning.pose_data import concatenate, load_folder, load_folders
    from thermal_pose.lab.learning.students.ship import ShipData

    return ShipData(
        load_folders(args.train),
        load_folders(args.confidence),
        concatenate([load_folder(folder) for folder in args.calibration_data]),
        {
            name: concatenate([load_folder(folder) for folder in folders])
            for name, folders in evaluation_sets(args).items()
        },
    )


def _report(name: str, cards: dict[str, Path], parts: list[str]) -> None:
    for precision, path in cards.items():
        figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        shown = {part: figures[part].get("runtime") for part in parts}
        print(f"{name} {precision}: {json.dumps(shown)}")
