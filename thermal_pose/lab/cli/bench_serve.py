# SPDX-License-Identifier: Apache-2.0
"""Measure the bedside page: delay from image to page, memory and load per watcher.

Starts a server and an image source at 8 Hz, then more and more watchers; the delay to the drawn
picture is taken in headless Chromium where selenium and Chromium are installed.

examples:
  thermal-pose bench-serve --out docs/results/bench_serve.json
"""

import argparse
import json

from thermal_pose.cli.arguments import add_out
from thermal_pose.files import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--seconds", type=float, default=30.0, metavar="S", help="time per number of watchers"
    )
    parser.add_argument(
        "--domain", type=int, default=88, metavar="N", help="ROS domain to measure in"
    )
    add_out(parser, "JSON file to write")


def start(args: argparse.Namespace) -> int:
    """Measure; print and write the figures."""
    from thermal_pose.lab.benchmark.bedside import measure_bedside

    figures = measure_bedside((0, 1, 4, 8), args.seconds, args.domain)
    document = {"command": f"thermal-pose bench-serve --seconds {args.seconds:g}"} | figures
    if args.out is not None:
        write_whole(args.out, json.dumps(document, indent=1) + "\n")
    print(json.dumps(document, indent=1))
    return 0
