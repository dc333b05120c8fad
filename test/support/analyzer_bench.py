# SPDX-License-Identifier: Apache-2.0
"""The analyzer with a peer that sends it keypoints and hears its results."""

import json
from contextlib import contextmanager

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger
from support.stick_figure import Figure
from support.waiting import spin_for

from thermal_pose.messages.people import keypoints_message
from thermal_pose.msg import Keypoints, TugPhase, TugReport
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import report_qos, result_qos
from thermal_pose.nodes.tug_analyzer import TugAnalyzerNode
from thermal_pose.types import FrameKeypoints

FRAME_NS = 125_000_000


@contextmanager
def analyzer_bench(request):
    """Yield the node under test, a node that talks to it, and what it published.

    The request is that of a fixture `bench`, parametrized by `given` with the node's parameters, in
    which '{tmp}' stands for a folder of the test.
    """
    parameters = [
        rclpy.parameter.Parameter(name, value=fill(request, value))
        for name, value in getattr(request, "param", {}).items()
    ]
    node = TugAnalyzerNode(use_global_arguments=False, parameter_overrides=parameters)
    node.start()
    peer = rclpy.create_node("peer")
    heard = {"phases": [], "reports": []}
    peer.create_subscription(TugPhase, "tug/phase", heard["phases"].append, result_qos())
    peer.create_subscription(TugReport, "tug/report", heard["reports"].append, report_qos())
    publisher = peer.create_publisher(Keypoints, "keypoints", result_qos())
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(peer)
    spin_for(executor, lambda: publisher.get_subscription_count() == 1)
    yield node, peer, executor, publisher, heard
    node.stop()
    peer.destroy_node()
    executor.shutdown()


def fill(request, value):
    """Return a parameter's value with the test's own folder in it."""
    if not isinstance(value, str) or "{tmp}" not in value:
        return value
    return value.replace("{tmp}", str(request.getfixturevalue("tmp_path")))


def given(**parameters):
    """Parametrize `bench` with parameters."""
    return pytest.mark.parametrize("bench", [parameters], indirect=True, ids=[""])


def empty_frame(index):
    return FrameKeypoints(10**18 + index * FRAME_NS, "cam_7", "student:abc", (80, 60))


def call(executor, peer, name):
    client = peer.create_client(Trigger, name)
    assert client.wait_for_service(5.0)
    future = client.call_async(Trigger.Request())
    spin_for(executor, future.done)
    return future.result()


def whole_test(bench):
    """Publish a whole test of a drawn figure; return its report."""
    _, peer, executor, publisher, heard = bench
    reports, phases = len(heard["reports"]), len(heard["phases"])
    for index, frame in enumerate(Figure().frames()):
        publisher.publish(keypoints_message(live, frame))
        spin_for(executor, lambda count=phases + index + 1: len(heard["phases"]) >= count)
    if len(heard["reports"]) == reports:
        call(executor, peer, "tug_analyzer/stop")
    spin_for(executor, lambda: len(heard["reports"]) == reports + 1)
    return json.loads(heard["reports"][-1].json)
