# SPDX-License-Identifier: Apache-2.0
"""Show the live topics, or a recording, in the browser (extra `view`).

Page and data are served to this machine only unless --bind says otherwise; Ctrl-C ends it.

examples:
  thermal-pose view
  thermal-pose view --namespace ward3 --no-browser
  thermal-pose view --bag recordings/S01_20260101T120000Z
  thermal-pose view --bag recordings/S01_20260101T120000Z --out trial.rrd
"""

import argparse
import threading
from pathlib import Path

from tqdm import tqdm

from thermal_pose.cli.arguments import add_duration, add_namespace, add_out
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.viewer.rerun_view import RerunView
from thermal_pose.viewer.server import LOOPBACK, ViewerOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--bag", type=Path, metavar="PATH", help="show this recording instead of the live topics"
    )
    add_namespace(parser, "namespace of the live graph")
    parser.add_argument(
        "--model", default=PoseParameters().model, help="pose model, for bags without keypoints"
    )
    parser.add_argument(
        "--detector", default=DetectorParameters().model, help="detector, for the same bags"
    )
    parser.add_argument("--port", type=int, default=9090, metavar="PORT", help="port of the page")
    parser.add_argument(
        "--data-port", type=int, default=9876, metavar="PORT", help="port of the page's data"
    )
    parser.add_argument(
        "--bind",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="IP address to serve on; 0.0.0.0 lets every machine read and change the view",
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    add_out(parser, "write a Rerun file instead of serving")
    add_duration(parser)


def start(args: argparse.Namespace) -> int:
    """Serve, or write the file."""
    view = RerunView()
    if args.out is not None:
        view.save(args.out)
    else:
        options = ViewerOptions(
            args.port, args.data_port, open_browser=not args.no_browser, address=args.bind
        )
        print(f"open {view.serve(options)}", flush=True)
    if args.bag is None:
        frames = _live(view, args)
        print(f"showed {frames} images of the live topics")
        return 0
    frames = _recording(view, args)
    print(f"{args.out or 'showing'}: {frames} images of {args.bag}", flush=True)
    if args.out is None:
        threading.Event().wait(args.duration or None)
    return 0


def _recording(view: RerunView, args: argparse.Namespace) -> int:
    from thermal_pose.viewer.recording import show_recording

    detector, pose = DetectorParameters(model=args.detector), PoseParameters(model=args.model)
    with tqdm(unit="image", desc="loading", disable=None) as bar:
        return show_recording(args.bag, view, detector, pose, bar.update)


def _live(view: RerunView, args: argparse.Namespace) -> int:
    import time

    import rclpy

    from thermal_pose.nodes.signals import stay_on_this_machine
    from thermal_pose.viewer.live import show_live

    stay_on_this_machine()
    rclpy.init(args=[])
    deadline_s = time.monotonic() + (args.duration or float("inf"))
    try:
        return show_live(view, args.namespace, lambda: rclpy.ok() and time.monotonic() < deadline_s)
    finally:
        rclpy.try_shutdown()
