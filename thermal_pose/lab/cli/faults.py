# SPDX-License-Identifier: Apache-2.0
"""Run the fault tests at their promised counts and write the table of results.

Runs the checkout's tests marked `faults` at their full counts; `make test` runs them a few times.
The same table is also written as Markdown. A full run starts with an empty table, so
that a fault is missing if its test failed.

examples:
  thermal-pose faults --out docs/results/faults.json
  thermal-pose faults --only "recorder or unplug"
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thermal_pose.cli.arguments import add_json, add_out, print_result
from thermal_pose.errors import ConfigError
from thermal_pose.files import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_out(parser, "JSON file to write", Path("docs/results/faults.json"))
    parser.add_argument("--only", default="", help="names of tests, as in pytest -k (default: all)")
    add_json(parser, "the table")
    parser.add_argument("--few", action="store_true", help="try each fault only a few times")


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    checkout = Path(__file__).resolve().parents[3]
    if not (checkout / "test" / "support" / "faults.py").exists():
        raise ConfigError("the fault tests are part of a checkout, not of an installation")
    if not args.only:
        args.out.unlink(missing_ok=True)
    environment = {**os.environ, "THERMAL_POSE_FAULTS_OUT": str(args.out.resolve())}
    if not args.few:
        environment["THERMAL_POSE_FAULTS"] = "full"
    files = _files_with_faults(checkout / "test")
    command = [sys.executable, "-m", "pytest", "-m", "faults", "--timeout", "3600", *files]
    if args.only:
        command += ["-k", args.only]
    stdout = sys.stderr if args.json else None  # pytest's own lines
    code = subprocess.run(
        command, cwd=checkout, env=environment, stdout=stdout, check=False
    ).returncode
    rows: list[dict[str, Any]] = []
    if args.out.exists():
        rows = json.loads(args.out.read_text(encoding="utf-8"))
        write_whole(args.out.with_suffix(".md"), table(rows))
    lines = [f"  {row['times']:>7} x {row['fault']}: {row['result']}" for row in rows]
    lines.append(f"fault tests {'passed' if code == 0 else 'FAILED'}: {args.out}")
    document = {"passed": code == 0, "out": str(args.out), "faults": rows}
    print_result(args, document, "\n".join(lines))
    return code


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """The table for people: fault, times tried, result."""
    lines = [
        "# Faults",
        "Written by `make faults`, or part by part by `thermal-pose faults --only`. "
        "Cameras are emulated, people and targets simulated.",
        "",
        "| fault | times tried | result |",
        "|---|---|---|",
        *(f"| {row['fault']} | {row['times']} | {row['result']} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _files_with_faults(folder: Path) -> list[str]:
    """Test files that mark fault tests; collecting all others would take longer than some."""
    return [
        str(path)
        for path in sorted(folder.rglob("test_*.py"))
        if "mark.faults" in path.read_text(encoding="utf-8")
    ]
