# SPDX-License-Identifier: Apache-2.0
"""Thermal and RGB camera together: two pairs in one graph, extrinsics, calibrations that fit."""

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
from support.waiting import spin_for

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.files import save_camera_info, save_extrinsics
from thermal_pose.calibration.synthetic import SyntheticRig
from thermal_pose.cameras import v4l2
from thermal_pose.cameras.prepare import Preparation
from thermal_pose.cli.demo import DEMO_BAG
from thermal_pose.errors import CalibrationError, ConfigError
from thermal_pose.imaging.camera_info import camera_info_of
from thermal_pose.imaging.camera_model import SENXOR, CameraPose
from thermal_pose.messages.cameras import to_camera_pose
from thermal_pose.messages.fields import to_stamp_ns

pytestmark = pytest.mark.graph
rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from thermal_pose.nodes.qos import result_qos  # noqa: E402
from thermal_pose.nodes.recorder import RecorderNode  # noqa: E402
from thermal_pose.nodes.rgb_camera import RgbCameraNode  # noqa: E402
from thermal_pose.nodes.thermal_camera import ThermalCameraNode  # noqa: E402
from thermal_pose.parameters.cameras import ThermalCameraParameters  # noqa: E402

BETWEEN = SyntheticRig().rgb_to_thermal
SIDES = ("left", "right")
THERMAL_FRAME = ThermalCameraParameters().frame_id
RGB_FRAME = ThermalCameraParameters().rgb_frame_id


@pytest.fixture
def extrinsics(tmp_path: Path) -> str:
    save_extrinsics(tmp_path / "extrinsics.yaml", BETWEEN)
    return str(tmp_path / "extrinsics.yaml")


def hear_transforms(executor: SingleThreadedExecutor) -> list[TFMessage]:
    heard: list[TFMessage] = []
    node = rclpy.create_node("tf_listener")
    node.create_subscription(TFMessage, "/tf_static", heard.append, result_qos(100))
    executor.add_node(node)
    return heard


def transforms_of(heard: list[TFMessage]) -> dict[str, Any]:
    return {t.child_frame_id: t for message in heard for t in message.transforms}


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
            rgb_frame = f"{side}/rgb_camera"
            nodes[side] = start_camera(
                executor,
                namespace=side,
                backend="senxor",
                device=device.device,
                frame_divider=3,
                frame_id=f"{side}/thermal_camera",
                rgb_frame_id=rgb_frame,
                extrinsics_path=extrinsics,
            )
            start_camera(
                executor,
                RgbCameraNode,
                namespace=side,
                device=f"/dev/{side}",
                frame_id=rgb_frame,
            )
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


def test_extrinsics_are_latched_on_tf_static(
    executor: SingleThreadedExecutor, device: EmulatedSenxor, extrinsics: str
) -> None:
    start_camera(executor, device=device.device, extrinsics_path=extrinsics)
    heard = hear_transforms(executor)  # Later than the transform was sent.
    spin_for(executor, lambda: bool(heard))
    (_, transform) = heard[0].transforms
    frames = (transform.header.frame_id, transform.child_frame_id)
    assert frames == (THERMAL_FRAME, RGB_FRAME)
    pose = to_camera_pose(transform.transform)
    np.testing.assert_allclose(pose.rotation, BETWEEN.rotation, atol=1e-9)
    np.testing.assert_allclose(pose.translation_m, BETWEEN.translation_m, atol=1e-12)


def test_the_mounting_places_the_camera_above_the_floor(
    executor: SingleThreadedExecutor, device: EmulatedSenxor
) -> None:
    heard = hear_transforms(executor)
    start_camera(executor, device=device.device, camera_height_m=2.0, camera_pitch_deg=30.0)
    spin_for(executor, lambda: bool(heard))
    (transform,) = heard[0].transforms
    assert (transform.header.frame_id, transform.child_frame_id) == ("floor", THERMAL_FRAME)
    to_floor = to_camera_pose(transform.transform)  # optical frame -> floor
    np.testing.assert_allclose(to_floor.to_camera([0, 0, 0]), [0, 0, 2.0], atol=1e-9)
    ahead = [np.cos(np.pi / 6), 0.0, 2.0 - 0.5]
    np.testing.assert_allclose(to_floor.to_camera([0, 0, 1]), ahead, atol=1e-9)
    np.testing.assert_allclose(to_floor.to_camera([1, 0, 0]), [0, -1.0, 2.0], atol=1e-9)


def test_a_replay_places_the_frame_of_its_images(executor: SingleThreadedExecutor) -> None:
    heard = hear_transforms(executor)
    images = Listener(executor).to(Image, "thermal/image_raw")
    start_camera(executor, backend="bag", bag_path=str(DEMO_BAG), bag_window_frames=0)
    spin_for(executor, lambda: bool(heard) and bool(images))
    assert [t.child_frame_id for t in heard[0].transforms] == [images[0].header.frame_id]


def test_without_floor_and_extrinsics_no_transform_is_published(
    executor: SingleThreadedExecutor, device: EmulatedSenxor
) -> None:
    images = Listener(executor).to(Image, "thermal/image_raw")
    heard = hear_transforms(executor)
    start_camera(executor, device=device.device, floor_frame_id="")
    spin_for(executor, lambda: len(images) >= 3)
    assert heard == []


def test_a_camera_without_calibration_says_so_by_zeros(
    executor: SingleThreadedExecutor, device: EmulatedSenxor
) -> None:
    infos = Listener(executor).to(CameraInfo, "thermal/camera_info")
    start_camera(executor, device=device.device, crop_rows=60, flip_vertical=True)
    spin_for(executor, lambda: bool(infos))
    assert (infos[0].width, infos[0].height) == (80, 60)
    assert not any(infos[0].k) and not any(infos[0].p) and not infos[0].d


@pytest.mark.parametrize("scheme", ["file://{path}/${NAME}.yaml", "{path}/thermal_camera.yaml"])
def test_a_calibration_is_loaded_from_its_url(
    executor: SingleThreadedExecutor, device: EmulatedSenxor, tmp_path: Path, scheme: str
) -> None:
    save_camera_info(tmp_path / "thermal_camera.yaml", camera_info_of(SENXOR), "thermal_camera")
    infos = Listener(executor).to(CameraInfo, "thermal/camera_info")
    url = scheme.replace("{path}", str(tmp_path))
    start_camera(executor, device=device.device, camera_info_url=url)
    spin_for(executor, lambda: bool(infos))
    assert infos[0].k[0] == pytest.approx(SENXOR.fx_px)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"camera_info_url": "http://x/y.yaml"}, "expected file:///PATH or package://"),
        ({"camera_info_url": "package://no_such_package/a.yaml"}, "no ROS package"),
        ({"camera_info_url": "file:///a", "camera_info_path": "/b"}, "got both"),
        ({"camera_info_url": "file:///${HOME}/a"}, r"unknown variable \${HOME}"),
    ],
)
def test_a_bad_calibration_url_is_named(ros: int, values: Any, match: str) -> None:
    node = ThermalCameraNode(parameter_overrides=overrides(**values))
    with pytest.raises((CalibrationError, ConfigError), match=match):
        node.start()
    node.stop()


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


IDENTITY = "rotation: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}"
BAD_EXTRINSICS = {
    "": "expected a mapping",
    "rotation: [": "is not a YAML file",
    "rotation: 7\ntranslation_m: [0, 0, 0]": "is not an extrinsics YAML",
    IDENTITY: "translation_m",
    f"{IDENTITY}\ntranslation_m: [0.05, 0]": r"expected \(3, 3\) and \(3,\)",
    f"{IDENTITY}\ntranslation_m: [.nan, 0, 0]": "finite",
    f"{IDENTITY}\ntranslation_m: [left, 0, 0]": "is not an extrinsics YAML",
    f"{IDENTITY.replace('[1,', '[.nan,')}\ntranslation_m: [0, 0, 0]": "orthonormal",
    f"{IDENTITY.replace('[1,', '[2,')}\ntranslation_m: [0, 0, 0]": "orthonormal",
    f"{IDENTITY.replace('[1,', '[-1,')}\ntranslation_m: [0, 0, 0]": "mirror image",
    f"{IDENTITY.replace('0, 1]', '0]')}\ntranslation_m: [0, 0, 0]": "is not an extrinsics YAML",
}


@pytest.mark.parametrize("text", BAD_EXTRINSICS)
def test_unusable_extrinsics_fail_the_node_with_one_sentence(
    ros: int, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "extrinsics.yaml"
    path.write_text(text)
    node = ThermalCameraNode(parameter_overrides=overrides(extrinsics_path=str(path)))
    try:
        with pytest.raises(CalibrationError, match=BAD_EXTRINSICS[text]) as caught:
            node.start()
    finally:
        node.stop()
    assert "extrinsics.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


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


def test_a_flip_is_refused_while_extrinsics_are_loaded(
    executor: SingleThreadedExecutor, device: EmulatedSenxor, extrinsics: str
) -> None:
    node = start_camera(executor, device=device.device, extrinsics_path=extrinsics)
    (refused,) = node.set_parameters(overrides(flip_horizontal=True))
    assert not refused.successful
    assert "extrinsics_path" in refused.reason
    (taken,) = node.set_parameters(overrides(offset_k=1.0))
    assert taken.successful


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


@pytest.mark.parametrize("calibrated_at", [62, 60])
def test_a_calibration_of_whole_or_cropped_images_is_published_for_the_cropped_ones(
    executor: SingleThreadedExecutor, device: EmulatedSenxor, tmp_path: Path, calibrated_at: int
) -> None:
    """Files are made of published images, here upside down; a later flip moves the centre."""
    turned = Preparation(flip_horizontal=True, flip_vertical=True)
    lens = off_centre(SENXOR, Preparation(crop_rows=calibrated_at))
    save_camera_info(tmp_path / "thermal.yaml", lens, "thermal_camera")
    infos = Listener(executor).to(CameraInfo, "thermal/camera_info")
    node = start_camera(
        executor,
        device=device.device,
        crop_rows=60,
        flip_horizontal=True,
        flip_vertical=True,
        camera_info_path=str(tmp_path / "thermal.yaml"),
    )
    assert node._preparation.flips == turned.flips
    spin_for(executor, lambda: len(infos) >= 2)
    published = infos[-1]
    assert (published.width, published.height) == (80, 60)
    assert published.k[2] == pytest.approx(30.0)
    assert published.k[5] == pytest.approx(33.0)
    (taken,) = node.set_parameters(overrides(flip_horizontal=False))
    assert taken.successful
    spin_for(executor, lambda: infos[-1].k[2] == pytest.approx(79 - 30.0))


def off_centre(lens: Any, preparation: Preparation) -> Any:
    """An off-centre lens, whose centre is at (30, 33) in images of 60 rows."""
    info = camera_info_of(lens)
    info.k[0, 2], info.k[1, 2] = 30.0, 34.0
    return preparation.adapt_info(info)


def test_a_calibration_of_another_size_is_an_error_in_diagnostics(
    executor: SingleThreadedExecutor, device: EmulatedSenxor, tmp_path: Path
) -> None:
    save_camera_info(tmp_path / "rgb.yaml", camera_info_of(SyntheticRig().rgb), "rgb_camera")
    diagnostics = Listener(executor).to(DiagnosticArray, "/diagnostics")
    start_camera(
        executor,
        device=device.device,
        camera_info_path=str(tmp_path / "rgb.yaml"),
        diagnostics_period_s=0.1,
    )
    spin_for(
        executor,
        lambda: (
            (s := last_status(diagnostics, "thermal_camera")) is not None
            and "1024 x 576 px, the camera delivers 80 x 62" in s.message
            and s.level == b"\x02"
        ),
    )
