# SPDX-License-Identifier: Apache-2.0
"""Topics of the recorder: QoS as offered, resolved names, diagnostics of its own graph."""

import os
import subprocess
import sys

import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.duration import Duration, Infinite
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from support.trials import thermal_frame
from support.waiting import spin_for

from thermal_pose.bags import schema
from thermal_pose.bags.namespaces import recorded_namespace
from thermal_pose.bags.reader import BagReader
from thermal_pose.errors import GraphError
from thermal_pose.messages.fields import time_message
from thermal_pose.messages.images import thermal_message
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.offered_qos import adapted, bag_profile
from thermal_pose.nodes.qos import recording_qos
from thermal_pose.nodes.recorder import RecorderNode

pytestmark = pytest.mark.graph
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=7, reliability=ReliabilityPolicy.RELIABLE)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture
def recorder(executor, tmp_path):
    """Start a recorder in a namespace; return it."""

    def start(namespace="", **parameters):
        values = {"output_dir": str(tmp_path / "out"), "min_free_mb": 0, **parameters}
        node = RecorderNode(
            use_global_arguments=False,
            namespace=namespace,
            parameter_overrides=[Parameter(name, value=v) for name, v in values.items()],
        )
        executor.add_node(node)
        node.start()
        return node

    return start


@pytest.fixture
def peer(executor):
    node = rclpy.create_node("peer")
    executor.add_node(node)
    return node


def image(number):
    return thermal_message(live, thermal_frame(number, (60, 80)))


def record_images(executor, node, publisher, count=5):
    """Publish until the recorder holds `count` images."""
    numbers = iter(range(10**6))

    def enough():
        publisher.publish(image(next(numbers)))
        return int(node.details()["images"]) >= count

    spin_for(executor, enough, 30.0)


def recording(folder):
    (path,) = (folder / "out").iterdir()
    return path


def test_a_best_effort_camera_is_recorded_with_the_qos_it_offers(
    executor, recorder, peer, tmp_path
):
    node = recorder()
    camera = peer.create_publisher(Image, "thermal/image_raw", BEST_EFFORT)
    record_images(executor, node, camera)
    node.stop()
    metadata = yaml.safe_load((recording(tmp_path) / "metadata.yaml").read_text())
    topics = {
        entry["topic_metadata"]["name"]: entry["topic_metadata"]
        for entry in metadata["rosbag2_bagfile_information"]["topics_with_message_count"]
    }
    (profile,) = topics["/thermal/image_raw"]["offered_qos_profiles"]
    assert (profile["reliability"], profile["durability"]) == ("best_effort", "volatile")
    assert set(topics) - {"/diagnostics"} == {"/thermal/image_raw"}, "no empty topics"


def test_a_second_best_effort_camera_that_comes_later_is_heard(executor, recorder, peer):
    node = recorder()
    first = peer.create_publisher(Image, "thermal/image_raw", RELIABLE)
    record_images(executor, node, first)
    peer.destroy_publisher(first)
    second = peer.create_publisher(Image, "thermal/image_raw", BEST_EFFORT)
    record_images(executor, node, second, count=10)


def test_topics_keep_their_resolved_names_and_stock_definitions_read_them(
    executor, recorder, peer, tmp_path
):
    node = recorder(namespace="ward3")
    camera = peer.create_publisher(Image, "/ward3/thermal/image_raw", RELIABLE)
    record_images(executor, node, camera)
    node.stop()
    store = get_typestore(Stores.ROS2_KILTED)
    with Reader(recording(tmp_path)) as stock:
        assert set(stock.topics) == {"/ward3/thermal/image_raw"}
        connection, _, data = next(stock.messages())
        assert store.deserialize_cdr(data, connection.msgtype).encoding == "mono16"
    with BagReader(recording(tmp_path)) as bag:
        assert bag.namespace == "/ward3"
        assert set(bag.topics) == {schema.THERMAL_IMAGE}
        assert len(list(bag.thermal_frames())) >= 5
    assert metadata_of(tmp_path)["ros_distro"] == os.environ.get("ROS_DISTRO", "kilted")


def metadata_of(folder):
    text = (recording(folder) / "metadata.yaml").read_text()
    return yaml.safe_load(text)["rosbag2_bagfile_information"]


@pytest.mark.parametrize(
    ("names", "namespace"),
    [
        (["/thermal/image_raw", "/keypoints"], ""),
        (["/a/b/thermal/image_raw", "/a/b/keypoints", "/tf_static"], "/a/b"),
        (["/left/thermal/image_raw", "/right/thermal/image_raw"], ""),
        (["/camera/image", "/diagnostics"], ""),
        ([], ""),
    ],
)
def test_the_namespace_of_a_recording(names, namespace):
    assert recorded_namespace(names) == namespace


def test_only_the_diagnostics_of_the_own_graph_are_recorded(executor, recorder, peer, tmp_path):
    node = recorder(namespace="ward3", topics="diagnostics")
    publisher = peer.create_publisher(DiagnosticArray, "/diagnostics", 10)
    names = ["ward3/pose", "ward4/pose", "pose", "ward3/joystick", "lidar: driver"]
    statuses = [DiagnosticStatus(name=name) for name in names]
    spin_for(executor, lambda: publisher.get_subscription_count() == 1)
    publisher.publish(DiagnosticArray(status=statuses))
    publisher.publish(DiagnosticArray(status=statuses[1:]))
    publisher.publish(DiagnosticArray(status=statuses[:1]))
    spin_for(executor, lambda: node.statistics.summary().frames >= 2)
    node.stop()
    with BagReader(recording(tmp_path)) as bag:
        seen = [[s.name for s in entry.message.status] for entry in bag.messages()]
    own = [names for names in seen if names != ["ward3/recorder"]]
    assert own == [["ward3/pose"], ["ward3/pose"]]


def test_no_image_is_an_error_after_three_seconds_until_one_comes(executor, recorder, peer):
    node = recorder()
    assert node.health()[0] == DiagnosticStatus.OK
    spin_for(executor, lambda: node.health()[0] == DiagnosticStatus.ERROR, 30.0)
    assert node.health()[1].startswith("no image to record for ")
    record_images(executor, node, peer.create_publisher(Image, "thermal/image_raw", BEST_EFFORT))
    assert node.health()[0] == DiagnosticStatus.OK


def test_a_recording_of_other_topics_needs_no_image(executor, recorder, peer):
    node = recorder(topics="thermal/camera_info")
    publisher = peer.create_publisher(CameraInfo, "thermal/camera_info", RELIABLE)
    spin_for(executor, lambda: publisher.get_subscription_count() == 1)
    node._image_s -= 60.0
    assert node.health()[0] == DiagnosticStatus.OK
    assert node.shortcoming() is None


def test_record_without_an_image_ends_with_an_exit_code(ros_domain, tmp_path):
    command = [sys.executable, "-m", "thermal_pose.cli.main", "record", "--duration", "3"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path), "--min-free-mb", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == GraphError.exit_code, done.stderr
    assert "no image came on /thermal/image_raw" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_request_is_what_every_publisher_offers():
    wish = recording_qos(schema.KEYPOINTS)
    assert adapted(wish, []) is wish
    assert adapted(wish, [LATCHED]).durability == DurabilityPolicy.TRANSIENT_LOCAL
    mixed = adapted(wish, [LATCHED, BEST_EFFORT])
    assert mixed.durability == DurabilityPolicy.VOLATILE
    assert mixed.reliability == ReliabilityPolicy.BEST_EFFORT
    assert mixed.depth == wish.depth


def test_infinite_and_finite_durations_in_a_bags_profile():
    endless = QoSProfile(depth=1, deadline=Infinite)
    assert bag_profile(endless)["deadline"] == {"sec": 9223372036, "nsec": 854775807}
    timed = QoSProfile(depth=1, deadline=Duration(seconds=1, nanoseconds=5))
    assert bag_profile(timed)["deadline"] == {"sec": 1, "nsec": 5}


def test_messages_before_the_simulated_clock_get_its_first_time(executor, recorder, peer, tmp_path):
    node = recorder(topics="thermal/image_raw", use_sim_time=True)
    camera = peer.create_publisher(Image, "thermal/image_raw", RELIABLE)
    clock = peer.create_publisher(Clock, "/clock", 10)
    spin_for(executor, lambda: camera.get_subscription_count() == 1)
    camera.publish(image(0))
    spin_for(executor, lambda: len(node._early) == 1)

    def recorded():
        clock.publish(Clock(clock=time_message(live, 10**18)))
        camera.publish(image(1))
        return int(node.details()["images"]) >= 2

    spin_for(executor, recorded)
    node.stop()
    assert not recording(tmp_path).name.startswith("1970")
    with BagReader(recording(tmp_path)) as bag:
        assert bag.start_ns == 10**18
