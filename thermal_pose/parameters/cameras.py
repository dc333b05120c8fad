# SPDX-License-Identifier: Apache-2.0
"""The parameters of the camera nodes."""

from dataclasses import dataclass
from typing import ClassVar

from thermal_pose.parameters.parameter import NodeParameters, parameter


@dataclass(frozen=True)
class CameraParameters(NodeParameters):
    """Parameters of both camera nodes."""

    device: str = parameter(
        "",
        "Device: a serial port or video device, tcp://host:port, or empty for the first found.",
    )
    serial: str = parameter(
        "", "The only serial number accepted; empty: the first device seen, and then only that."
    )
    rate_hz: float = parameter(
        8.0, "Nominal rate of the frames the device delivers, Hz.", bounds=(0.1, 240.0)
    )
    frame_divider: int = parameter(
        1, "Publish every n-th frame (senxor: set on the device).", bounds=(1, 100), dynamic=True
    )
    flip_horizontal: bool = parameter(False, "Mirror the image left to right.", dynamic=True)
    flip_vertical: bool = parameter(False, "Mirror the image top to bottom.", dynamic=True)
    camera_info_path: str = parameter(
        "", "Calibration YAML of camera_calibration_parsers; empty: uncalibrated (K = 0)."
    )
    camera_info_url: str = parameter(
        "",
        "The same file as a URL of camera_info_manager: file:///... or package://name/...; "
        "expands ${NAME} and ${ROS_HOME}.",
    )
    latency_s: float = parameter(
        0.0, "Constant delay from exposure to arrival, s.", bounds=(0.0, 1.0)
    )
    stall_timeout_s: float = parameter(
        2.0, "The device is reopened after this long without a good frame, s.", bounds=(0.2, 60.0)
    )
    first_backoff_s: float = parameter(
        1.0, "First wait between attempts to connect, s; doubles each time.", bounds=(0.05, 10.0)
    )
    max_backoff_s: float = parameter(
        10.0, "Longest wait between attempts to connect, s.", bounds=(0.05, 60.0)
    )
    bag_path: str = parameter("", "Recording to replay (backend bag).")
    bag_rate: float = parameter(
        1.0, "Replay at this multiple of real time; 0: as fast as possible.", bounds=(0.0, 100.0)
    )
    bag_loop: bool = parameter(False, "Start the recording again after its last frame.")
    bag_start_s: float = parameter(
        0.0, "Skip the first seconds of the recording, s.", bounds=(0.0, 86400.0)
    )
    bag_min_subscribers: int = parameter(
        1, "Wait for this many image subscribers before replaying.", bounds=(0, 100)
    )
    simulated_preset: str = parameter("paper", "Preset of the simulated clinic, see docs.")
    simulated_seed: int = parameter(1, "Seed of the simulated clinic.", bounds=(0, 2**31 - 1))


@dataclass(frozen=True)
class ThermalCameraParameters(CameraParameters):
    """Parameters of `thermal_camera`."""

    node_name: ClassVar[str] = "thermal_camera"

    backend: str = parameter(
        "senxor",
        "Where frames come from.",
        choices=("senxor", "v4l2", "bag", "simulated"),
    )
    frame_id: str = parameter(
        "thermal_camera_optical_frame",
        "Frame of the images (z forward, x right, y down); a recording keeps its own.",
    )
    floor_frame_id: str = parameter(
        "floor",
        "Frame on the floor below the camera (x forward, y left, z up), parent of the camera's "
        "frame on /tf_static; empty: no transform.",
    )
    camera_height_m: float = parameter(
        1.2, "Height of the camera above the floor, m.", bounds=(0.1, 10.0)
    )
    camera_pitch_deg: float = parameter(
        0.0, "Downward tilt of the camera, degrees.", bounds=(-90.0, 90.0)
    )
    emissivity: float = parameter(
        0.0,
        "Emissivity set on the device (senxor); 0: unchanged.",
        bounds=(0.0, 1.0),
        dynamic=True,
    )
    offset_k: float = parameter(
        0.0, "Added to every temperature, K.", bounds=(-12.8, 12.7), dynamic=True
    )
    crop_rows: int = parameter(
        0, "Rows kept around the centre (60: SenXor to Lepton shape); 0: all.", bounds=(0, 1024)
    )
    mono8_window: str = parameter(
        "percentile",
        "Range of image_mono8: 1st to 99th percentile, or mono8_low_degc to mono8_high_degc.",
        choices=("percentile", "fixed"),
        dynamic=True,
    )
    mono8_low_degc: float = parameter(
        18.0, "Black of image_mono8 with a fixed window, degC.", bounds=(-40.0, 300.0), dynamic=True
    )
    mono8_high_degc: float = parameter(
        36.0, "White of image_mono8 with a fixed window, degC.", bounds=(-40.0, 300.0), dynamic=True
    )
    bag_window_frames: int = parameter(
        1,
        "Lossless replay: frames sent ahead of the results received; 0: do not wait.",
        bounds=(0, 64),
    )
    bag_awaits: str = parameter(
        "keypoints",
        "Results that a lossless replay waits for: those of the pose node, or of the analyzer.",
        choices=("keypoints", "test/state"),
    )
    bag_clock: bool = parameter(
        False, "Publish /clock from the stamps of the replayed images (backend bag)."
    )
    extrinsics_path: str = parameter(
        "",
        "Pose of the RGB camera relative to this one, YAML of `thermal-pose calibrate`, "
        "published on /tf_static; empty: unknown.",
    )
    rgb_frame_id: str = parameter("rgb_camera_optical_frame", "Frame of that RGB camera's images.")


@dataclass(frozen=True)
class RgbCameraParameters(CameraParameters):
    """Parameters of `rgb_camera`."""

    node_name: ClassVar[str] = "rgb_camera"

    backend: str = parameter(
        "v4l2", "Where frames come from.", choices=("v4l2", "bag", "simulated")
    )
    frame_id: str = parameter(
        "rgb_camera_optical_frame",
        "Frame of the images (z forward, x right, y down); a recording keeps its own.",
    )
    width: int = parameter(1024, "Requested width, px.", bounds=(16, 8192))
    height: int = parameter(576, "Requested height, px.", bounds=(16, 8192))
    jpeg_quality: int = parameter(
        90, "Quality of image_raw/compressed, 1 to 100.", bounds=(1, 100), dynamic=True
    )
