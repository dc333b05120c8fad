# SPDX-License-Identifier: Apache-2.0
"""The real camera node while ROS time steps; another life-cycle start that must fail clearly."""

from pathlib import Path

import pytest
from nodes.test_cameras_and_recorder import Listener, last_status, overrides
from support import faults
from support.senxor_emulator import EmulatedSenxor
from support.waiting import spin_for

from thermal_pose.messages.fields import to_stamp_ns

pytestmark = pytest.mark.graph
rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from thermal_pose.nodes.thermal_camera import ThermalCameraNode  # noqa: E402


class SteppedCamera(ThermalCameraNode):
    """A thermal camera whose ROS time is off by `step_ns`."""

    step_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.step_ns


@pytest.mark.faults
@pytest.mark.parametrize("step_s", [1.0, -1.0])
def test_stamps_rise_through_clock_steps(
    executor: SingleThreadedExecutor, device: EmulatedSenxor, step_s: float
) -> None:
    count = faults.times(few=1, full=20)
    listener = Listener(executor)
    images = listener.to(Image, "thermal/image_raw")
    diagnostics = listener.to(DiagnosticArray, "/diagnostics")
    values = {"device": device.device, "stall_timeout_s": 10.0, "diagnostics_period_s": 0.1}
    node = SteppedCamera(parameter_overrides=overrides(**values))
    executor.add_node(node)
    node.start()
    for _ in range(count):
        reached = len(images) + 3
        spin_for(executor, lambda reached=reached: len(images) >= reached)
        node.step_ns += round(step_s * 1e9)
        before_ns = to_stamp_ns(images[-1].header.stamp)
        spin_for(
            executor,
            lambda before_ns=before_ns: to_stamp_ns(images[-1].header.stamp) > before_ns + 1e8,
        )
        assert to_stamp_ns(images[-1].header.stamp) <= node.now_ns()
    stamps = [to_stamp_ns(image.header.stamp) for image in images]
    assert stamps == sorted(set(stamps))
    status = node._driver.status()
    assert (status.reconnects, status.clock_jumps) == (0, 0)
    held = status.stamps_held
    assert (held > 0) == (step_s < 0)

    def shown() -> bool:
        latest = last_status(diagnostics, "thermal_camera")
        rows = {row.key: row.value for row in latest.values}
        return rows["stamps held after a clock step"] == str(held)

    spin_for(executor, shown)
    faults.record(
        f"clock stepped {'forward' if step_s > 0 else 'back'} by 1 s under the camera node",
        count,
        f"{len(stamps)} stamps rise, none in the future; {held} frames held and counted in "
        "/diagnostics",
    )


def test_parameters_may_be_set_before_the_node_is_configured(ros: int, tmp_path: Path) -> None:
    node = ThermalCameraNode(parameter_overrides=overrides(device=str(tmp_path / "none")))
    (taken,) = node.set_parameters(overrides(flip_vertical=True, emissivity=0.9)[:1])
    assert taken.successful
    node.start()
    assert node._preparation.flips == (False, True)
    node.stop()


def test_configuring_again_leaves_one_publisher_of_each_topic(ros: int, tmp_path: Path) -> None:
    node = ThermalCameraNode(parameter_overrides=overrides(device=str(tmp_path / "none")))
    for _ in range(2):
        node.trigger_configure()
        node.trigger_cleanup()
    node.trigger_configure()
    topics = ("thermal/image_raw", "thermal/image_mono8", "thermal/camera_info", "truth/tug")
    assert [len(node.get_publishers_info_by_topic(f"/{topic}")) for topic in topics] == [1] * 4
    node.stop()
