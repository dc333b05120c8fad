# SPDX-License-Identifier: Apache-2.0
"""The parameters of every node: the only place for names, types, defaults and bounds.

A node declares its ROS parameters from its dataclass here (`nodes/parameters.py`), the
`config/*.yaml` files are held against it by a test, and the offline pipeline takes the same
objects. Values are checked on construction: an error names parameter, value and bound.
"""

from dataclasses import dataclass
from typing import ClassVar

from thermal_pose.parameters.parameter import NodeParameters, parameter


@dataclass(frozen=True)
class ImageConsumerParameters(NodeParameters):
    """What every node that takes images has."""

    image_reliability: str = parameter(
        "reliable",
        "QoS reliability asked of the image topic; best_effort for cameras that offer no more.",
        choices=("reliable", "best_effort"),
    )


@dataclass(frozen=True)
class TugAnalyzerParameters(ImageConsumerParameters):
    """Parameters of `tug_analyzer`; the method's own are in `clinical/tug/options.py`."""

    node_name: ClassVar[str] = "tug_analyzer"

    subject_id: str = parameter("", "Pseudonym of the person tested; empty: none.", dynamic=True)
    age_years: float = parameter(
        0.0,
        "Age for the norms, years; 0: unknown, norms omitted.",
        bounds=(0.0, 120.0),
        dynamic=True,
    )
    height_m: float = parameter(
        0.0,
        "Body height for the scale, m; 0: unknown, spatial measures omitted.",
        bounds=(0.0, 2.5),
        dynamic=True,
    )
    auto_start: bool = parameter(
        True, "Begin a trial by itself when a seated person is seen.", dynamic=True
    )
    report_dir: str = parameter(
        "",
        "Folder below which each trial gets a report folder of its own; empty: publish only.",
        dynamic=True,
    )
    store_path: str = parameter(
        "",
        "Results store (SQLite) to keep trials in and compare with; needs subject_id; empty: off.",
        dynamic=True,
    )


@dataclass(frozen=True)
class CameraParameters(NodeParameters):
    """What both camera nodes have."""

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
        "", "Calibration YAML as camera_calibration_parsers has it; empty: the built-in default."
    )
    latency_s: float = parameter(
        0.0, "Constant delay from exposure to arrival, s (no clock shows it).", bounds=(0.0, 1.0)
    )
    stall_timeout_s: float = parameter(
        2.0, "Without a good frame for this long the device is opened anew, s.", bounds=(0.2, 60.0)
    )
    first_backoff_s: float = parameter(
        1.0, "First wait between attempts to connect, s; doubles.", bounds=(0.05, 10.0)
    )
    max_backoff_s: float = parameter(
        10.0, "Longest wait between attempts to connect, s.", bounds=(0.05, 60.0)
    )
    bag_path: str = parameter("", "Recording to replay (backend bag).")
    bag_rate: float = parameter(
        1.0, "Replay at this multiple of real time; 0: as fast as it is taken.", bounds=(0.0, 100.0)
    )
    bag_loop: bool = parameter(False, "Start the recording again after its last frame.")
    bag_start_s: float = parameter(
        0.0, "Skip the first seconds of the recording, s.", bounds=(0.0, 86400.0)
    )
    bag_min_subscribers: int = parameter(
        1, "Send nothing before so many subscribers of the image are there.", bounds=(0, 100)
    )


@dataclass(frozen=True)
class ThermalCameraParameters(CameraParameters):
    """Parameters of `thermal_camera`."""

    node_name: ClassVar[str] = "thermal_camera"

    backend: str = parameter(
        "senxor",
        "Where frames come from.",
        choices=("senxor", "v4l2", "bag", "simulated"),
    )
    frame_id: str = parameter("thermal_camera", "Header frame of the images (optical frame).")
    emissivity: float = parameter(
        0.0,
        "Emissivity set on the device (senxor); 0: leave the device's own.",
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
        "Window of image_mono8: the 1st to 99th percentile, or mono8_low to mono8_high_degc.",
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
        "Lossless replay: frames in flight before the keypoints of an earlier one were seen; "
        "0: do not wait for keypoints.",
        bounds=(0, 64),
    )
    extrinsics_path: str = parameter(
        "",
        "How the RGB camera stands to this one, YAML of `thermal-pose calibrate`, published on "
        "/tf_static; empty: not known.",
    )
    rgb_frame_id: str = parameter("rgb_camera", "Header frame of that RGB camera's images.")
    simulated_preset: str = parameter("paper", "Preset of the simulated clinic, see docs.")
    simulated_seed: int = parameter(1, "Seed of the simulated clinic.", bounds=(0, 2**31 - 1))


@dataclass(frozen=True)
class RgbCameraParameters(CameraParameters):
    """Parameters of `rgb_camera`."""

    node_name: ClassVar[str] = "rgb_camera"

    backend: str = parameter(
        "v4l2", "Where frames come from.", choices=("v4l2", "bag", "simulated")
    )
    frame_id: str = parameter("rgb_camera", "Header frame of the images (optical frame).")
    width: int = parameter(1024, "Width asked of the device, px.", bounds=(16, 8192))
    height: int = parameter(576, "Height asked of the device, px.", bounds=(16, 8192))
    jpeg_quality: int = parameter(
        90, "Quality of image_raw/compressed, 1 to 100.", bounds=(1, 100), dynamic=True
    )
    simulated_preset: str = parameter("paper", "Preset of the simulated clinic, see docs.")
    simulated_seed: int = parameter(1, "Seed of the simulated clinic.", bounds=(0, 2**31 - 1))


@dataclass(frozen=True)
class RecorderParameters(NodeParameters):
    """Parameters of `recorder`."""

    node_name: ClassVar[str] = "recorder"

    output_dir: str = parameter("recordings", "Folder in which each recording gets its own.")
    subject_id: str = parameter(
        "", "Pseudonym kept with the recording (letters, digits, - and _); empty: none."
    )
    record_rgb: bool = parameter(False, "Also record colour images (people can be recognised).")
    topics: str = parameter(
        "", "Topics to record, separated by commas, relative to the namespace; empty: the usual."
    )
    min_free_mb: int = parameter(
        500, "Stop recording when the disk has less than this free, MB.", bounds=(0, 10_000_000)
    )
    flush_period_s: float = parameter(
        0.5, "At most this much is lost when the process is killed, s.", bounds=(0.05, 0.5)
    )


@dataclass(frozen=True)
class DetectorParameters(ImageConsumerParameters):
    """Parameters of `detector`."""

    node_name: ClassVar[str] = "detector"

    model: str = parameter(
        "detector",
        "A shipped detector's name, the path of a detector card, 'warm_blob' (no model file), "
        "or 'faster_rcnn:WEIGHTS' (extra torchvision).",
    )
    engine: str = parameter(
        "onnxruntime",
        "Inference engine; openvino is an extra.",
        choices=("onnxruntime", "openvino"),
    )
    device: str = parameter(
        "auto",
        "auto takes a GPU that the engine offers; cpu and cuda are taken by their word.",
        choices=("auto", "cpu", "cuda"),
    )
    threads: int = parameter(1, "Worker threads of one inference.", bounds=(1, 64))
    detect_every_n: int = parameter(
        1,
        "Images from one detection to the next while people are in view.",
        bounds=(1, 240),
        dynamic=True,
    )
    score_threshold: float = parameter(
        -1.0,
        "Boxes of a lower score are left out, 0..1; negative: what the model's card says.",
        bounds=(-1.0, 1.0),
        dynamic=True,
    )
    warm_threshold_k: float = parameter(
        1.5,
        "warm_blob only: kelvin above the frame's median that count as warm.",
        bounds=(0.1, 30.0),
        dynamic=True,
    )


@dataclass(frozen=True)
class PoseParameters(ImageConsumerParameters):
    """Parameters of `pose`."""

    node_name: ClassVar[str] = "pose"

    model: str = parameter(
        "student-lite", "A shipped pose model's name or the path of a model card."
    )
    engine: str = parameter(
        "onnxruntime",
        "Inference engine; openvino is an extra.",
        choices=("onnxruntime", "openvino"),
    )
    device: str = parameter(
        "auto",
        "auto takes a GPU that the engine offers; cpu and cuda are taken by their word.",
        choices=("auto", "cpu", "cuda"),
    )
    threads: int = parameter(1, "Worker threads of one inference.", bounds=(1, 64))
    min_person_score: float = parameter(
        0.3,
        "Boxes in which the estimator sees a person with less probability are left out, 0..1.",
        bounds=(0.0, 1.0),
        dynamic=True,
    )
    min_joint_score: float = parameter(
        0.2,
        "Joints of a lower score do not shape the next box, 0..1.",
        bounds=(0.0, 1.0),
        dynamic=True,
    )
    max_lost_s: float = parameter(
        2.0,
        "Seconds for which an unseen person keeps the identity.",
        bounds=(0.1, 60.0),
        dynamic=True,
    )
    max_persons: int = parameter(
        10,
        "People looked at in one image; the oldest identities stay.",
        bounds=(1, 50),
        dynamic=True,
    )
    smoothing: str = parameter(
        "none",
        "Filter of the joints; one_euro is steadier to look at and delays what it smooths.",
        choices=("none", "one_euro"),
        dynamic=True,
    )
    smoothing_min_cutoff_hz: float = parameter(
        1.0, "one_euro: cut-off of a joint at rest, Hz.", bounds=(0.01, 100.0), dynamic=True
    )
    smoothing_beta_s_per_px: float = parameter(
        0.3,
        "one_euro: rise of the cut-off with speed, Hz per px/s.",
        bounds=(0.0, 10.0),
        dynamic=True,
    )


@dataclass(frozen=True)
class VisualizerParameters(ImageConsumerParameters):
    """Parameters of `visualizer`."""

    node_name: ClassVar[str] = "visualizer"

    scale: int = parameter(
        8, "Overlay pixels a thermal pixel, each way.", bounds=(1, 32), dynamic=True
    )
    colormap: str = parameter(
        "inferno",
        "Colours of the thermal image.",
        choices=("inferno", "gray", "jet", "turbo"),
        dynamic=True,
    )
    low_degc: float = parameter(
        0.0,
        "Temperature shown darkest, degC; low = high: the frame's own range.",
        bounds=(-40.0, 330.0),
        dynamic=True,
    )
    high_degc: float = parameter(
        0.0, "Temperature shown brightest, degC.", bounds=(-40.0, 330.0), dynamic=True
    )
    min_joint_score: float = parameter(
        0.2, "Joints of a lower score are not drawn, 0..1.", bounds=(0.0, 1.0), dynamic=True
    )
    draw_boxes: bool = parameter(True, "Draw each person's box, identity and score.", dynamic=True)
    draw_status: bool = parameter(True, "Draw the phase and the elapsed time.", dynamic=True)
    person_height_m: float = parameter(
        1.7,
        "Body height from which the markers' distance is told, m.",
        bounds=(0.5, 2.5),
        dynamic=True,
    )
    camera_height_m: float = parameter(
        1.2,
        "Height of the camera above the floor, m (markers on the floor).",
        bounds=(0.1, 10.0),
        dynamic=True,
    )
    camera_pitch_deg: float = parameter(
        0.0,
        "Downward tilt of the camera, degrees (markers on the floor).",
        bounds=(-90.0, 90.0),
        dynamic=True,
    )


def parameter_classes() -> dict[str, type[NodeParameters]]:
    """Return the parameters of every node by the node's name.

    >>> sorted(parameter_classes())[:3]
    ['detector', 'pose', 'recorder']
    """
    kinds = [
        kind
        for kind in globals().values()
        if isinstance(kind, type) and issubclass(kind, NodeParameters) and "node_name" in vars(kind)
    ]
    return {kind.node_name: kind for kind in kinds if kind is not NodeParameters}
