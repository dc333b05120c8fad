# SPDX-License-Identifier: Apache-2.0
"""Judge person detectors on named sets of frames that they never saw: AP50, recall, false alarms.

Sets are folders of shards: simulated ones, or real pictures with labelled people (`thermal-pose
dataset labels.json --images pictures/ --out shards/`).

examples:
  thermal-pose evaluate-detector --evaluation walk=out/eval/walk --evaluation empty=out/eval/empty
  thermal-pose evaluate-detector --detector detector --detector warm_blob \\
      --evaluation held_out=out/eval --out docs/results/detector.json
"""

import argparse
import json
import time
from typing import Any

from tqdm import tqdm

from thermal_pose.cli.arguments import (
    add_device,
    add_evaluation,
    add_json,
    add_out,
    evaluation_sets,
    positive,
    print_result,
)
from thermal_pose.files import write_whole
from thermal_pose.inference.base import RuntimeOptions, ThresholdedDetector
from thermal_pose.inference.factory import make_detector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "--detector",
        action="append",
        default=[],
        help="name, card, 'warm_blob' or 'faster_rcnn:WEIGHTS'; repeat to compare "
        "(default: detector and warm_blob)",
    )
    add_evaluation(parser, required=True)
    parser.add_argument(
        "--max-frames",
        type=positive,
        metavar="N",
        help="take N evenly spaced frames of each set (default: all)",
    )
    add_device(parser, "cpu")
    add_out(parser, "JSON file to write")
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Run each detector on each set."""
    from thermal_pose.lab.learning.detector.data import load_detector_data, thinned

    sets = {
        name: thinned(load_detector_data(*folders), args.max_frames)
        for name, folders in evaluation_sets(args).items()
    }
    simulated = {name: data.simulated for name, data in sets.items()}
    results: dict[str, Any] = {"simulated": simulated, "rate_hz": 8.0, "detectors": {}}
    for model in args.detector or ["detector", "warm_blob"]:
        results["detectors"][model] = _judge(model, sets, args.device)
    if args.out is not None:
        write_whole(args.out, json.dumps(results, indent=2) + "\n")
    print_result(args, results, _summary(results))
    return 0


def _judge(model: str, sets: dict[str, Any], device: str) -> dict[str, Any]:
    from thermal_pose.lab.learning.detector.export import detect_all, figures_of

    detector = make_detector(model, RuntimeOptions(device=device))
    threshold = detector.score_threshold if isinstance(detector, ThresholdedDetector) else 0.0
    judged: dict[str, Any] = {"model_id": detector.model_id, "score_threshold": threshold}
    judged["device"] = str(detector.info)
    for name, data in sets.items():
        begin_s = time.process_time()  # of this process alone, however busy the machine is
        with tqdm(total=len(data), unit="frame", desc=f"{model} on {name}", disable=None) as bar:
            answers = detect_all(detector, data, bar.update)
        judged[name] = figures_of(answers, threshold)
        spent_ms = 1e3 * (time.process_time() - begin_s)
        judged[name]["cpu_ms_per_frame"] = round(spent_ms / len(data), 3)
    return judged


def _summary(results: dict[str, Any]) -> str:
    lines = []
    for model, judged in results["detectors"].items():
        for name, figures in judged.items():
            if isinstance(figures, dict):
                total = figures["all"]
                lines.append(
                    f"{model} on {name}: AP50 {total['ap50']}, recall {total['recall']}, "
                    f"{total['false_alarms_per_h']} false alarms/h over {total['frames']} frames"
                )
    return "\n".join(lines)
