# SPDX-License-Identifier: Apache-2.0
"""A process with the detector and pose nodes of one or more cameras, for load measurements.

Run as `python -m thermal_pose.lab.benchmark.worker NAMESPACE...`; ends when its parent does.
"""

import os
import sys
from collections.abc import Sequence

import rclpy

from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.process_table import selected_entries
from thermal_pose.nodes.single_process import SingleProcessGraph
from thermal_pose.parameters.parameter import ParameterValue

NODES = ("thermal_camera", "tug_analyzer")


def main(namespaces: Sequence[str]) -> int:
    """Run one detector and one pose node a namespace in one executor until the parent ends."""
    parent = os.getppid()
    overrides: dict[str, dict[str, ParameterValue]] = {}
    for text in filter(None, os.environ.get("THERMAL_POSE_BENCH", "").split(",")):
        node, _, value = text.partition("=")
        overrides[node] = {"model": value}
    rclpy.init(args=[])
    plans = [
        GraphPlan(selected_entries(without=NODES), overrides, namespace=name) for name in namespaces
    ]
    graphs = [SingleProcessGraph(plan) for plan in plans]
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
