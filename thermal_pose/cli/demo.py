# SPDX-License-Identifier: Apache-2.0
"""Replay the shipped recording of a simulated trial through the live graph and report on it.

Images, boxes, keypoints, phases and report all pass through ROS 2. The recording's time stamps
determine every figure, so the replay rate changes none.

With --offline the recording is analyzed without ROS 2 and gives the same figures.

examples:
  thermal-pose demo
  thermal-pose demo --offline
  thermal-pose demo --rate 1 --processes --out out/demo
"""

import argparse
import json
from pathlib import Path
from typing import Any

from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.cli.arguments import add_json, add_out, add_rate
from thermal_pose.errors import GraphError
from thermal_pose.files import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--bag", type=Path, default=DEMO_BAG, help="another recording")
    add_rate(parser, 4.0)
    add_out(parser, "folder of the report", Path("out/demo"))
    parser.add_argument("--processes", action="store_true", help="run each node in its own process")
    parser.add_argument("--offline", action="store_true", help="without ROS: analyze the recording")
    add_json(parser, "the report")


def start(args: argparse.Namespace) -> int:
    """Analyze the recording and print one line."""
    from thermal_pose.cameras.bag import check_recording

    check_recording(args.bag)
    report, page = _offline(args) if args.offline else _through_ros(args)
    if args.json:
        print(json.dumps(report, indent=2))
        return _exit_code(report)
    print(summary_line(report))
    print(f"report: {page}")
    return _exit_code(report)


def _exit_code(report: dict[str, Any]) -> int:
    return 0 if report["valid"] else GraphError.exit_code


def _offline(args: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    from thermal_pose.clinical.tug.options import TugParams
    from thermal_pose.pipeline.perception_params import build_perception
    from thermal_pose.pipeline.recorded_trial import analyze_recording
    from thermal_pose.report.write import write_report

    trial = analyze_recording(args.bag, build_perception(), TugParams())
    paths = write_report(trial.result, trial.frames, trial.keypoints, args.out)
    return trial.result.to_json_dict(), paths.html


def _through_ros(args: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    from thermal_pose.nodes.graph import GraphPlan
    from thermal_pose.nodes.session import run_session

    args.out.mkdir(parents=True, exist_ok=True)
    plan = GraphPlan(
        overrides={
            "thermal_camera": {
                "backend": "bag",
                "bag_path": str(args.bag.resolve()),
                "bag_rate": args.rate,
                # detector, pose, and the analyzer for the report's film
                "bag_min_subscribers": 3,
                "bag_awaits": "test/state",
            },
            "tug_analyzer": {"report_dir": str(args.out.resolve())},
        }
    )
    outcome = run_session(plan, processes=args.processes, until_recording_ends=True)
    if not outcome.last_report_json:
        raise GraphError("the recording was replayed but no report was published")
    document = json.loads(outcome.last_report_json)
    return document, _newest_up(args.out, document)


def _newest_up(out: Path, document: dict[str, Any]) -> Path:
    """Copy the last trial's files from its own folder up to `out`; return the page's path.

    The node keeps a folder for each trial; people who run the demo look for one page.
    """
    from thermal_pose.report.files import find_reports
    from thermal_pose.report.write import ReportPaths

    for report in find_reports(out):
        if report.folder != out and json.loads(report.json.read_bytes()) == document:
            for file in report.files:
                write_whole(out / file.name, file.read_bytes(), private=True)
            return ReportPaths.below(out).html
    raise GraphError(f"a report was published, but its files are not below {out}")


def summary_line(report: dict[str, Any]) -> str:
    """Return total, phases and the errors against the recording's truth as one line."""
    if not report["valid"]:
        return f"refused ({report['reason']}): {report['sentence']}"
    phases = ", ".join(
        f"{row['phase'].lower()} "
        + ("withheld" if row["duration_s"] is None else f"{row['duration_s']:.2f}")
        for row in report["phases"]
    )
    line = f"total {report['total_s']:.2f} s ({phases})"
    truth = report.get("truth")
    if not truth or truth["total_s"] is None:
        return line
    worst_s = max(
        abs(mine[edge] - true[edge])
        for mine, true in zip(report["phases"], truth["phases"], strict=True)
        for edge in ("start_s", "end_s")
    )
    error_s = report["total_s"] - truth["total_s"]
    return f"{line}; against the truth: total {error_s:+.3f} s, worst boundary {worst_s:.3f} s"
