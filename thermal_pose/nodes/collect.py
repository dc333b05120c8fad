# SPDX-License-Identifier: Apache-2.0
"""Plays a recording through the real nodes and collects every image's keypoints."""

import time
from pathlib import Path

import rclpy

from thermal_pose.bags.reader import BagReader
from thermal_pose.errors import GraphError
from thermal_pose.gates.intake import FrameIntake, admitted
from thermal_pose.messages.people import to_keypoints
from thermal_pose.msg import Keypoints
from thermal_pose.nodes.graph import GraphPlan, Overrides
from thermal_pose.nodes.process_table import selected_entries
from thermal_pose.nodes.qos import result_qos
from thermal_pose.nodes.single_process import SingleProcessGraph
from thermal_pose.parameters.parameter import ParameterValue
from thermal_pose.types import FrameKeypoints

_SILENCE_S = 120.0


def collect_keypoints(path: Path, overrides: Overrides | None = None) -> list[FrameKeypoints]:
    """Return the keypoints of all images, as camera, detector and pose node make them.

    Parameters
    ----------
    overrides : parameters of `detector` and `pose` that differ from the shipped ones.

    Raises
    ------
    GraphError
        No keypoints came for two minutes although images are left.
    """
    with BagReader(path) as bag:
        frames = sum(1 for _ in admitted(bag.thermal_frames(), FrameIntake()))
    camera: dict[str, ParameterValue] = {"backend": "bag", "bag_path": str(path), "bag_rate": 0.0}
    plan = GraphPlan(
        selected_entries(without=("tug_analyzer",)),
        {**(overrides or {}), "thermal_camera": camera},
    )
    found: list[FrameKeypoints] = []
    last_s = [time.monotonic()]

    def on_keypoints(message: Keypoints) -> None:
        found.append(to_keypoints(message))
        last_s[0] = time.monotonic()

    listener = rclpy.create_node("collector", use_global_arguments=False)
    listener.create_subscription(Keypoints, "keypoints", on_keypoints, result_qos())
    with SingleProcessGraph(plan) as graph:
        graph.add(listener)
        graph.spin_while(lambda: len(found) < frames and time.monotonic() - last_s[0] < _SILENCE_S)
    listener.destroy_node()
    if len(found) < frames:
        raise GraphError(f"{path}: keypoints came for {len(found)} of {frames} images")
    return found
