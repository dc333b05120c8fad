# SPDX-License-Identifier: Apache-2.0
"""Thermal and RGB camera together: two pairs in one graph, recordings, replays."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from nodes.test_cameras_and_recorder import (
    Listener,
    last_status,
    overrides,
    start_camera,
)
from support.senxor_emulator import EmulatedSenxor, PtyLink, noisy_room
from support.transforms import hear_transforms, transforms_of
from support.waiting import spin_for

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.synthetic import SyntheticRig
from thermal_pose.cameras import v4l2
from thermal_pose.cli.demo import DEMO_BAG
from thermal_pose.errors import CalibrationError, ConfigError
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.messages.fields import to_stamp_ns

pytestmark = pytest.mark.graph
rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402

from thermal_pose.nodes.recorder import RecorderNode  # noqa: E402
from thermal_pose.nodes.rgb_camera import RgbCameraNode  # noqa: E402
from thermal_pose.nodes.thermal_camera import ThermalCameraNode  # noqa: E402
from thermal_pose.parameters.cameras import ThermalCameraParameters  # noqa: E402

BETWEEN = SyntheticRig().rgb_to_thermal
SIDES = ("left", "right")
THERMAL_FRAME = ThermalCameraParameters().frame_id
RGB_FRAME = ThermalCameraParameters().rgb_frame_id


class Webcam:
    """Stands for cv2.VideoCapture: noise in a colour of its own, 15 times per second."""

    def __init__(self, device: str, api: int) -> None:
        self._tone = 200 if device.endswith("right") else 50
        self._rng = np.random.default_rng(self._tone)

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        time.sleep(1 / 15)
        noise = self._rng.integers(-20, 20, (36, 64, 3))
        return True, (self._tone + noise).astype(np.uint8)

    def get(self, prop: int) -> float:
        return 1000 * time.monotonic() if prop == cv2.CAP_PROP_POS_MSEC else 0.0

    def set(self, prop: int, value: float) -> bool:
        return True

    def release(self) -> None:
        pass


def start_pair(
    executor: SingleThreadedExecutor, side: str, device: str, extrinsics: str
) -> ThermalCameraNode:
    rgb_frame = f"{side}/rgb_camera"
    start_camera(executor, RgbCameraNode, namespace=side, device=f"/dev/{side}", frame_id=rgb_frame)
    return start_camera(
        executor,
        namespace=side,
        backend="senxor",
        device=device,
        frame_divider=3,
        frame_id=f"{side}/thermal_camera",
        rgb_frame_id=rgb_frame,
        extrinsics_path=extrinsics,
    )


def test_two_complete_pairs_in_two_namespaces(
    executor: SingleThreadedExecutor,
    tmp_path: Path,
    extrinsics: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two emulated SenXor and two webcams behind a fake OpenCV; the nodes are the real ones."""
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", Webcam)
    listener = Listener(executor)
    diagnostics = listener.to(DiagnosticArray, "/diagnostics")
    transforms = hear_transforms(executor)
    topics = {
        "thermal/image_raw": Image,
        "thermal/camera_info": CameraInfo,
        "rgb/image_raw": Image,
        "rgb/image_raw/compressed": CompressedImage,
        "rgb/camera_info": CameraInfo,
    }
    heard = {
        (side, topic): listener.to(kind, f"/{side}/{topic}")
        for side in SIDES
        for topic, kind in topics.items()
    }
    with ExitStack() as stack:
        nodes = {}
        for number, side in enumerate(SIDES):
            device = EmulatedSenxor(PtyLink(tmp_path / side), frames=noisy_room(number))
            device.serial_number = number + 1
            stack.enter_context(device)
            nodes[side] = start_pair(executor, side, device.device, extrinsics)
        spin_for(executor, lambda: all(len(h) >= 6 for h in heard.values()), 30.0)
        spin_for(executor, lambda: len(transforms_of(transforms)) == 4)
        serials = {side: node._driver.status().identity.serial for side, node in nodes.items()}
        names = [f"{side}/{name}" for side in SIDES for name in ("thermal_camera", "rgb_camera")]
        spin_for(executor, lambda: all(last_status(diagnostics, name) for name in names))
        for node in executor.get_nodes():
            node.stop() if hasattr(node, "stop") else None
    assert serials["left"] != serials["right"]
    for (side, topic), received in heard.items():
        camera = "thermal" if topic.startswith("thermal") else "rgb"
        assert {m.header.frame_id for m in received} == {f"{side}/{camera}_camera"}
        stamps = [to_stamp_ns(m.header.stamp) for m in received]
        assert stamps == sorted(set(stamps)), f"{side}/{topic}"
    for topic in ("thermal/image_raw", "rgb/image_raw/compressed"):
        left, right = ({bytes(image.data) for image in heard[side, topic]} for side in SIDES)
        assert not left & right, f"{topic}: a picture of both sides"
    assert {image.encoding for image in heard["left", "rgb/image_raw"]} == {"bgr8"}
    parents = {t.child_frame_id: t.header.frame_id for t in transforms_of(transforms).values()}
    rgb = {f"{side}/rgb_camera": f"{side}/thermal_camera" for side in SIDES}
    assert parents == rgb | {f"{side}/thermal_camera": "floor" for side in SIDES}


def test_a_replay_publishes_the_clock_of_its_images(executor: SingleThreadedExecutor) -> None:
    """It never runs back, holds every image's stamp, and fills the time between images."""
    listener = Listener(executor)
    images = listener.to(Image, "thermal/image_raw")
    ticks: list[int] = []
    listener.node.create_subscription(
        Clock, "/clock", lambda m: ticks.append(to_stamp_ns(m.clock)), 1000
    )
    start_camera(
        executor,
        backend="bag",
        bag_path=str(DEMO_BAG),
        bag_window_frames=0,
        bag_rate=4.0,
        bag_clock=True,
    )
    spin_for(executor, lambda: len(images) >= 20 and len(ticks) > 40)
    assert ticks == sorted(ticks)
    stamps = {to_stamp_ns(image.header.stamp) for image in images[3:-1]}
    assert stamps <= set(ticks)
    assert len(set(ticks)) > len(images)


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        ({"extrinsics_path": "/absent.yaml"}, CalibrationError, r"cannot read /absent\.yaml"),
        ({"extrinsics_path": "/"}, CalibrationError, "cannot read /: Is a directory"),
        ({"extrinsics_path": "e", "rgb_frame_id": THERMAL_FRAME}, ConfigError, "another frame"),
        ({"mono8_low_degc": 40.0}, ConfigError, "less than mono8_high_degc"),
    ],
)
def test_bad_settings_of_a_pair_are_named(ros: int, values: Any, error: type, match: str) -> None:
    node = ThermalCameraNode(parameter_overrides=overrides(**values))
    try:
        with pytest.raises(error, match=match):
            node.start()
    finally:
        node.stop()


def test_a_recording_with_rgb_keeps_how_the_cameras_stand(
    executor: SingleThreadedExecutor, device: EmulatedSenxor, tmp_path: Path, extrinsics: str
) -> None:
    start_camera(executor, device=device.device, extrinsics_path=extrinsics)
    recorder = RecorderNode(
        parameter_overrides=overrides(
            output_dir=str(tmp_path / "out"), min_free_mb=0, record_rgb=True
        )
    )
    heard: set[str] = set()
    write = recorder._write
    recorder._write = lambda topic, cdr: (heard.add(topic), write(topic, cdr))  # type: ignore
    executor.add_node(recorder)
    recorder.start()
    wanted = {schema.TF_STATIC, schema.THERMAL_IMAGE}
    spin_for(executor, lambda: wanted <= heard and recorder.statistics.summary().frames >= 6)
    recorder.stop()
    (path,) = (tmp_path / "out").iterdir()
    with BagReader(path) as bag:
        assert bag.topics[schema.TF_STATIC].count == 1
        pose = bag.static_transform(THERMAL_FRAME, RGB_FRAME)
        back = bag.static_transform(RGB_FRAME, THERMAL_FRAME)
        assert bag.static_transform(THERMAL_FRAME, "elsewhere") is None
    assert isinstance(pose, CameraPose)
    assert isinstance(back, CameraPose)
    np.testing.assert_allclose(pose.rotation, BETWEEN.rotation, atol=1e-9)
    np.testing.assert_allclose(back.rotation @ pose.translation_m, -back.translation_m, atol=1e-9)
