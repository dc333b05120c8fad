# SPDX-License-Identifier: Apache-2.0
"""All nodes in one process: start, one node's defect, end."""

import time

import pytest
import rclpy
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger
from support.ports import free_ports
from support.waiting import wait_for

from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.errors import ConfigError
from thermal_pose.messages.fields import header_message
from thermal_pose.messages.people import keypoints_message
from thermal_pose.msg import Keypoints, TugPhase
from thermal_pose.nodes.graph import GraphPlan
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.process_table import (
    PROCESS_TABLE,
    ProcessEntry,
    process_entry,
    selected_entries,
)
from thermal_pose.nodes.qos import result_qos
from thermal_pose.nodes.single_process import SingleProcessGraph
from thermal_pose.nodes.status import StatusNode
from thermal_pose.nodes.tug_analyzer import TugAnalyzerNode
from thermal_pose.types import FrameKeypoints

pytestmark = pytest.mark.graph
FRAME_NS = 125_000_000


class BrittleAnalyzer(TugAnalyzerNode):
    """Breaks on the third frame that any of its instances gets."""

    seen = 0

    def _on_keypoints(self, message):
        type(self).seen += 1
        if type(self).seen == 3:
            raise RuntimeError("defect on purpose")
        super()._on_keypoints(message)


def keypoints(index):
    return keypoints_message(live, FrameKeypoints(10**18 + index * FRAME_NS, "cam", "m", (80, 60)))


def turns(graph, condition, limit=400):
    """Spin until the condition holds; whether it did."""
    left = iter(range(limit))
    graph.spin_while(lambda: not condition() and next(left, None) is not None)
    return condition()


def test_a_defect_rebuilds_that_node_alone(ros):
    BrittleAnalyzer.seen = 0
    entries = (
        ProcessEntry("tug_analyzer", f"{__name__}:BrittleAnalyzer"),
        process_entry("detector"),
    )
    plan = GraphPlan(entries=entries, overrides={"detector": {"model": "warm_blob"}})
    with SingleProcessGraph(plan) as graph:
        detector, analyzer = graph.node("detector"), graph.node("tug_analyzer")
        peer = rclpy.create_node("peer")
        graph.add(peer)
        phases = []
        peer.create_subscription(TugPhase, "tug/phase", phases.append, result_qos())
        publisher = peer.create_publisher(Keypoints, "keypoints", result_qos())
        assert turns(graph, lambda: publisher.get_subscription_count() == 1)
        for index in range(3):
            publisher.publish(keypoints(index))
        assert turns(graph, lambda: graph.rebuilt == {"tug_analyzer": 1})
        assert graph.node("detector") is detector and detector.active
        assert graph.node("tug_analyzer") is not analyzer and graph.node("tug_analyzer").active
        heard = len(phases)
        publisher.publish(keypoints(9))
        assert turns(graph, lambda: len(phases) > heard), "the rebuilt node answers"
        peer.destroy_node()


@pytest.fixture
def whole_graph(ros, tmp_path):
    """Every node of the table, active."""
    overrides = {
        "thermal_camera": {"backend": "bag", "bag_path": str(DEMO_BAG), "bag_loop": True},
        "rgb_camera": {"backend": "v4l2", "device": str(tmp_path / "no_camera")},
        "recorder": {"output_dir": str(tmp_path)},
        "bedside": {"port": free_ports(1)[0]},
    }
    with SingleProcessGraph(GraphPlan(PROCESS_TABLE, overrides)) as graph:
        yield graph


def test_a_defect_in_any_node_rebuilds_that_node_alone(whole_graph):
    names = [entry.name for entry in PROCESS_TABLE]

    def defect():
        raise RuntimeError("defect on purpose")

    for victim in names:
        before = {name: whole_graph.node(name) for name in names}
        before[victim].every(0.01, defect)
        assert turns(whole_graph, lambda victim=victim: victim in whole_graph.rebuilt), victim
        after = {name: whole_graph.node(name) for name in names}
        assert {name for name in names if after[name] is not before[name]} == {victim}
        assert all(node.active for node in after.values())
    assert whole_graph.rebuilt == dict.fromkeys(names, 1)


def test_a_defect_in_a_service_rebuilds_the_node_as_well(ros):
    with SingleProcessGraph(GraphPlan(entries=(process_entry("tug_analyzer"),))) as graph:
        graph.node("tug_analyzer").serve(Trigger, "~/broken", lambda request, response: 1 // 0)
        peer = rclpy.create_node("peer")
        graph.add(peer)
        client = peer.create_client(Trigger, "tug_analyzer/broken")
        assert turns(graph, client.service_is_ready)
        client.call_async(Trigger.Request())
        assert turns(graph, lambda: graph.rebuilt == {"tug_analyzer": 1})
        assert graph.node("tug_analyzer").active
        peer.destroy_node()


def test_images_wake_the_status_line_only_where_it_must_time_them(ros):
    status = StatusNode()
    status.listen()
    heard = {}
    for name, stamp_ns in (("live", time.time_ns()), ("recorded", 10**18)):
        info = CameraInfo(header=header_message(live, stamp_ns, "cam"))
        status._on_info(info)
        heard[name] = status._info.patient
    assert heard == {"live": True, "recorded": False}
    status.destroy_node()


def test_all_nodes_are_gone_after_the_graph(ros):
    probe = rclpy.create_node("probe")
    with SingleProcessGraph(GraphPlan(entries=(process_entry("tug_analyzer"),))):
        wait_for(lambda: "tug_analyzer" in probe.get_node_names())
    wait_for(lambda: "tug_analyzer" not in probe.get_node_names())
    probe.destroy_node()


def test_namespaces_keep_two_graphs_apart(ros):
    probe = rclpy.create_node("probe")
    entries = (process_entry("tug_analyzer"),)
    with (
        SingleProcessGraph(GraphPlan(entries=entries, namespace="ward1")),
        SingleProcessGraph(GraphPlan(entries=entries, namespace="/ward2/")),
    ):
        wait_for(
            lambda: (
                {name for name, _ in probe.get_topic_names_and_types()}
                >= {"/ward1/tug/phase", "/ward2/tug/phase", "/diagnostics"}
            )
        )
    probe.destroy_node()


def test_selection_of_nodes():
    names = [entry.name for entry in selected_entries(("recorder",), ("detector",))]
    assert names == ["recorder", "tug_analyzer", "pose", "thermal_camera"]
    with pytest.raises(ConfigError, match="no node is called 'poes'; there are: "):
        selected_entries(("poes",))
