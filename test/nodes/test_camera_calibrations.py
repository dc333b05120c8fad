# SPDX-License-Identifier: Apache-2.0
"""The calibration that a camera publishes: from a file, a URL, of another size, or none."""

from pathlib import Path
from typing import Any

import pytest
from nodes.test_cameras_and_recorder import (
    Listener,
    last_status,
    overrides,
    start_camera,
)
from support.senxor_emulator import EmulatedSenxor
from support.waiting import spin_for

from thermal_pose.calibration.files import save_camera_info
from thermal_pose.calibration.synthetic import SyntheticRig
from thermal_pose.cameras.prepare import Preparation
from thermal_pose.errors import CalibrationError, ConfigError
from thermal_pose.imaging.camera_info import camera_info_of
from thermal_pose.imaging.camera_model import SENXOR

pytestmark = pytest.mark.graph
rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402

from thermal_pose.nodes.thermal_camera import ThermalCameraNode  # noqa: E402


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
