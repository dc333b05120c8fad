# SPDX-License-Identifier: Apache-2.0
"""Run the graph: thermal camera, detector, pose, TUG analyzer; one status line a second.

All nodes run in this one process unless --processes is given. With --bag the recording is
replayed and the command ends with it; else it runs until Ctrl-C.

examples:
  thermal-pose run
  thermal-pose run --bag recordings/trial_01 --rate 4
  thermal-pose run --processes --supervise --with recorder -p recorder.subject_id=P017
  thermal-pose run -p thermal_camera.backend=simulated -p pose.model=student-lite
"""

import argparse
import json
from pathlib import Path

from thermal_pose.nodes.graph import GraphPlan, parse_overrides
from thermal_pose.nodes.process_table import selected_entries


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--bag", type=Path, help="replay this recording, then end")
    parser.add_argument(
        "--rate", type=float, default=1.0, help="multiple of real time (0: fastest)"
    )
    parser.add_argument("--loop", action="store_true", help="start the recording again and again")
    parser.add_argument("--processes", action="store_true", help="each node in its own process")
    parser.add_argument(
        "--supervise", action="store_true", help="processes, and restart one that dies"
    )
    parser.add_argument(
        "--with",
        dest="with_nodes",
        action="append",
        default=[],
        metavar="NODE",
        help="also start rgb_camera, visualizer or recorder",
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="NODE", help="do not start this node"
    )
    parser.add_argument(
        "-p",
        dest="settings",
        action="append",
        default=[],
        metavar="NODE.PARAMETER=VALUE",
        help="set a parameter",
    )
    parser.add_argument("--config", type=Path, help="folder of <node>.yaml to use instead")
    parser.add_argument("--namespace", default="", help="prefix of all topics")
    parser.add_argument("--use-sim-time", action="store_true", help="take the time from /clock")
    parser.add_argument(
        "--duration",
        type=float,
        default=0.0,
        metavar="S",
        help="end after so many seconds (0: do not)",
    )
    parser.add_argument("--json", action="store_true", help="print the last report as JSON")
    parser.add_argument("--quiet", action="store_true", help="no status lines")


def plan_from(args: argparse.Namespace) -> GraphPlan:
    """Return what to start, from the parsed options."""
    overrides = parse_overrides(args.settings)
    if args.bag is not None:
        camera = overrides.setdefault("thermal_camera", {})
        camera.update(backend="bag", bag_path=str(args.bag), bag_rate=args.rate, bag_loop=args.loop)
    return GraphPlan(
        entries=selected_entries(tuple(args.with_nodes), tuple(args.without)),
        overrides=overrides,
        namespace=args.namespace,
        config_dir=args.config,
        use_sim_time=args.use_sim_time,
    )


def start(args: argparse.Namespace) -> int:
    """Run until the recording ends, the duration is over, or a signal comes."""
    from thermal_pose.cameras.bag import check_recording
    from thermal_pose.nodes.session import run_session

    if args.bag is not None:
        check_recording(args.bag)
    outcome = run_session(
        plan_from(args),
        processes=args.processes or args.supervise,
        supervise=args.supervise,
        until_recording_ends=args.bag is not None and not args.loop,
        duration_s=args.duration,
        quiet=args.quiet,
    )
    if args.json and outcome.last_report_json:
        print(json.dumps(json.loads(outcome.last_report_json), indent=2))
    print(outcome.summary_line())
    return 0
