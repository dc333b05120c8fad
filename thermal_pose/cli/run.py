# SPDX-License-Identifier: Apache-2.0
"""Run the graph: thermal camera, detector, pose, TUG analyzer; one status line per second.

All nodes run in this process unless --processes is given. With --bag, the command replays the
recording and ends with it; otherwise it runs until Ctrl-C.

examples:
  thermal-pose run
  thermal-pose run --bag recordings/trial_01 --rate 4
  thermal-pose run --processes --supervise --with recorder -p recorder.subject_id=P017
  thermal-pose run -p thermal_camera.backend=simulated -p pose.model=student-lite
"""

import argparse
import json
from pathlib import Path

from thermal_pose.cli.arguments import add_duration, add_json, add_namespace, add_rate
from thermal_pose.nodes.graph import GraphPlan, parse_overrides
from thermal_pose.nodes.process_table import selected_entries


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--bag", type=Path, metavar="PATH", help="replay this recording, then end")
    add_rate(parser)
    parser.add_argument("--loop", action="store_true", help="restart the recording when it ends")
    parser.add_argument("--processes", action="store_true", help="run each node in its own process")
    parser.add_argument(
        "--supervise", action="store_true", help="as --processes, and restart a node that dies"
    )
    parser.add_argument(
        "--with",
        dest="with_nodes",
        action="append",
        default=[],
        metavar="NODE",
        help="also start rgb_camera, visualizer or recorder; repeat for more",
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="NODE", help="do not start this node"
    )
    parameter = parser.add_argument(
        "-p",
        dest="settings",
        action="append",
        default=[],
        metavar="NODE.PARAMETER=VALUE",
        help="set a node's parameter; repeat for more",
    )
    parameter.completer = node_parameters  # type: ignore[attr-defined]
    parser.add_argument(
        "--config", type=Path, metavar="DIR", help="folder of <node>.yaml (default: config/)"
    )
    add_namespace(parser, "namespace of all topics")
    parser.add_argument("--use-sim-time", action="store_true", help="take the time from /clock")
    add_duration(parser)
    add_json(parser, "the last report")
    parser.add_argument("--quiet", action="store_true", help="print no status lines")


def node_parameters(**_: object) -> list[str]:
    """Return NODE.PARAMETER= of every node, for completion."""
    from thermal_pose.parameters.nodes import parameter_classes

    return [
        f"{node}.{spec.name}="
        for node, kind in parameter_classes().items()
        for spec in kind.specs()
    ]


def plan_from(args: argparse.Namespace) -> GraphPlan:
    """Return what to start, from the parsed options."""
    overrides = parse_overrides(args.settings)
    entries = selected_entries(tuple(args.with_nodes), tuple(args.without))
    if args.bag is not None:
        camera = overrides.setdefault("thermal_camera", {})
        camera.update(backend="bag", bag_path=str(args.bag), bag_rate=args.rate, bag_loop=args.loop)
        if "tug_analyzer" in {entry.name for entry in entries}:
            camera.setdefault("bag_awaits", "test/state")
    return GraphPlan(
        entries=entries,
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
    if outcome.silence is not None:
        raise outcome.silence
    return 0
