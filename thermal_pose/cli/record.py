# SPDX-License-Identifier: Apache-2.0
"""Record the running graph until Ctrl-C: thermal images, keypoints, phases, report.

Colour images show who a person is. They are recorded only with --rgb.

examples:
  thermal-pose record --subject S01
  thermal-pose record --out /data/tug --subject S01 --rgb
  thermal-pose record --topics thermal/image_raw thermal/camera_info
"""

import argparse
import math
import os
import signal
import threading
from pathlib import Path

from thermal_pose.bags.recording import check_pseudonym
from thermal_pose.cli.arguments import add_duration, add_namespace, add_out
from thermal_pose.errors import ConfigError


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


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    from thermal_pose.nodes.run_node import main as run_node

    if not 0.0 <= args.duration < math.inf:
        raise ConfigError(f"--duration {args.duration}: expected seconds, 0 for no end")
    if args.duration > 0:
        # As Ctrl-C does, so that there is one way to end.
        ender = threading.Timer(args.duration, os.kill, (os.getpid(), signal.SIGINT))
        ender.daemon = True
        ender.start()
    return run_node("recorder", ["recorder", "--ros-args", *_ros_arguments(args)])


def _ros_arguments(args: argparse.Namespace) -> list[str]:
    from thermal_pose.nodes.graph import check_namespace, yaml_scalar

    settings = {
        "output_dir": str(args.out),
        "subject_id": check_pseudonym(args.subject),
        "record_rgb": args.rgb,
        "topics": ",".join(args.topics),
        "min_free_mb": args.min_free_mb,
    }
    words = [f"{name}:={yaml_scalar(value)}" for name, value in settings.items()]
    namespace = check_namespace(args.namespace)
    remaps = ["-r", f"__ns:={namespace}"] if namespace else []
    return [*(text for word in words for text in ("-p", word)), *remaps]
