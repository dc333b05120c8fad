# SPDX-License-Identifier: Apache-2.0
"""A process with the detector and pose nodes of one or more cameras, for load measurements.

Run as `python -m thermal_pose.lab.benchmark.load.worker [--analyze] [--over-dds] NAMESPACE...`;
ends when its parent does. `--analyze` adds the TUG analyzer of the first camera; with `--over-dds`
the nodes hand nothing over, so that all messages between them go through DDS.
"""

import argparse
import os
import sys
from collections.abc import Sequence

import rclpy

from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.process_table import selected_entries
from thermal_pose.nodes.single_process import SingleProcessGraph
from thermal_pose.parameters.parameter import ParameterValue


def main(words: Sequence[str]) -> int:
    """Run one detector and one pose node per namespace in one executor until the parent ends."""
    args = _arguments(words)
    parent = os.getppid()
    overrides: dict[str, dict[str, ParameterValue]] = {}
    for text in filter(None, os.environ.get("THERMAL_POSE_BENCH", "").split(",")):
        node, _, value = text.partition("=")
        overrides[node] = {"model": value}
    rclpy.init(args=[])
    without = ("thermal_camera",) if args.analyze else ("thermal_camera", "tug_analyzer")
    plans = [
        GraphPlan(selected_entries(without=without), overrides, namespace=name)
        for name in args.namespaces
    ]
    graphs = [SingleProcessGraph(plan, hand_over=not args.over_dds) for plan in plans]
    try:
        first, *others = [graph.__enter__() for graph in graphs]
        for graph in others:
            for name in ("pose", "detector"):
                first.add(graph.node(name))
        first.spin_while(lambda: rclpy.ok() and os.getppid() == parent)
    finally:
        for graph in graphs:
            graph.close()
        rclpy.try_shutdown()
    return 0


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("namespaces", nargs="+")
    parser.add_argument("--analyze", action="store_true")
    parser.add_argument("--over-dds", action="store_true")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
