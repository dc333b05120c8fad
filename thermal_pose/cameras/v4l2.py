# SPDX-License-Identifier: Apache-2.0
"""Video4Linux cameras through OpenCV: radiometric Y16 (Lepton, PureThermal) and colour."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.cameras.base import CameraIdentity, CapturedFrame
from thermal_pose.errors import CameraDisconnectedError, ConfigError

_FIRST_DEVICE: Final = "/dev/video0"
#: OpenCV waits 10 s for a frame unless told otherwise; a stop must not take that long.
_SELECT_TIMEOUT: Final = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"
_NS_PER_MS: Final = 1_000_000
_SYSFS: Final = Path("/sys/class/video4linux")


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102

    def read(self) -> tuple[bool, Any]: ...  # noqa: D102

    def get(self, prop: int) -> float: ...  # noqa: D102

    def set(self, prop: int, value: float) -> bool: ...  # noqa: D102

    def release(self) -> None: ...  # noqa: D102


def open_capture(device: str) -> Capture:
    """OpenCV's Video4Linux capture of a device file."""
    os.environ.setdefault(_SELECT_TIMEOUT, "1")
    return cv2.VideoCapture(device, cv2.CAP_V4L2)


class _V4l2Camera:
    """Base of the radiometric and the colour camera."""

    model = "V4L2"

    def __init__(
        self, device: str, rate_hz: float, capture: Callable[[str], Capture] = open_capture
    ) -> None:
        if "://" in device:
            raise ConfigError(f"device = '{device}': expected a video device such as /dev/video0")
        self._device = device or _FIRST_DEVICE
        self._rate_hz = rate_hz
        self._make_capture = capture
        self._capture: Capture | None = None

    @property
    def ended(self) -> bool:
        """A device never ends."""
        return False

    def open(self) -> CameraIdentity:
        """Open the device and read one frame, which tells the real size (see `Camera.open`)."""
        self.close()
        capture = self._make_capture(self._device)
        self._capture = capture
        if not capture.isOpened():
            self.close()
            raise CameraDisconnectedError(f"video device {self._device} cannot be opened")
        self.configure(capture)
        first = self.read(1.0)
        if first is None:
            self.close()
            raise CameraDisconnectedError(f"video device {self._device} gives no frames")
        height, width = first.image.shape[:2]
        return CameraIdentity(
            backend="v4l2",
            model=self.model,
            serial=usb_serial(self._device),
            image_wh=(width, height),
            rate_hz=self._rate_hz,
        )

    def configure(self, capture: Capture) -> None:
        """Ask for format, size and rate."""
        raise NotImplementedError

    def to_image(self, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The image in what OpenCV gave; CameraDisconnectedError for another format."""
        raise NotImplementedError

    def read(self, timeout_s: float) -> CapturedFrame | None:
        """The next frame; OpenCV decides how long to wait (about a second)."""
        if self._capture is None:
            raise CameraDisconnectedError(f"video device {self._device} is not open")
        grabbed, data = self._capture.read()
        if not grabbed or data is None:
            if not Path(self._device).exists():
                raise CameraDisconnectedError(f"video device {self._device} is gone")
            return None
        # The driver's buffer stamps, on a clock of its own; 0 if it gives none.
        device_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        return CapturedFrame(
            image=self.to_image(np.asarray(data)),
            arrived_ns=time.monotonic_ns(),
            device_ns=round(device_ms * _NS_PER_MS) if device_ms > 0 else None,
        )

    def close(self) -> None:
        """Release the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class V4l2ThermalCamera(_V4l2Camera):
    """A radiometric camera that streams Y16 in centikelvin (a Lepton with TLinear on)."""

    model = "V4L2 Y16"

    def configure(self, capture: Capture) -> None:
        """Ask for Y16, unconverted."""
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc("Y", "1", "6", " "))
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        self._wh = (
            int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )

    def to_image(self, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(H, W) uint16: OpenCV gives it as such, or as one row of bytes."""
        if data.dtype == np.uint16 and data.ndim == 2:
            return data.copy()
        width, height = self._wh
        if data.dtype == np.uint8 and data.size == 2 * width * height:
            return np.frombuffer(data.tobytes(), dtype="<u2").reshape(height, width).copy()
        raise CameraDisconnectedError(
            f"video device {self._device}: expected Y16 of {width} x {height} px, "
            f"got {data.shape} {data.dtype}"
        )


class V4l2ColourCamera(_V4l2Camera):
    """A webcam.

    Parameters
    ----------
    image_wh : size asked for; the device may give another.
    """

    model = "V4L2 colour"

    def __init__(
        self,
        device: str,
        *,
        image_wh: tuple[int, int],
        rate_hz: float,
        capture: Callable[[str], Capture] = open_capture,
    ) -> None:
        super().__init__(device, rate_hz, capture)
        self._image_wh = image_wh

    def configure(self, capture: Capture) -> None:
        """Ask for MJPEG (all webcams have it at full rate), size and rate."""
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._image_wh[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._image_wh[1])
        capture.set(cv2.CAP_PROP_FPS, self._rate_hz)

    def to_image(self, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(H, W, 3) uint8 BGR."""
        if data.dtype != np.uint8 or data.ndim != 3 or data.shape[2] != 3:
            raise CameraDisconnectedError(
                f"video device {self._device}: expected BGR, got {data.shape} {data.dtype}"
            )
        return data


def usb_serial(device: str, sysfs: Path = _SYSFS) -> str:
    """Serial number of the USB device behind a video device; '' if it has none."""
    node = (sysfs / Path(device).name / "device").resolve()
    for folder in (node, *node.parents[:3]):
        file = folder / "serial"
        if file.is_file():
            return file.read_text(encoding="utf-8").strip()
    return ""
