# SPDX-License-Identifier: Apache-2.0
"""Partners whose QoS cannot match are named, once, with both policies; others are heard."""

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from support.trials import thermal_frame
from support.waiting import spin_for

from thermal_pose.messages.images import thermal_message
from thermal_pose.nodes.detector import DetectorNode
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.visualizer import VisualizerNode

pytestmark = pytest.mark.graph


def warnings_of(node, peer, times, capfd):
    """Spin until `node` has met `times` incompatible partners; return its lines about them."""
    executor = SingleThreadedExecutor()
    for one in (peer, node):
        executor.add_node(one)
    spin_for(executor, lambda: node.statistics.summary().counts.get("incompatible_qos", 0) >= times)
    node.stop()
    peer.destroy_node()
    executor.shutdown()
    return [line for line in capfd.readouterr().err.splitlines() if "]: topic '" in line]


def test_a_writer_that_cannot_be_heard_is_named_once_with_both_policies(ros, capfd):
    camera = rclpy.create_node("camera")
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    node = DetectorNode(
        use_global_arguments=False,
        parameter_overrides=[
            Parameter("model", value="warm_blob"),
            Parameter("image_reliability", value="reliable"),
        ],
    )
    node.start()
    for _ in range(2):
        camera.create_publisher(Image, "thermal/image_raw", qos)
    (line,) = warnings_of(node, camera, 2, capfd)
    assert "'thermal/image_raw': a writer offers reliability BEST_EFFORT" in line
    assert "this node asks RELIABLE" in line


def test_a_reader_that_cannot_hear_is_named_with_both_policies(ros, capfd):
    viewer = rclpy.create_node("viewer")
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node = VisualizerNode(use_global_arguments=False)
    node.start()
    viewer.create_subscription(Image, "overlay/image", print, qos)
    (line,) = warnings_of(node, viewer, 1, capfd)
    assert "'overlay/image': a reader asks durability TRANSIENT_LOCAL" in line
    assert "this node offers VOLATILE" in line


def test_best_effort_cameras_are_heard_by_default(ros):
    bench_camera = rclpy.create_node("camera")
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    images = bench_camera.create_publisher(Image, "thermal/image_raw", qos)
    node = DetectorNode(
        use_global_arguments=False,
        parameter_overrides=[Parameter("model", value="warm_blob")],
    )
    node.start()
    executor = SingleThreadedExecutor()
    for one in (bench_camera, node):
        executor.add_node(one)
    spin_for(executor, lambda: images.get_subscription_count() == 1)

    def heard():
        images.publish(thermal_message(live, thermal_frame(0)))
        return node.statistics.summary().frames > 0

    spin_for(executor, heard)
    node.stop()
    bench_camera.destroy_node()
    executor.shutdown()
