# SPDX-License-Identifier: Apache-2.0
"""The `Camera` protocol, which every camera backend implements.

A backend opens one device and reads raw frames; it neither reconnects nor judges images. The
`CameraDriver` around it does both, so that all backends behave alike.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from thermal_pose.imaging.camera_info import CameraInfo


@dataclass(frozen=True)
class CameraIdentity:
    """Which device is open.

    Attributes
    ----------
    backend, model : for people and diagnostics.
    serial : what tells this device from others of its kind; '' where it has none.
    image_wh : width and height of its frames, px.
    rate_hz : nominal frame rate.
    info : calibration that came with the stream (recordings, simulation); None: none did.
    """

    backend: str
    model: str
    serial: str
    image_wh: tuple[int, int]
    rate_hz: float
    info: CameraInfo | None = None


@dataclass(frozen=True)
class CapturedFrame:
    """One frame as the backend got it.

    Attributes
    ----------
    image : (H, W) uint16 centikelvin, or (H, W, 3) uint8 BGR.
    arrived_ns : when it was received, on the host's monotonic clock, ns.
    stamp_ns, frame_id : final header, where the source knows it (recordings, simulation); the
        driver copies it bit for bit. None: the driver stamps the frame.
    device_ns : acquisition time on the device's own clock, ns; None where it has none.
    sequence : the device's frame counter, unwrapped; None where it has none.
    die_temperature_degc : of the sensor chip; None where unknown.
    """

    image: npt.NDArray[Any]
    arrived_ns: int
    stamp_ns: int | None = None
    frame_id: str | None = None
    device_ns: int | None = None
    sequence: int | None = None
    die_temperature_degc: float | None = None

    def __post_init__(self) -> None:
        thermal = self.image.ndim == 2 and self.image.dtype == np.uint16
        colour = self.image.ndim == 3 and self.image.dtype == np.uint8
        if not (thermal or colour):
            raise ValueError(
                "image: expected (H, W) uint16 or (H, W, 3) uint8, got "
                f"{self.image.shape} {self.image.dtype}"
            )


class Camera(Protocol):
    """One device or recording. `open`, `read` and `close` are called from one thread."""

    @property
    def ended(self) -> bool:
        """True once a finite source has given its last frame; a device never ends."""
        ...

    def open(self) -> CameraIdentity:
        """Connect and start the stream.

        Raises
        ------
        CameraDisconnectedError
            There is no device, or it does not answer.
        CameraIdentityError
            There is a device, but not the requested one.
        """
        ...

    def read(self, timeout_s: float) -> CapturedFrame | None:
        """The next frame; None when none came within `timeout_s`.

        Raises
        ------
        CameraDisconnectedError
            The device is gone.
        """
        ...

    def close(self) -> None:
        """Stop the stream and free the device; a second call does nothing."""
        ...


@runtime_checkable
class ControllableCamera(Protocol):
    """A camera whose radiometry is set on the device itself."""

    def set_control(self, name: str, value: float) -> None:
        """Set 'emissivity' (0..1), 'offset_k' (K) or 'frame_divider' (count).

        Safe from any thread; takes effect with one of the next frames.
        """
        ...


@runtime_checkable
class SlowCamera(Protocol):
    """A camera whose `open` may take minutes.

    Attributes
    ----------
    activity : what `open` is busy with, for people; '' when it is not.
    """

    activity: str

    def cancel(self) -> None:
        """Make `open` return soon with an error. Safe from any thread."""
        ...


@runtime_checkable
class AcknowledgedCamera(Protocol):
    """A source that can wait for its consumers (the lossless recording)."""

    def acknowledge(self, stamp_ns: int) -> None:
        """Note that the results for the frame of this stamp were seen. From any thread."""
        ...
