# SPDX-License-Identifier: Apache-2.0
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import rclpy
import yaml
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from support.waiting import spin_for
from visualization_msgs.msg import Marker, MarkerArray

from thermal_pose.messages.fields import header_message
from thermal_pose.messages.images import thermal_message
from thermal_pose.messages.people import keypoints_message
from thermal_pose.msg import Keypoints, TugPhase
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.qos import image_publisher_qos, result_qos
from thermal_pose.nodes.visualizer import VisualizerNode
from thermal_pose.parameters.folder import config_folder
from thermal_pose.types import FrameKeypoints, PersonBox, PersonKeypoints, ThermalFrame

STEP_NS = 125_000_000
ORIGIN_NS = 1_700_000_000_000_000_001


class Bench:
    """The visualizer, and a peer that plays the graph around it."""

    def __init__(self):
        self.node = VisualizerNode(use_global_arguments=False)
        self.node.start()
        self.peer = rclpy.create_node("peer")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.peer)
        self.pictures, self.markers = [], []
        qos = image_publisher_qos()
        self.peer.create_subscription(Image, "overlay/image", self.pictures.append, qos)
        self.peer.create_subscription(MarkerArray, "markers", self.markers.append, qos)
        self.publishers = {
            kind: self.peer.create_publisher(kind, topic, publisher_qos)
            for kind, topic, publisher_qos in (
                (Image, "thermal/image_raw", qos),
                (CameraInfo, "thermal/camera_info", qos),
                (Keypoints, "keypoints", result_qos()),
                (TugPhase, "tug/phase", result_qos()),
            )
        }
        self.number = 0
        spin_for(
            self.executor,
            lambda: (
                all(p.get_subscription_count() == 1 for p in self.publishers.values())
                and self.peer.count_publishers("markers") == 1
            ),
        )

    def calibrate(self):
        k = [84.0, 0.0, 39.5, 0.0, 84.0, 29.5, 0.0, 0.0, 1.0]
        info = CameraInfo(width=80, height=60, k=k, d=[0.0] * 5, distortion_model="plumb_bob")
        self.publishers[CameraInfo].publish(info)
        spin_for(self.executor, lambda: self.node._lens is not None)

    def show(self, score=0.9, people=1):
        """Publish one image with its keypoints; return the picture."""
        self.number += 1
        stamp_ns = ORIGIN_NS + self.number * STEP_NS
        image = np.full((60, 80), 29515, np.uint16)
        image[14:50, 30:42] += 600
        persons = tuple(self._person(n + 1, score) for n in range(people))
        found = FrameKeypoints(stamp_ns, "cam_7", "student-x", (80, 60), persons)
        wanted = len(self.pictures) + 1
        self.publishers[Image].publish(
            thermal_message(live, ThermalFrame(stamp_ns, "cam_7", image))
        )
        self.publishers[Keypoints].publish(keypoints_message(live, found))
        spin_for(self.executor, lambda: len(self.pictures) >= wanted)
        self.last_ns = stamp_ns
        message = self.pictures[-1]
        return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)

    @staticmethod
    def _person(track_id, score):
        xy = np.stack([np.linspace(31, 41, 17), np.linspace(16, 48, 17)], 1).astype(np.float32)
        box = PersonBox((29.5, 13.5, 41.5, 49.5), 0.9, track_id)
        return PersonKeypoints(track_id, box, xy, np.full(17, score, np.float32), 0.9)

    def set(self, **values):
        changes = [Parameter(name, value=value) for name, value in values.items()]
        result = self.node.set_parameters_atomically(changes)
        assert result.successful, result.reason

    def close(self):
        self.node.stop()
        self.peer.destroy_node()
        self.executor.shutdown()


@pytest.fixture
def bench(ros):
    made = Bench()
    yield made
    made.close()


@pytest.mark.graph
def test_overlay_and_markers_carry_the_images_header(bench):
    bench.calibrate()
    picture = bench.show()
    assert picture.shape == (480, 640, 3) and bench.pictures[-1].encoding == "bgr8"
    spin_for(bench.executor, lambda: bool(bench.markers))
    header = header_message(live, bench.last_ns, "cam_7")
    assert bench.pictures[-1].header == header
    assert all(marker.header == header for marker in bench.markers[-1].markers)
    kinds = [(marker.ns, marker.action) for marker in bench.markers[-1].markers]
    assert kinds[0][1] == Marker.DELETEALL
    assert {name for name, _ in kinds[1:]} == {"limbs", "joints", "names", "floor"}


@pytest.mark.graph
def test_without_a_calibration_there_are_pictures_and_no_markers(bench):
    bench.show()
    assert len(bench.pictures) == 1 and not bench.markers


@pytest.mark.graph
@pytest.mark.parametrize(
    "change",
    [
        {"scale": 4},
        {"colormap": "gray"},
        {"low_degc": 10.0, "high_degc": 60.0},
        {"min_joint_score": 0.95},
        {"draw_boxes": False},
        {"draw_status": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_dynamic_parameter_of_the_picture_changes_it(bench, change):
    before = bench.show()
    bench.set(**change)
    after = bench.show()
    assert before.shape != after.shape or (before != after).any()


@pytest.mark.graph
@pytest.mark.parametrize(
    "change",
    [{"person_height_m": 1.0}, {"camera_height_m": 2.0}, {"camera_pitch_deg": 15.0}],
    ids=lambda change: next(iter(change)),
)
def test_every_dynamic_parameter_of_the_markers_changes_them(bench, change):
    bench.calibrate()
    bench.set(min_joint_score=0.5)
    score = 0.9 if "person_height_m" not in change else 0.3  # no feet: the height decides
    bench.show(score)
    spin_for(bench.executor, lambda: len(bench.markers) == 1)
    bench.set(**change)
    bench.show(score)
    spin_for(bench.executor, lambda: len(bench.markers) == 2)
    before, after = (
        next(m.pose.position for m in array.markers if m.ns == "floor") for array in bench.markers
    )
    assert before != after


@pytest.mark.graph
def test_phase_and_time_are_shown_and_go_stale(bench):
    without = bench.show()
    phase = TugPhase(
        header=header_message(live, bench.last_ns, "cam_7"), phase=TugPhase.TURN, elapsed_s=4.2,
        probability=0.9,
    )  # fmt: skip
    bench.publishers[TugPhase].publish(phase)
    spin_for(bench.executor, lambda: bench.node._phase is not None)
    shown = bench.show()
    assert (shown[-30:] != without[-30:]).any()
    bench.number += 40  # five seconds on
    np.testing.assert_array_equal(bench.show(), without)


@pytest.mark.graph
def test_an_empty_temperature_range_is_refused(bench):
    result = bench.node.set_parameters_atomically([Parameter("low_degc", value=50.0)])
    assert not result.successful and "high_degc" in result.reason


# -- RViz --------------------------------------------------------------------------------------

#: What each RViz display reads, and which of our topics are of that type.
DISPLAY_TYPES = {
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
}


def rviz_config():
    return yaml.safe_load((config_folder() / "tug.rviz").read_text())["Visualization Manager"]


@pytest.mark.graph
def test_every_topic_of_the_rviz_config_is_published_with_its_type_and_qos(ros):
    from thermal_pose.nodes.thermal_camera import ThermalCameraNode

    overrides = [Parameter("backend", value="bag"), Parameter("bag_path", value="/nowhere")]
    camera = ThermalCameraNode(use_global_arguments=False, parameter_overrides=overrides)
    visualizer = VisualizerNode(use_global_arguments=False)
    visualizer.trigger_configure()
    camera.image_publisher()
    displays = [d for d in rviz_config()["Displays"] if d["Class"] in DISPLAY_TYPES]
    assert {d["Name"] for d in displays} == {"Overlay", "Thermal", "People"}
    executor = SingleThreadedExecutor()
    executor.add_node(visualizer)
    for display in displays:
        topic = display["Topic"]
        spin_for(executor, lambda: bool(visualizer.get_publishers_info_by_topic(topic["Value"])))
        (info,) = visualizer.get_publishers_info_by_topic(topic["Value"])
        assert info.topic_type == DISPLAY_TYPES[display["Class"]]
        offered = info.qos_profile
        assert topic["Reliability Policy"].upper() == offered.reliability.name
        assert topic["Durability Policy"].upper() == offered.durability.name
    for node in (visualizer, camera):
        node.stop()
    executor.shutdown()


def test_rviz_shows_all_marker_namespaces_on_the_floor_of_the_mounting_transform():
    from thermal_pose.parameters.cameras import ThermalCameraParameters
    from thermal_pose.parameters.nodes import VisualizerParameters

    config = rviz_config()
    assert config["Global Options"]["Fixed Frame"] == ThermalCameraParameters().floor_frame_id
    displays = {display["Name"]: display for display in config["Displays"]}
    assert all(display["Enabled"] for display in displays.values())
    assert set(displays["People"]["Namespaces"]) == {"limbs", "joints", "names", "floor"}
    assert displays["Floor"]["Plane"] == "XY"
    assert displays["Floor"]["Offset"]["Z"] == 0
    camera, visualizer = ThermalCameraParameters(), VisualizerParameters()
    assert camera.camera_height_m == visualizer.camera_height_m
    assert camera.camera_pitch_deg == visualizer.camera_pitch_deg


def test_view_launch_file_names_the_topics_of_the_rviz_config():
    path = Path(__file__).parents[2] / "launch" / "view.launch.py"
    source = path.read_text()
    compile(source, str(path), "exec")
    for display in rviz_config()["Displays"]:
        if "Topic" in display:
            assert f'"{display["Topic"]["Value"].lstrip("/")}"' in source
    if importlib.util.find_spec("launch_ros") is not None:
        spec = importlib.util.spec_from_file_location("view_launch", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.generate_launch_description().entities


@pytest.mark.graph
def test_odd_messages_end_nothing_and_show_nothing(bench):
    bench.calibrate()
    before = bench.show()
    spoilt = keypoints_message(
        live, FrameKeypoints(bench.last_ns, "cam_7", "m", (80, 60), (bench._person(1, 0.9),))
    )
    spoilt.persons[0].y[5] = float("-inf")
    header = header_message(live, bench.last_ns, "cam_7")
    odd = (
        (TugPhase, TugPhase(header=header, phase=255)),
        (TugPhase, TugPhase(header=header, probability=float("nan"))),
        (Keypoints, Keypoints()),
        (Keypoints, spoilt),
        (CameraInfo, CameraInfo(k=[84.0, 0, 0, 0, 84.0, 0, 0, 0, 1.0])),
    )

    def refused():
        return bench.node.statistics.summary().counts.get("MessageFormatError", 0)

    for count, (kind, message) in enumerate(odd, start=1):
        bench.publishers[kind].publish(message)
        spin_for(bench.executor, lambda count=count: refused() == count)
    np.testing.assert_array_equal(bench.show(), before)
    assert bench.node.fault is None


@pytest.mark.graph
def test_a_calibration_of_twice_the_size_places_people_alike(bench):
    bench.calibrate()
    bench.show()
    spin_for(bench.executor, lambda: bool(bench.markers))
    expected = [marker.pose.position for marker in bench.markers[-1].markers]
    k = [168.0, 0.0, 79.5, 0.0, 168.0, 59.5, 0.0, 0.0, 1.0]
    info = CameraInfo(width=160, height=120, k=k, d=[0.0] * 5, distortion_model="plumb_bob")
    bench.publishers[CameraInfo].publish(info)
    spin_for(bench.executor, lambda: bench.node._lens.image_wh == (160, 120))
    shown = len(bench.markers)
    bench.show()
    spin_for(bench.executor, lambda: len(bench.markers) > shown)
    assert [marker.pose.position for marker in bench.markers[-1].markers] == expected
