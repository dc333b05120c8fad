# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from test.support.waiting import spin_for
from thermal_pose.msg import Keypoints, TugPhase, TugReport
from thermal_pose.nodes.conversions import keypoints_to_msg, stamp_to_ns
from thermal_pose.nodes.qos import report_qos, result_qos
from thermal_pose.nodes.tug_analyzer import TugAnalyzerNode
from thermal_pose.types import FrameKeypoints

pytestmark = pytest.mark.graph
FRAME_NS = 125_000_000


@pytest.fixture
def bench(ros):
    """The node under test, a node that talks to it, and what it published."""
    node = TugAnalyzerNode(use_global_arguments=False)
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


def empty_frame(index):
    return FrameKeypoints(10**18 + index * FRAME_NS, "cam_7", "student:abc", (80, 60))


def call(executor, peer, name):
    client = peer.create_client(Trigger, name)
    assert client.wait_for_service(5.0)
    future = client.call_async(Trigger.Request())
    spin_for(executor, future.done)
    return future.result()


def test_phase_repeats_stamp_and_frame_bit_for_bit(bench):
    _, _, executor, publisher, heard = bench
    publisher.publish(keypoints_to_msg(empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    header = heard["phases"][0].header
    assert stamp_to_ns(header.stamp) == 10**18 and header.frame_id == "cam_7"
    assert heard["phases"][0].phase == TugPhase.UNKNOWN


def test_stop_refuses_an_empty_view_with_a_reason(bench):
    _, peer, executor, publisher, heard = bench
    for index in range(8):
        publisher.publish(keypoints_to_msg(empty_frame(index)))
    spin_for(executor, lambda: len(heard["phases"]) == 8)
    assert call(executor, peer, "tug_analyzer/stop").success
    spin_for(executor, lambda: len(heard["reports"]) == 1)
    report = heard["reports"][0]
    assert not report.valid and report.reason == "no_person" and report.sentence
    assert np.isnan(report.total_s)
    assert json.loads(report.json)["total_s"] is None


def test_stop_without_a_frame_says_so(bench):
    _, peer, executor, _, heard = bench
    answer = call(executor, peer, "tug_analyzer/stop")
    assert not answer.success and answer.message == "no frame was seen yet"
    assert not heard["reports"]


def test_reset_forgets_the_frames(bench):
    node, peer, executor, publisher, heard = bench
    publisher.publish(keypoints_to_msg(empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    assert call(executor, peer, "tug_analyzer/reset").success
    assert node.details()["frames held"] == "0"


def test_report_is_latched_for_a_late_listener(bench):
    _, peer, executor, publisher, heard = bench
    publisher.publish(keypoints_to_msg(empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    call(executor, peer, "tug_analyzer/stop")
    late = []
    peer.create_subscription(TugReport, "tug/report", late.append, report_qos())
    spin_for(executor, lambda: len(late) == 1)


def test_malformed_keypoints_are_counted_and_survived(bench):
    node, _, executor, publisher, heard = bench
    bad = keypoints_to_msg(empty_frame(0))
    from thermal_pose.msg import PersonKeypoints

    bad.persons = [PersonKeypoints()]
    publisher.publish(bad)
    publisher.publish(keypoints_to_msg(empty_frame(1)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    assert node.statistics.summary().counts["ImageFormatError"] == 1


def test_parameters_reach_the_report(bench):
    node, peer, executor, publisher, heard = bench
    node.set_parameters(
        [
            rclpy.parameter.Parameter("subject_id", value="P017"),
            rclpy.parameter.Parameter("age_years", value=71.0),
            rclpy.parameter.Parameter("height_m", value=1.62),
        ]
    )
    publisher.publish(keypoints_to_msg(empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    call(executor, peer, "tug_analyzer/stop")
    spin_for(executor, lambda: len(heard["reports"]) == 1)
    document = json.loads(heard["reports"][0].json)
    assert (document["subject_id"], document["age_years"], document["height_m"]) == (
        "P017",
        71.0,
        1.62,
    )
    assert heard["reports"][0].subject_id == "P017"


def test_without_auto_start_nothing_is_collected_before_go(bench):
    node, peer, executor, publisher, heard = bench
    node.set_parameters([rclpy.parameter.Parameter("auto_start", value=False)])
    call(executor, peer, "tug_analyzer/reset")
    publisher.publish(keypoints_to_msg(empty_frame(0)))
    spin_for(executor, lambda: len(heard["phases"]) == 1)
    assert node.details()["frames held"] == "0"
    call(executor, peer, "tug_analyzer/start")
    publisher.publish(keypoints_to_msg(empty_frame(1)))
    spin_for(executor, lambda: len(heard["phases"]) == 2)
    assert node.details()["frames held"] == "1"
