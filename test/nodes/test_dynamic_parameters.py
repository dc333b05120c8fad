# SPDX-License-Identifier: Apache-2.0
"""Every dynamic parameter changes the output: those of cameras here, and a list of all."""

import contextlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from support.trials import START_NS, STEP_NS, thermal_frame
from support.waiting import spin_for

from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.messages.fields import to_stamp_ns
from thermal_pose.messages.images import rgb_message, thermal_message
from thermal_pose.messages.people import keypoints_message
from thermal_pose.msg import Keypoints
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.process_table import PROCESS_TABLE
from thermal_pose.nodes.qos import image_publisher_qos, image_subscription_qos, result_qos
from thermal_pose.nodes.rgb_camera import RgbCameraNode
from thermal_pose.nodes.thermal_camera import ThermalCameraNode
from thermal_pose.nodes.tug_analyzer import TugAnalyzerNode
from thermal_pose.types import FrameKeypoints, RgbFrame, ThermalFrame

pytestmark = pytest.mark.graph

#: Node -> file whose tests change each of its dynamic parameters and look at the output.
TESTED_IN = {
    "thermal_camera": ("test_dynamic_parameters.py", "test_cameras_and_recorder.py"),
    "rgb_camera": ("test_dynamic_parameters.py",),
    "detector": ("test_perception_parameters.py", "test_perception_nodes.py"),
    "pose": ("test_perception_parameters.py", "test_perception_nodes.py"),
    "tug_analyzer": (
        "test_dynamic_parameters.py",
        "test_tug_analyzer.py",
        "test_analyzer_output.py",
    ),
    "visualizer": ("test_visualizer.py",),
    "recorder": (),
    "bedside": (),
}


@pytest.mark.parametrize("entry", PROCESS_TABLE, ids=lambda entry: entry.name)
def test_no_dynamic_parameter_is_without_a_test(entry):
    files = [Path(__file__).with_name(name) for name in TESTED_IN[entry.name]]
    text = "\n".join(file.read_text() for file in files)
    dynamic = [spec.name for spec in entry.parameters().specs() if spec.dynamic]
    assert [name for name in dynamic if not re.search(rf'{name}(=|":|")', text)] == []


class Scene:
    """A camera node that replays one unchanging scene, and what is heard of it."""

    def __init__(self, folder, kind, image_kind, topic):
        with BagWriter(folder / "scene") as bag:
            for index in range(16):
                stamp_ns = START_NS + index * STEP_NS
                frame = ThermalFrame(stamp_ns, "thermal", thermal_frame(0).centikelvin)
                bag.write(schema.THERMAL_IMAGE, stamp_ns, thermal_message(schema.message, frame))
                bgr = np.random.default_rng(0).integers(0, 255, (36, 64, 3)).astype(np.uint8)
                rgb = rgb_message(schema.message, RgbFrame(stamp_ns, "rgb", bgr))
                bag.write(schema.RGB_COMPRESSED, stamp_ns, rgb)
        values = {"backend": "bag", "bag_path": str(folder / "scene"), "bag_rate": 8.0}
        values["bag_min_subscribers"] = 0
        if kind is ThermalCameraNode:
            values["bag_window_frames"] = 0
        self.node = kind(
            use_global_arguments=False,
            parameter_overrides=[
                Parameter(name, value=value) for name, value in {**values, "bag_loop": True}.items()
            ],
        )
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.peer = Node("peer", use_global_arguments=False)
        self.executor.add_node(self.peer)
        self.heard = []
        qos = image_subscription_qos("reliable", depth=50)
        self.peer.create_subscription(image_kind, topic, self.heard.append, qos)
        self.node.start()

    def picture(self):
        """Return the bytes of an image published from now on, and its size."""
        skipped = len(self.heard) + 3  # those already on their way
        spin_for(self.executor, lambda: len(self.heard) > skipped)
        return bytes(self.heard[-1].data)

    def set(self, **values):
        changes = [Parameter(name, value=value) for name, value in values.items()]
        result = self.node.set_parameters_atomically(changes)
        assert result.successful, result.reason

    def close(self):
        self.node.stop()
        self.peer.destroy_node()
        self.executor.shutdown()


@pytest.fixture
def scenes(ros, tmp_path):
    with contextlib.ExitStack() as stack:

        def make(*options):
            scene = Scene(tmp_path, *options)
            stack.callback(scene.close)
            return scene

        yield make


@pytest.mark.parametrize(
    "change",
    [{"flip_horizontal": True}, {"flip_vertical": True}, {"offset_k": 3.0}],
    ids=lambda change: next(iter(change)),
)
def test_thermal_images_change(scenes, change):
    scene = scenes(ThermalCameraNode, Image, "thermal/image_raw")
    before = scene.picture()
    assert scene.picture() == before
    scene.set(**change)
    assert scene.picture() != before


def test_frame_divider_changes_the_rate(scenes):
    scene = scenes(ThermalCameraNode, Image, "thermal/image_raw")
    scene.picture()
    scene.set(frame_divider=4)
    scene.picture()
    first, second = (to_stamp_ns(image.header.stamp) for image in scene.heard[-2:])
    assert (second - first) % (16 * STEP_NS) == 4 * STEP_NS


@pytest.mark.parametrize(
    ("first", "change"),
    [
        ({}, {"mono8_window": "fixed"}),
        ({"mono8_window": "fixed"}, {"mono8_low_degc": 5.0}),
        ({"mono8_window": "fixed"}, {"mono8_high_degc": 60.0}),
    ],
    ids=["mono8_window", "mono8_low_degc", "mono8_high_degc"],
)
def test_images_for_eyes_change(scenes, first, change):
    scene = scenes(ThermalCameraNode, Image, "thermal/image_mono8")
    scene.set(**first)
    before = scene.picture()
    scene.set(**change)
    assert scene.picture() != before


@pytest.mark.parametrize(
    "change",
    [{"flip_horizontal": True}, {"flip_vertical": True}, {"jpeg_quality": 10}],
    ids=lambda change: next(iter(change)),
)
def test_colour_images_change(scenes, change):
    scene = scenes(RgbCameraNode, CompressedImage, "rgb/image_raw/compressed")
    before = scene.picture()
    scene.set(**change)
    assert scene.picture() != before


def test_colour_frame_divider_changes_the_rate(scenes):
    scene = scenes(RgbCameraNode, CompressedImage, "rgb/image_raw/compressed")
    scene.picture()
    scene.set(frame_divider=4)
    scene.picture()
    first, second = (to_stamp_ns(image.header.stamp) for image in scene.heard[-2:])
    assert (second - first) % (16 * STEP_NS) == 4 * STEP_NS


def test_a_report_folder_gets_the_trial_with_its_images(ros, tmp_path):
    node = TugAnalyzerNode(
        use_global_arguments=False,
        parameter_overrides=[Parameter("report_dir", value=str(tmp_path / "out"))],
    )
    node.start()
    peer = Node("peer", use_global_arguments=False)
    images = peer.create_publisher(Image, "thermal/image_raw", image_publisher_qos())
    keypoints = peer.create_publisher(Keypoints, "keypoints", result_qos())
    executor = SingleThreadedExecutor()
    for one in (node, peer):
        executor.add_node(one)
    spin_for(executor, lambda: images.get_subscription_count() == 1)
    spin_for(executor, lambda: keypoints.get_subscription_count() == 1)
    for index in range(3):
        frame = thermal_frame(index, (60, 80))
        images.publish(thermal_message(live, frame))
        keypoints.publish(
            keypoints_message(live, FrameKeypoints(frame.stamp_ns, "thermal", "m:1", (80, 60)))
        )
    spin_for(executor, lambda: node.details()["frames held"] == "3")
    spin_for(executor, lambda: len(node._session._film.between(0, 2**62)[0]) == 3)
    node._on_stop(None, type("Answer", (), {})())
    document = json.loads(next((tmp_path / "out").rglob("report.json")).read_text())
    assert document["reason"] == "no_person"
    node.stop()
    peer.destroy_node()
    executor.shutdown()
