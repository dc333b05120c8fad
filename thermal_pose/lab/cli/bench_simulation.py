# SPDX-License-Identifier: Apache-2.0
"""Measure the simulated clinic: frames and pairs per second, memory, distance from the floor.

examples:
  thermal-pose bench-simulation --out docs/results/bench-simulation.json
  thermal-pose bench-simulation --seconds 60 --jobs 4 --json
"""

import argparse
import json

from thermal_pose.cli.arguments import add_jobs, add_json, add_out, jobs_of, print_result
from thermal_pose.files import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--seconds", type=float, default=20.0, metavar="S", help="length of each run"
    )
    add_jobs(parser, 2)
    add_out(parser, "JSON file to write")
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Measure, write and print; exit code 1 if a target is missed."""
    from thermal_pose.lab.benchmark.simulation import bench_simulation

    results = bench_simulation(args.seconds, jobs_of(args))
    if args.out is not None:
        write_whole(args.out, json.dumps(results, indent=2) + "\n")
    thermal, pairs, memory = results["thermal_stream"], results["pairs"], results["memory"]
    print_result(
        args,
        results,
        f"{thermal['per_s']:.0f} thermal frames/s, {pairs['per_s']:.1f} pairs/s, "
        f"{memory['all_processes_gb']:.2f} GB",
    )
    met = (
        thermal["per_s"] >= thermal["target_per_s"]
        and pairs["per_s"] >= pairs["target_per_s"]
        and memory["all_processes_gb"] <= memory["limit_gb"]
    )
    return 0 if met else 1
