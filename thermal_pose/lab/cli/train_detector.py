# SPDX-License-Identifier: Apache-2.0
"""Train the tiny person detector on shards of simulated frames and export it with its card.

Validation shards choose the score threshold and never train; without them it stays 0.5.

examples:
  thermal-pose train-detector --train out/stream out/more --validation out/stream-val \\
      --out out/detector
  thermal-pose train-detector --train out/stream --out out/detector --max-minutes 3 --device cuda
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_json, add_out, print_result
from thermal_pose.inference.base import RuntimeOptions
from thermal_pose.inference.factory import make_detector
from thermal_pose.lab.cli.detector_training import add_training_options, training_bar, training_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "--train",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="folders of training shards",
    )
    parser.add_argument(
        "--validation", type=Path, metavar="DIR", help="folder of validation shards"
    )
    parser.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help="continue from these weights, the .pt of an earlier training (default: random)",
    )
    add_out(parser, "folder for model and card", required=True)
    parser.add_argument("--name", default="detector", help="name of model and card")
    add_training_options(parser, batch=256)
    add_json(parser, "the card and its figures")


def start(args: argparse.Namespace) -> int:
    """Train, choose the threshold, export."""
    from thermal_pose.lab.learning.detector.data import load_detector_data
    from thermal_pose.lab.learning.detector.export import (
        choose_threshold,
        detect_all,
        export_detector,
        figures_of,
        load_weights,
        save_weights,
    )
    from thermal_pose.lab.learning.detector.fit import train_detector

    settings = training_of(args)
    begun = load_weights(args.start) if args.start else None
    data = load_detector_data(*args.train)
    with training_bar("training") as report:
        network = train_detector(data, settings, report, begun)
    save_weights(network, args.out / f"{args.name}.pt")
    provenance: dict[str, Any] = {
        "data": {
            "hash": data.fingerprint(),
            "shards": [str(folder) for folder in args.train],
            "frames": len(data),
            "simulated": True,
        },
        "command": shlex.join(["thermal-pose", *sys.argv[1:]]),
    }
    card = export_detector(network, args.out, args.name, **provenance)
    summary = f"{card}: trained on {len(data)} frames"
    document: dict[str, Any] = {"card": str(card), "frames": len(data), "validation": None}
    if args.validation is not None:
        held_out = load_detector_data(args.validation)
        detector = make_detector(str(card), RuntimeOptions(device="cpu"))
        with tqdm(total=len(held_out), unit="frame", desc="validating", disable=None) as bar:
            answers = detect_all(detector, held_out, bar.update)
        threshold = choose_threshold(answers)
        figures = {"validation": figures_of(answers, threshold)}
        card = export_detector(
            network, args.out, args.name, threshold, figures=figures, **provenance
        )
        summary += f"; validation AP50 {figures['validation']['all']['ap50']}"
        document["validation"] = figures["validation"]
    print_result(args, document, summary)
    return 0
