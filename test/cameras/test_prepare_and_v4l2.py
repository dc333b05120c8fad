# SPDX-License-Identifier: Apache-2.0
"""Crop, flips and offsets with their calibration; V4L2 on a fake capture."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from thermal_pose.cameras.prepare import Preparation, mono8_fixed, mono8_percentile
from thermal_pose.cameras.v4l2 import V4l2ColourCamera, V4l2ThermalCamera, usb_serial
from thermal_pose.errors import CameraDisconnectedError, ImageFormatError
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.imaging.camera_model import CameraIntrinsics


def test_the_calibration_follows_crop_and_flips() -> None:
    """A point projected with the adapted calibration is where its pixel went."""
    lens = CameraIntrinsics((80, 62), 84.0, 83.0, 38.0, 33.0, (-0.2, 0.05, 0.01, -0.02, 0.0))
    info = CameraInfo((80, 62), lens.matrix, np.array(lens.distortion))
    prepare = Preparation(flip_horizontal=True, flip_vertical=True, crop_rows=60)
    adapted = prepare.adapt_info(info)
    k = adapted.k
    flipped = CameraIntrinsics(
        (80, 60), k[0, 0], k[1, 1], k[0, 2], k[1, 2], tuple(adapted.distortion)
    )
    point = np.array([0.4, -0.3, 2.0])
    u, v = lens.to_pixels(point)
    mirrored = flipped.to_pixels(point * [-1, -1, 1])
    np.testing.assert_allclose(mirrored, [79 - u, 59 - (v - 1)], atol=1e-9)


def test_crop_flip_and_offset_of_the_image() -> None:
    image = np.arange(62 * 80, dtype=np.uint16).reshape(62, 80) + 29000
    prepare = Preparation(flip_horizontal=True, crop_rows=60, offset_k=-1.5)
    np.testing.assert_array_equal(prepare.apply(image), image[1:61, ::-1] - 150)
    assert prepare.apply(image).flags.c_contiguous
    with pytest.raises(ImageFormatError, match="at most 62 rows, got 64"):
        Preparation(crop_rows=64).apply(image)


def test_offset_saturates_instead_of_wrapping() -> None:
    image = np.array([[0, 65535]], np.uint16)
    np.testing.assert_array_equal(Preparation(offset_k=-1.0).apply(image), [[0, 65435]])


def test_pictures_for_eyes() -> None:
    ramp = np.tile(np.linspace(29315, 30915, 80), (60, 1)).astype(np.uint16)
    fixed = mono8_fixed(ramp, 20.0, 36.0)
    assert (fixed[0, 0], fixed[0, -1]) == (0, 255)
    assert mono8_percentile(ramp).std() > 50
    flat = np.full((60, 80), 29515, np.uint16)
    assert mono8_percentile(flat).max() == 0
    with pytest.raises(ValueError, match="low_degc < high_degc"):
        mono8_fixed(ramp, 36.0, 20.0)


class FakeCapture:
    """Stands for cv2.VideoCapture."""

    def __init__(self, frames: list[Any], size_wh: tuple[int, int] = (80, 60)) -> None:
        self.frames = frames
        self.props = {
            cv2.CAP_PROP_FRAME_WIDTH: size_wh[0],
            cv2.CAP_PROP_FRAME_HEIGHT: size_wh[1],
            cv2.CAP_PROP_POS_MSEC: 1234.5,
        }
        self.released = False

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        return (True, self.frames.pop(0)) if self.frames else (False, None)

    def get(self, prop: int) -> float:
        return self.props.get(prop, 0.0)

    def set(self, prop: int, value: float) -> bool:
        self.props[prop] = value
        return True

    def release(self) -> None:
        self.released = True


@pytest.mark.parametrize("as_bytes", [False, True])
def test_y16_is_read_in_both_forms_that_opencv_gives(as_bytes: bool) -> None:
    image = np.random.default_rng(0).integers(28000, 31000, (60, 80)).astype(np.uint16)
    given = image.view(np.uint8).reshape(1, -1) if as_bytes else image
    camera = V4l2ThermalCamera(
        "/dev/video9", rate_hz=9.0, capture=lambda _: FakeCapture([given] * 2)
    )
    identity = camera.open()
    frame = camera.read(0.1)
    assert identity.image_wh == (80, 60)
    assert frame is not None
    np.testing.assert_array_equal(frame.image, image)
    assert frame.device_ns == 1_234_500_000
    with pytest.raises(CameraDisconnectedError, match="is gone"):
        camera.read(0.1)


def test_a_camera_without_y16_is_refused() -> None:
    colour = np.zeros((60, 80, 3), np.uint8)
    camera = V4l2ThermalCamera("/dev/video9", rate_hz=9.0, capture=lambda _: FakeCapture([colour]))
    with pytest.raises(CameraDisconnectedError, match="expected Y16"):
        camera.open()


def test_webcam_frames_and_size_asked_for() -> None:
    capture = FakeCapture([np.full((36, 64, 3), 7, np.uint8)] * 2)
    camera = V4l2ColourCamera(
        "/dev/video9", image_wh=(64, 36), rate_hz=8.0, capture=lambda _: capture
    )
    assert camera.open().image_wh == (64, 36)
    assert capture.props[cv2.CAP_PROP_FRAME_WIDTH] == 64
    camera.close()
    assert capture.released


def test_no_such_video_device() -> None:
    with pytest.raises(CameraDisconnectedError, match="/dev/video97"):
        V4l2ColourCamera("/dev/video97", image_wh=(64, 36), rate_hz=8.0).open()


def test_usb_serial_is_found_above_the_video_node(tmp_path: Path) -> None:
    interface = tmp_path / "usb1" / "1-2" / "1-2:1.0"
    (interface / "video4linux").mkdir(parents=True)
    (interface.parent / "serial").write_text("ABC123\n")
    node = tmp_path / "class" / "video3"
    node.mkdir(parents=True)
    (node / "device").symlink_to(interface)
    assert usb_serial("/dev/video3", sysfs=tmp_path / "class") == "ABC123"
    assert usb_serial("/dev/video4", sysfs=tmp_path / "class") == ""
