# SPDX-License-Identifier: Apache-2.0
"""What a test hears on /tf_static."""

from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from thermal_pose.nodes.qos import result_qos  # noqa: E402


def hear_transforms(executor: SingleThreadedExecutor) -> list[TFMessage]:
    heard: list[TFMessage] = []
    node = rclpy.create_node("tf_listener")
    node.create_subscription(TFMessage, "/tf_static", heard.append, result_qos(100))
    executor.add_node(node)
    return heard


def transforms_of(heard: list[TFMessage]) -> dict[str, Any]:
    return {t.child_frame_id: t for message in heard for t in message.transforms}
