# SPDX-License-Identifier: Apache-2.0
"""Judge keypoints on simulated recordings: AP with exact boxes, offline, and through the nodes.

The three differ in the boxes (truth, or detector and tracker) and in whether ROS
is involved. Use recordings that no model was trained on.

examples:
  thermal-pose evaluate-perception recordings/clinic-9000-*
  thermal-pose evaluate-perception --live --out docs/results/perception.json recordings/clinic-9*
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_json, add_out, positive, print_result
from thermal_pose.files import write_whole
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.types import FrameKeypoints


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("recordings", type=Path, nargs="+", help="recordings with truth")
    parser.add_argument("--model", default=PoseParameters().model, help="pose model")
    parser.add_argument("--detector", default=DetectorParameters().model, help="person detector")
    parser.add_argument(
        "--detect-every-n",
        type=positive,
        default=DetectorParameters().detect_every_n,
        metavar="N",
        help="detect on every N-th frame and track in between",
    )
    parser.add_argument("--live", action="store_true", help="also through real nodes over DDS")
    add_out(parser, "JSON file to write")
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    from thermal_pose.bags.reader import BagReader
    from thermal_pose.lab.evaluation.keypoints import PoseScores, keypoints_in_true_boxes
    from thermal_pose.pipeline.perception_params import build_perception
    from thermal_pose.pipeline.replay import replay_keypoints

    detector = DetectorParameters(model=args.detector, detect_every_n=args.detect_every_n)
    pose = PoseParameters(model=args.model)
    perception = build_perception(detector, pose)
    ways: dict[str, Callable[[Path], list[FrameKeypoints]]] = {
        "true_boxes": lambda path: keypoints_in_true_boxes(path, perception.pose.estimator),
        "offline": lambda path: list(replay_keypoints(path, perception)),
    }
    if args.live:
        ways["live"] = lambda path: _live(path, args)
    scores = {name: PoseScores() for name in ways}
    for path in tqdm(args.recordings, unit="recording", disable=None):
        with BagReader(path) as bag:
            truth = list(bag.true_frames())
        for name, find in ways.items():
            scores[name].add(path.name, truth, find(path))
    found: dict[str, Any] = {
        "simulated": True,
        "recordings": len(args.recordings),
        "frames": scores["offline"].frames,
        "model_id": perception.pose.estimator.model_id,
        "detector_id": perception.detection.detector.model_id,
        **{name: vars(score.average_precision()) for name, score in scores.items()},
    }
    if args.live:
        found["live_minus_offline_ap"] = _difference(found["live"]["ap"], found["offline"]["ap"])
    if args.out is not None:
        write_whole(args.out, json.dumps(found, indent=2) + "\n")
    print_result(args, found, _summary(found, list(ways)))
    return 0


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _live(path: Path, args: argparse.Namespace) -> list[FrameKeypoints]:
    import rclpy

    from thermal_pose.nodes.collect import collect_keypoints

    rclpy.init(args=[])
    try:
        return collect_keypoints(
            path,
            {
                "detector": {"model": args.detector, "detect_every_n": args.detect_every_n},
                "pose": {"model": args.model},
            },
        )
    finally:
        rclpy.try_shutdown()


def _summary(found: dict[str, Any], ways: list[str]) -> str:
    def shown(value: float | None) -> str:
        return "none" if value is None else f"{value:.3f}"

    figures = "; ".join(
        f"{way}: AP {shown(found[way]['ap'])}, AP50 {shown(found[way]['ap50'])}" for way in ways
    )
    return f"{figures} ({found['frames']} frames of {found['recordings']} recordings)"
