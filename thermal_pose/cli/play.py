# SPDX-License-Identifier: Apache-2.0
"""Play a recording onto its topics, with /clock, as `ros2 bag play` does.

This replay keeps time and may lose frames; `thermal-pose run --bag` waits for the graph instead.

examples:
  thermal-pose play recordings/S01_20260101T120000Z
  thermal-pose play --rate 4 --loop --skip 2.5 recordings/S01_20260101T120000Z
  thermal-pose play --topics thermal/image_raw --no-clock recordings/S01_20260101T120000Z
"""

import argparse
import json

from thermal_pose.bags.recording import parse_topics
from thermal_pose.cli.arguments import add_json, add_namespace, add_rate, add_recording, count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_recording(parser, "recording to play")
    add_rate(parser)
    parser.add_argument(
        "--skip", type=float, default=0.0, metavar="S", help="leave out the first seconds"
    )
    parser.add_argument("--loop", action="store_true", help="start again after the end")
    parser.add_argument("--topics", nargs="+", default=[], help="play only these (default: all)")
    parser.add_argument("--clock", type=float, default=40.0, metavar="HZ", help="rate of /clock")
    parser.add_argument("--no-clock", action="store_true", help="do not publish /clock")
    parser.add_argument(
        "--wait", type=count, default=0, metavar="N", help="start when there are N subscriptions"
    )
    add_namespace(parser, "namespace to publish in; the recorded one if not given")
    add_json(parser, "the count of messages")


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    import rclpy

    from thermal_pose.nodes.graph import check_namespace
    from thermal_pose.nodes.player import BagPlayer, PlayOptions, recording_namespace
    from thermal_pose.nodes.signals import stay_on_this_machine

    options = PlayOptions(
        rate=args.rate,
        start_s=args.skip,
        loop=args.loop,
        topics=parse_topics(args.topics),
        clock_hz=0.0 if args.no_clock else args.clock,
        min_subscribers=args.wait,
    )
    stay_on_this_machine()
    rclpy.init(args=[])
    try:
        namespace = check_namespace(args.namespace or recording_namespace(args.recording))
        node = rclpy.create_node("player", namespace=namespace)
        played = BagPlayer(node, args.recording, options, rclpy.ok).play()
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
    if args.json:
        print(json.dumps({"recording": str(args.recording), "played": played}))
    else:
        print(f"played {played} messages of {args.recording}")
    return 0
