# SPDX-License-Identifier: Apache-2.0
"""Record the running graph until Ctrl-C: thermal images, keypoints, phases, report.

Colour images show who a person is. They are recorded only with --rgb.

examples:
  thermal-pose record --subject S01
  thermal-pose record --out /data/tug --subject S01 --rgb
  thermal-pose record --topics thermal/image_raw thermal/camera_info
"""

import argparse
import json
import math
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thermal_pose.cli.arguments import add_duration, add_json, add_namespace, add_out
from thermal_pose.errors import BagError, ConfigError, GraphError
from thermal_pose.subject_id import check_optional_subject_id

if TYPE_CHECKING:
    from thermal_pose.bags.summary import TopicSummary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_out(parser, "folder for recordings", Path("recordings"))
    parser.add_argument(
        "--subject", default="", help="pseudonym of the person: letters, digits, - and _"
    )
    parser.add_argument("--rgb", action="store_true", help="also record colour images")
    parser.add_argument(
        "--topics", nargs="+", default=[], help="topics to record (default: all of the graph's)"
    )
    parser.add_argument(
        "--min-free-mb",
        type=int,
        default=500,
        metavar="MB",
        help="stop when less disk space than this is free",
    )
    add_namespace(parser, "namespace of the graph to record")
    add_duration(parser)
    add_json(parser, "path and counts")


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    from thermal_pose.nodes.run_node import main as run_node

    if not 0.0 <= args.duration < math.inf:
        raise ConfigError(f"--duration {args.duration}: expected seconds, 0 for no end")
    if args.duration > 0:
        # As Ctrl-C does, so that every recording ends in the same way.
        ender = threading.Timer(args.duration, os.kill, (os.getpid(), signal.SIGINT))
        ender.daemon = True
        ender.start()
    before = set(args.out.glob("*"))
    code = run_node("recorder", ["recorder", "--ros-args", *_ros_arguments(args)])
    made = sorted(set(args.out.glob("*")) - before)
    return code if code or not made else _summary(made[-1], args)


def _summary(path: Path, args: argparse.Namespace) -> int:
    """Print what was recorded; GraphError if it holds no image, or nothing of the asked topics."""
    from thermal_pose.bags.summary import summarise_recording

    try:
        topics = summarise_recording(path).topics
    except BagError:  # a recording of no message at all
        topics = ()
    wanted = args.topics or ["thermal/image_raw"]
    counts = {name: _count(topics, name) for name in wanted}
    if not any(counts.values()):
        raise GraphError(
            f"{path} holds no message on {', '.join(wanted)}: start the graph first "
            "(`thermal-pose run`), and check --namespace and ROS_DOMAIN_ID"
        )
    messages = sum(topic.count for topic in topics)
    if args.json:
        print(json.dumps({"path": str(path), "messages": messages, "topics": counts}))
    else:
        told = ", ".join(f"{count} on {name}" for name, count in counts.items())
        print(f"{path}: {messages} messages, {told}")
    return 0


def _count(topics: Sequence["TopicSummary"], name: str) -> int:
    wanted = "/" + name.lstrip("/")
    return sum(topic.count for topic in topics if topic.name.endswith(wanted))


def _ros_arguments(args: argparse.Namespace) -> list[str]:
    from thermal_pose.nodes.graph import check_namespace, yaml_scalar

    settings = {
        "output_dir": str(args.out),
        "subject_id": check_optional_subject_id(args.subject),
        "record_rgb": args.rgb,
        "topics": ",".join(args.topics),
        "min_free_mb": args.min_free_mb,
    }
    words = [f"{name}:={yaml_scalar(value)}" for name, value in settings.items()]
    namespace = check_namespace(args.namespace)
    remaps = ["-r", f"__ns:={namespace}"] if namespace else []
    return [*(text for word in words for text in ("-p", word)), *remaps]
