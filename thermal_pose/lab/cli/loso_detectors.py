# SPDX-License-Identifier: Apache-2.0
"""Train the paper's person detector, Faster R-CNN ResNet-50, leaving one subject out each time.

Writes SUBJECT.onnx with its card for the live detector (`detector.model`), and SUBJECT.pt. A
fold that has a card is skipped. Needs the extra `torchvision`.

examples:
  thermal-pose loso-detectors out/paper-data --folds 0,1 --max-minutes 10 --out out/detectors
  thermal-pose loso out/paper-data --teacher out/teacher --folds 0,1 \\
      --detector 'out/detectors/{subject}.json' --rows student_mobilenetv3
"""

import argparse
import json
from pathlib import Path
from typing import Any

from thermal_pose.cli.arguments import add_json, add_out, print_result
from thermal_pose.lab.cli.detector_training import add_training_options, training_bar, training_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("data", type=Path, help="the cohort's data set")
    parser.add_argument("--folds", default="all", help="comma-separated fold numbers, or all")
    add_out(parser, "folder for models and cards", required=True)
    add_training_options(parser, batch=16, seed=1)
    add_json(parser, "the cards and their figures")


def start(args: argparse.Namespace) -> int:
    """Train the missing detectors."""
    from thermal_pose.lab.cli.loso import chosen_folds
    from thermal_pose.lab.learning.fitting.run_log import command_line
    from thermal_pose.lab.learning.paper.fold_detectors import card_of, train_fold_detector
    from thermal_pose.lab.learning.pose_data import load_folder

    data = load_folder(args.data)
    settings = training_of(args)
    document: dict[str, Any] = {}
    lines = []
    for fold in chosen_folds(args.folds, len(data.subjects)):
        card = args.out / card_of("{subject}.json", data.subjects[fold])
        if card.is_file():
            lines.append(f"{card}: already done; delete it to train it again")
            document[data.subjects[fold]] = {"card": str(card), "already_done": True}
            continue
        with training_bar(data.subjects[fold]) as report:
            train_fold_detector(data, fold, settings, args.out, command_line(), report)
        figures = json.loads(card.read_text(encoding="utf-8"))["figures"]
        found = figures["left_out_subject"]["all"]
        lines.append(f"{card}: {json.dumps(found)}")
        document[data.subjects[fold]] = {"card": str(card), "figures": found}
    print_result(args, document, "\n".join(lines))
    return 0
