# SPDX-License-Identifier: Apache-2.0
"""Calibrate the thermal and the RGB camera from a recording of a spot target.

Record with `thermal-pose record --rgb`. Hold the target (a grid of round spots, warm for the
thermal camera and dark for the RGB camera) still for half a second in each of 15 places: near the
edges, near and far, tilted to all sides. Writes camera_info YAML files that the nodes load
(parameter camera_info_path), the pose between the cameras, and a picture that proves it.

Without a target, --people finds a fixed map from a walking person; it holds at one depth.

examples:
  thermal-pose calibrate recordings/target --out calibration
  thermal-pose calibrate --live --out calibration
  thermal-pose calibrate recordings/target --grid 7x5 --spacing 0.08 --radius 0.025
  thermal-pose calibrate recordings/S01 --people --out calibration
  thermal-pose calibrate --make-example /tmp/target
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from thermal_pose.cli.arguments import add_json, add_namespace, add_out, positive
from thermal_pose.errors import ConfigError

if TYPE_CHECKING:
    from thermal_pose.calibration.session import CalibrationViews
    from thermal_pose.calibration.target import SpotTarget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("recording", type=Path, nargs="?", help="recording with both cameras")
    add_out(parser, "folder to write", Path("calibration"))
    parser.add_argument(
        "--grid", default="5x4", metavar="COLUMNSxROWS", help="spots per row and per column"
    )
    parser.add_argument(
        "--spacing", type=float, default=0.10, metavar="M", help="distance of neighbouring centres"
    )
    parser.add_argument("--radius", type=float, default=0.032, metavar="M", help="radius of a spot")
    parser.add_argument("--live", action="store_true", help="use running camera nodes, with hints")
    parser.add_argument(
        "--views", type=positive, default=15, metavar="N", help="with --live: stop at this many"
    )
    add_namespace(parser, "with --live: namespace of the camera nodes")
    parser.add_argument("--people", action="store_true", help="no target: use moving people")
    parser.add_argument(
        "--make-example", type=Path, metavar="PATH", help="write a simulated recording and stop"
    )
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    if args.make_example is not None:
        from thermal_pose.calibration.synthetic import write_example

        write_example(args.make_example)
        print(f"simulated recording of a target: {args.make_example}")
        return 0
    if (args.recording is None) != args.live or (args.live and args.people):
        raise ConfigError("calibrate: expected either a recording or --live (with a target)")
    numbers = _from_people(args) if args.people else _from_target(args)
    print(json.dumps(numbers) if args.json else _summary(numbers, args.out))
    return 0


def _from_target(args: argparse.Namespace) -> dict[str, Any]:
    from thermal_pose.calibration.report import write_results
    from thermal_pose.calibration.stereo import calibrate_pair
    from thermal_pose.calibration.target import SpotTarget

    columns, _, rows = args.grid.partition("x")
    if not (columns.isdigit() and rows.isdigit()):
        raise ConfigError(f"--grid '{args.grid}': expected COLUMNSxROWS, such as 5x4")
    try:
        target = SpotTarget((int(columns), int(rows)), args.spacing, args.radius)
    except ValueError as error:
        raise ConfigError(f"--grid, --spacing, --radius: {error}") from error
    views = _live_views(args, target) if args.live else _recorded_views(args, target)
    calibration = calibrate_pair(views.views, target, views.thermal_wh, views.rgb_wh)
    return write_results(args.out, calibration, views, target)


def _recorded_views(args: argparse.Namespace, target: "SpotTarget") -> "CalibrationViews":
    from thermal_pose.calibration.session import collect_views, coverage_hints

    with tqdm(unit="pair", disable=args.json) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        views = collect_views(args.recording, target, progress)
    spots = [view.thermal for view in views.views if view.thermal is not None]
    for hint in coverage_hints(spots, views.thermal_wh) if not args.json else ():
        print(f"hint: {hint}")
    return views


def _live_views(args: argparse.Namespace, target: "SpotTarget") -> "CalibrationViews":
    import rclpy

    from thermal_pose.nodes.calibrator import collect_live
    from thermal_pose.nodes.signals import EndRequest, init_ros

    def show(views: int, hints: list[str]) -> None:
        print(f"{views} views; {'; '.join(hints) or 'enough'}", file=sys.stderr)

    # Ctrl-C ends the collecting, not the command.
    init_ros([])
    try:
        with EndRequest() as end:
            return collect_live(target, args.namespace, args.views, show, lambda: not end.asked)
    finally:
        rclpy.try_shutdown()


def _from_people(args: argparse.Namespace) -> dict[str, Any]:
    from thermal_pose.calibration.people_session import register_recording

    return register_recording(args.recording, args.out)


def _summary(numbers: dict[str, Any], folder: Path) -> str:
    if "thermal" not in numbers:
        return (
            f"fixed map from {numbers['moments']} moments of movement, correlation "
            f"{numbers['correlation']}: {folder}"
        )
    thermal, rgb = numbers["thermal"], numbers["rgb"]
    return (
        f"calibrated from {numbers['views']} views: thermal {thermal['rms_px']} px, "
        f"RGB {rgb['rms_px']} px, between the cameras {numbers['cross_rms_thermal_px']} thermal "
        f"px: {folder}"
    )
