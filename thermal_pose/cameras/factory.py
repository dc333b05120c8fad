# SPDX-License-Identifier: Apache-2.0
"""From a camera node's parameters to its backend; backends are imported when asked for."""

from collections.abc import Callable
from pathlib import Path

from thermal_pose.cameras.base import Camera, ControllableCamera
from thermal_pose.cameras.driver import CameraDriver, DriverOptions, DriverStatus
from thermal_pose.cameras.prepare import Preparation
from thermal_pose.errors import ConfigError
from thermal_pose.parameters.cameras import (
    CameraParameters,
    RgbCameraParameters,
    ThermalCameraParameters,
)

Ready = Callable[[], bool]


def driver_options(params: CameraParameters) -> DriverOptions:
    """How the driver runs this camera.

    Raises
    ------
    ConfigError
        The longest backoff is shorter than the first.
    """
    if params.first_backoff_s > params.max_backoff_s:
        raise ConfigError(
            f"{params.node_name}.first_backoff_s = {params.first_backoff_s}: expected at most "
            f"max_backoff_s = {params.max_backoff_s}"
        )
    assert isinstance(params, ThermalCameraParameters | RgbCameraParameters)
    return DriverOptions(
        frame_id=params.frame_id,
        serial=params.serial,
        first_backoff_s=params.first_backoff_s,
        max_backoff_s=params.max_backoff_s,
        stall_timeout_s=params.stall_timeout_s,
        latency_s=params.latency_s,
        frame_divider=1 if divides_on_device(params) else params.frame_divider,
    )


def divides_on_device(params: CameraParameters) -> bool:
    """Whether the frame divider, offset and emissivity are set on the device itself."""
    return isinstance(params, ThermalCameraParameters) and params.backend == "senxor"


def preparation(params: ThermalCameraParameters | RgbCameraParameters) -> Preparation:
    """The processing of each image on the host.

    Raises
    ------
    ConfigError
        An emissivity is asked of a backend that cannot set one.
    """
    if isinstance(params, RgbCameraParameters):
        return Preparation(params.flip_horizontal, params.flip_vertical)
    on_device = divides_on_device(params)
    if params.emissivity and not on_device:
        raise ConfigError(
            f"{params.node_name}.emissivity = {params.emissivity}: expected 0, the backend "
            f"'{params.backend}' cannot set it"
        )
    return Preparation(
        flip_horizontal=params.flip_horizontal,
        flip_vertical=params.flip_vertical,
        crop_rows=params.crop_rows,
        offset_k=0.0 if on_device else params.offset_k,
    )


def apply_controls(params: CameraParameters, driver: CameraDriver) -> None:
    """Set emissivity, offset and frame divider where the open device takes them.

    They are also given to each backend that is built, so a reconnection keeps them.
    """
    camera = driver.camera
    if isinstance(params, ThermalCameraParameters) and isinstance(camera, ControllableCamera):
        if params.emissivity:
            camera.set_control("emissivity", params.emissivity)
        camera.set_control("offset_k", params.offset_k)
        camera.set_control("frame_divider", params.frame_divider)
    else:
        driver.set_frame_divider(params.frame_divider)


def expected_rate_hz(params: CameraParameters, status: DriverStatus) -> float:
    """The rate of published frames that is normal for this camera and frame divider."""
    rate_hz = status.identity.rate_hz if status.identity is not None else params.rate_hz
    return rate_hz if divides_on_device(params) else rate_hz / params.frame_divider


def make_thermal_camera(params: ThermalCameraParameters, ready: Ready) -> Camera:
    """Build the thermal backend; `ready` tells a replay that its consumers are connected.

    Raises
    ------
    ConfigError
        A parameter that the backend needs is missing.
    BagError
        The recording cannot be replayed.
    """
    return _THERMAL[params.backend](params, ready)


def make_rgb_camera(params: RgbCameraParameters, ready: Ready) -> Camera:
    """Build the colour backend (see `make_thermal_camera`)."""
    return _RGB[params.backend](params, ready)


def device_fingerprint(params: CameraParameters) -> Callable[[], object] | None:
    """A fingerprint that changes when the device's file is re-created; None without a file."""
    return file_fingerprint(Path(params.device)) if params.device.startswith("/") else None


def file_fingerprint(path: Path) -> Callable[[], object]:
    """A function that gives a file's identity, and None while it is absent."""

    def fingerprint() -> object:
        try:
            status = path.lstat()
        except OSError:
            return None
        return status.st_ino, status.st_ctime_ns

    return fingerprint


def _senxor(params: ThermalCameraParameters, ready: Ready) -> Camera:
    from thermal_pose.cameras.senxor import SenxorCamera

    return SenxorCamera(
        params.device,
        serial=params.serial,
        emissivity=params.emissivity or None,
        offset_k=params.offset_k,
        frame_divider=params.frame_divider,
        rate_hz=params.rate_hz,
    )


def _v4l2_thermal(params: ThermalCameraParameters, ready: Ready) -> Camera:
    from thermal_pose.cameras.v4l2 import V4l2ThermalCamera

    return V4l2ThermalCamera(params.device, rate_hz=params.rate_hz)


def _v4l2_rgb(params: RgbCameraParameters, ready: Ready) -> Camera:
    from thermal_pose.cameras.v4l2 import V4l2ColourCamera

    return V4l2ColourCamera(
        params.device, image_wh=(params.width, params.height), rate_hz=params.rate_hz
    )


def _bag(params: ThermalCameraParameters | RgbCameraParameters, ready: Ready) -> Camera:
    from thermal_pose.cameras.bag import BagCamera

    if not params.bag_path:
        raise ConfigError(f"{params.node_name}.bag_path = '': expected a recording to replay")
    thermal = isinstance(params, ThermalCameraParameters)
    return BagCamera(
        params.bag_path,
        colour=not thermal,
        rate=params.bag_rate,
        loop=params.bag_loop,
        start_s=params.bag_start_s,
        window_frames=params.bag_window_frames
        if isinstance(params, ThermalCameraParameters)
        else 0,
        consumers_ready=ready,
    )


def _simulated_thermal(params: ThermalCameraParameters, ready: Ready) -> Camera:
    from thermal_pose.cameras.simulated import make_simulated_thermal

    return make_simulated_thermal(params.simulated_preset, params.simulated_seed)


def _simulated_rgb(params: RgbCameraParameters, ready: Ready) -> Camera:
    from thermal_pose.cameras.simulated import make_simulated_rgb

    return make_simulated_rgb(params.simulated_preset, params.simulated_seed)


_THERMAL: dict[str, Callable[[ThermalCameraParameters, Ready], Camera]] = {
    "senxor": _senxor,
    "v4l2": _v4l2_thermal,
    "bag": _bag,
    "simulated": _simulated_thermal,
}

_RGB: dict[str, Callable[[RgbCameraParameters, Ready], Camera]] = {
    "v4l2": _v4l2_rgb,
    "bag": _bag,
    "simulated": _simulated_rgb,
}


def recorded_truth(params: ThermalCameraParameters) -> tuple[bytes, ...]:
    """The serialised `truth/tug` messages of a recording of the simulated clinic; else none."""
    if params.backend != "bag":
        return ()
    from thermal_pose.bags import schema
    from thermal_pose.bags.reader import BagReader

    with BagReader(params.bag_path) as reader:
        return tuple(raw.cdr for raw in reader.raw_messages([schema.TRUTH_TUG]))
