# SPDX-License-Identifier: Apache-2.0
"""Camera nodes, recorder and player over real DDS: emulated device, recordings, namespaces."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.senxor_emulator import EmulatedSenxor
from support.trials import START_NS, STEP_NS, thermal_frame, write_trial
from support.waiting import spin_for

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.writer import BagWriter
from thermal_pose.errors import BagNotFoundError, ConfigError, StorageError
from thermal_pose.messages.fields import to_stamp_ns
from thermal_pose.messages.images import rgb_message, thermal_message
from thermal_pose.types import RgbFrame

pytestmark = pytest.mark.graph
rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from thermal_pose.nodes.player import BagPlayer, PlayOptions  # noqa: E402
from thermal_pose.nodes.qos import image_subscription_qos  # noqa: E402
from thermal_pose.nodes.recorder import RecorderNode  # noqa: E402
from thermal_pose.nodes.rgb_camera import RgbCameraNode  # noqa: E402
from thermal_pose.nodes.thermal_camera import ThermalCameraNode  # noqa: E402


def overrides(**values: Any) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]


class Listener:
    """A node that keeps what it hears."""

    def __init__(self, executor: SingleThreadedExecutor) -> None:
        self.node = rclpy.create_node("listener")
        self.heard: dict[str, list[Any]] = {}
        executor.add_node(self.node)

    def to(self, kind: Any, topic: str) -> list[Any]:
        heard = self.heard.setdefault(topic, [])
        qos = image_subscription_qos("reliable", depth=50)
        self.node.create_subscription(kind, topic, heard.append, qos)
        return heard


def start_camera(
    executor: SingleThreadedExecutor, kind: Any = ThermalCameraNode, namespace: str = "", **values
) -> Any:
    node = kind(parameter_overrides=overrides(**values), namespace=namespace)
    executor.add_node(node)
    node.start()
    return node


def last_status(heard: list[DiagnosticArray], name: str) -> Any:
    for array in reversed(heard):
        for status in array.status:
            if status.name.endswith(name):
                return status
    return None


def test_the_real_node_on_the_emulated_camera(
    executor: SingleThreadedExecutor, device: EmulatedSenxor
) -> None:
    listener = Listener(executor)
    images = listener.to(Image, "thermal/image_raw")
    eyes = listener.to(Image, "thermal/image_mono8")
    infos = listener.to(CameraInfo, "thermal/camera_info")
    diagnostics = listener.to(DiagnosticArray, "/diagnostics")
    node = start_camera(
        executor,
        backend="senxor",
        device=device.device,
        frame_divider=3,
        rate_hz=8.0,
        crop_rows=60,
        diagnostics_period_s=0.2,
        stall_timeout_s=0.5,
    )
    spin_for(executor, lambda: len(images) >= 12 and len(eyes) >= 5)
    image = images[-1]
    assert (image.encoding, image.width, image.height) == ("mono16", 80, 60)
    assert (infos[-1].width, infos[-1].height) == (80, 60)
    assert infos[-1].header == images[[i.header for i in images].index(infos[-1].header)].header
    stamps = [to_stamp_ns(i.header.stamp) for i in images]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] <= node.now_ns()
    assert np.median(np.diff(stamps)) / 1e9 == pytest.approx(0.125, abs=0.03)
    spin_for(executor, lambda: last_status(diagnostics, "thermal_camera").message == "streaming")
    rows = {row.key: row.value for row in last_status(diagnostics, "thermal_camera").values}
    assert rows["die temperature"] == "30.00 degC"
    device.stalled = True
    spin_for(executor, lambda: last_status(diagnostics, "thermal_camera").level == b"\x02")
    device.stalled = False
    count = len(images)
    spin_for(executor, lambda: len(images) > count + 2)


def test_dynamic_controls_reset_and_bad_values(
    executor: SingleThreadedExecutor, device: EmulatedSenxor
) -> None:
    images = Listener(executor).to(Image, "thermal/image_raw")
    node = start_camera(executor, backend="senxor", device=device.device)
    spin_for(executor, lambda: len(images) >= 2)
    assert all(r.successful for r in node.set_parameters(overrides(emissivity=0.9, offset_k=2.0)))
    spin_for(executor, lambda: (device.register(0xCA), device.register(0xCB)) == (90, 20))
    (refused,) = node.set_parameters(overrides(emissivity=1.5))
    assert not refused.successful
    client = node.create_client(Trigger, "~/reset")
    client.wait_for_service(5)
    future = client.call_async(Trigger.Request())
    spin_for(executor, future.done)
    spin_for(executor, lambda: node._driver.status().reconnects == 1)
    count = len(images)
    spin_for(executor, lambda: len(images) > count)


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        ({"backend": "bag", "bag_path": "/nowhere"}, BagNotFoundError, "/nowhere"),
        ({"backend": "bag"}, ConfigError, "bag_path"),
        ({"backend": "v4l2", "emissivity": 0.9}, ConfigError, "emissivity"),
        ({"backend": "thermocouple"}, ConfigError, "expected one of"),
        ({"crop_rows": -1}, ConfigError, "crop_rows"),
    ],
)
def test_bad_parameters_are_named(ros: int, values: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        node = ThermalCameraNode(parameter_overrides=overrides(**values))
        try:
            node.start()
        finally:
            node.stop()


def write_both_cameras(path: Path, n_frames: int = 8) -> None:
    bgr = np.full((36, 64, 3), 90, np.uint8)
    with BagWriter(path) as bag:
        for index in range(n_frames):
            frame = thermal_frame(index)
            bag.write(schema.THERMAL_IMAGE, frame.stamp_ns, thermal_message(schema.message, frame))
            rgb = RgbFrame(frame.stamp_ns, "rgb", bgr)
            bag.write(schema.RGB_COMPRESSED, frame.stamp_ns, rgb_message(schema.message, rgb))


def test_two_camera_pairs_in_two_namespaces(
    executor: SingleThreadedExecutor, tmp_path: Path
) -> None:
    write_both_cameras(tmp_path / "pair")
    listener = Listener(executor)
    heard = {
        side: (
            listener.to(Image, f"/{side}/thermal/image_raw"),
            listener.to(CompressedImage, f"/{side}/rgb/image_raw/compressed"),
        )
        for side in ("left", "right")
    }
    common = {"backend": "bag", "bag_path": str(tmp_path / "pair"), "bag_rate": 0.0}
    for side in heard:
        start_camera(executor, namespace=side, bag_window_frames=0, **common)
        start_camera(executor, RgbCameraNode, namespace=side, **common)
    spin_for(executor, lambda: all(len(t) == 8 == len(r) for t, r in heard.values()), 30.0)
    for thermal, rgb in heard.values():
        assert [to_stamp_ns(i.header.stamp) for i in thermal] == [
            START_NS + n * STEP_NS for n in range(8)
        ]
        assert rgb[0].format.startswith("bgr8; jpeg")


def test_recorder_keeps_what_a_player_plays(
    executor: SingleThreadedExecutor, tmp_path: Path
) -> None:
    write_trial(tmp_path / "trial")
    recorder = RecorderNode(
        parameter_overrides=overrides(
            output_dir=str(tmp_path / "out"), subject_id="S07", min_free_mb=0
        )
    )
    executor.add_node(recorder)
    recorder.start()
    player_node = rclpy.create_node("player")
    executor.add_node(player_node)
    options = PlayOptions(rate=8.0, min_subscribers=2)
    player = BagPlayer(player_node, tmp_path / "trial", options, rclpy.ok)
    thread = threading.Thread(target=player.play)
    thread.start()
    spin_for(
        executor,
        lambda: not thread.is_alive() and int(recorder.details()["messages"]) >= 48,
        20.0,
    )
    recorder.stop()
    (path,) = (tmp_path / "out").iterdir()
    assert path.name.startswith("S07_")
    with BagReader(path) as bag, BagReader(tmp_path / "trial") as original:
        assert bag.custom_data["subject_id"] == "S07"
        recorded = [raw.cdr for raw in bag.raw_messages([schema.THERMAL_IMAGE])]
        assert recorded == [raw.cdr for raw in original.raw_messages([schema.THERMAL_IMAGE])]
        assert bag.topics[schema.TRUTH_FRAME].count == 24


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        ({"subject_id": "Jane Doe"}, ConfigError, "Jane Doe"),
        ({"topics": "rgb/image_raw"}, ConfigError, "record_rgb"),
        ({"topics": "no/such"}, ConfigError, "no/such"),
        ({"min_free_mb": 10_000_000}, StorageError, "MB free"),
        ({"output_dir": "/proc/recordings"}, StorageError, "cannot create"),
    ],
)
def test_recorder_refuses_before_it_records(
    ros: int, tmp_path: Path, values: dict[str, Any], error: type, match: str
) -> None:
    given = {"output_dir": str(tmp_path), "min_free_mb": 0, **values}
    node = RecorderNode(parameter_overrides=overrides(**given))
    try:
        with pytest.raises(error, match=match):
            node.start()
    finally:
        node.stop()
