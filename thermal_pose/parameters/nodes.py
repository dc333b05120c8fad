# SPDX-License-Identifier: Apache-2.0
"""The parameters of every node: the only place for names, types, defaults and bounds.

A node declares its ROS parameters from its dataclass (`nodes/parameters.py`), a test compares
`config/*.yaml` with it, and the offline pipeline takes the same objects. Values are checked on
construction: an error names the parameter, its value and the bound.
"""

from dataclasses import dataclass
from typing import ClassVar

from thermal_pose.language import ENGLISH, languages
from thermal_pose.parameters.parameter import NodeParameters, parameter


@dataclass(frozen=True)
class ImageConsumerParameters(NodeParameters):
    """Parameters of every node that subscribes to images."""

    image_reliability: str = parameter(
        "best_effort",
        "QoS reliability of image subscriptions; best_effort (sensor data) matches every camera.",
        choices=("reliable", "best_effort"),
    )


@dataclass(frozen=True)
class StorageParameters(NodeParameters):
    """Parameters of every node that writes files. All are read-only: no message moves a file."""

    data_root: str = parameter(
        "", "Folder below which all output of this node must lie; empty: anywhere."
    )


@dataclass(frozen=True)
class TugAnalyzerParameters(ImageConsumerParameters, StorageParameters):
    """Parameters of `tug_analyzer`; those of the method are in `clinical/tug/options.py`."""

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
    sex: str = parameter(
        "",
        "Sex for the norms: female or male; empty: not entered.",
        choices=("", "female", "male"),
        dynamic=True,
    )
    walking_aid: str = parameter(
        "",
        "Walking aid used in the test, for the report; empty: not entered.",
        choices=("", "none", "cane", "crutches", "walker", "rollator", "other"),
        dynamic=True,
    )
    chair: str = parameter("", "Chair used, for the report.", dynamic=True)
    assessor: str = parameter("", "Who runs the test, for the report.", dynamic=True)
    time_zone: str = parameter(
        "", "IANA time zone of the report, such as Europe/Berlin; empty: UTC.", dynamic=True
    )
    language: str = parameter(
        ENGLISH, "Language of the report's page.", choices=languages(), dynamic=True
    )
    test: str = parameter(
        "",
        "Key of the movement test (clinical/catalogue.py); empty: the first of them. Changing it "
        "forgets the trial under way.",
        dynamic=True,
    )
    auto_start: bool = parameter(
        True, "Begin a trial automatically when a seated person is seen.", dynamic=True
    )
    report_dir: str = parameter(
        "",
        "Folder in which each trial gets a report folder; empty: publish only.",
    )
    store_path: str = parameter(
        "",
        "Results store (SQLite) that keeps trials for comparison; needs subject_id; empty: off.",
    )


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
        "Lossless replay: frames sent ahead of the keypoints received; 0: do not wait.",
        bounds=(0, 64),
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
    simulated_preset: str = parameter("paper", "Preset of the simulated clinic, see docs.")
    simulated_seed: int = parameter(1, "Seed of the simulated clinic.", bounds=(0, 2**31 - 1))


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
    simulated_preset: str = parameter("paper", "Preset of the simulated clinic, see docs.")
    simulated_seed: int = parameter(1, "Seed of the simulated clinic.", bounds=(0, 2**31 - 1))


@dataclass(frozen=True)
class RecorderParameters(StorageParameters):
    """Parameters of `recorder`."""

    node_name: ClassVar[str] = "recorder"

    output_dir: str = parameter("recordings", "Folder in which each recording gets a folder.")
    subject_id: str = parameter(
        "", "Pseudonym stored with the recording (letters, digits, - and _); empty: none."
    )
    record_rgb: bool = parameter(False, "Also record colour images (people can be recognised).")
    topics: str = parameter(
        "", "Topics to record, comma-separated, relative to the namespace; empty: the default set."
    )
    min_free_mb: int = parameter(
        500, "Stop recording below this free disk space, MB.", bounds=(0, 10_000_000)
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
        "auto: a GPU if the engine offers one; cpu and cuda: strict, unavailable is an error.",
        choices=("auto", "cpu", "cuda"),
    )
    threads: int = parameter(1, "Worker threads of one inference.", bounds=(1, 64))
    detect_every_n: int = parameter(
        1,
        "Run the detector on every n-th image while people are in view.",
        bounds=(1, 240),
        dynamic=True,
    )
    score_threshold: float = parameter(
        -1.0,
        "Boxes with a lower score are dropped, 0..1; negative: the model card's threshold.",
        bounds=(-1.0, 1.0),
        dynamic=True,
    )
    publish_detections: bool = parameter(
        False, "Also publish persons/detections, vision_msgs/Detection2DArray."
    )
    warm_threshold_k: float = parameter(
        1.5,
        "warm_blob only: a pixel is warm this far above the frame's median, K.",
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
        "auto: a GPU if the engine offers one; cpu and cuda: strict, unavailable is an error.",
        choices=("auto", "cpu", "cuda"),
    )
    threads: int = parameter(1, "Worker threads of one inference.", bounds=(1, 64))
    min_person_score: float = parameter(
        0.3,
        "Boxes with a lower person probability are dropped, 0..1.",
        bounds=(0.0, 1.0),
        dynamic=True,
    )
    min_joint_score: float = parameter(
        0.2,
        "Joints with a lower score do not shape the next box, 0..1.",
        bounds=(0.0, 1.0),
        dynamic=True,
    )
    max_lost_s: float = parameter(
        2.0,
        "An unseen person keeps the identity for this long, s.",
        bounds=(0.1, 60.0),
        dynamic=True,
    )
    max_persons: int = parameter(
        10,
        "Maximum number of people per image; the oldest identities stay.",
        bounds=(1, 50),
        dynamic=True,
    )
    keep_sides: bool = parameter(
        True,
        "Keep left and right over time: joints do not jump, and people walk forwards.",
        dynamic=True,
    )
    publish_bodies: bool = parameter(
        False, "Also publish /humans/bodies (REP-155, hri_msgs): identities and 2-D skeletons."
    )
    smoothing: str = parameter(
        "none",
        "Joint filter; one_euro is steadier to look at and adds delay.",
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
        8, "Overlay pixels per thermal pixel, in each direction.", bounds=(1, 32), dynamic=True
    )
    colormap: str = parameter(
        "inferno",
        "Colours of the thermal image.",
        choices=("inferno", "gray", "jet", "turbo"),
        dynamic=True,
    )
    low_degc: float = parameter(
        0.0,
        "Temperature shown darkest, degC; low = high: the range of each frame.",
        bounds=(-40.0, 330.0),
        dynamic=True,
    )
    high_degc: float = parameter(
        0.0, "Temperature shown brightest, degC.", bounds=(-40.0, 330.0), dynamic=True
    )
    min_joint_score: float = parameter(
        0.2, "Joints with a lower score are not drawn, 0..1.", bounds=(0.0, 1.0), dynamic=True
    )
    draw_boxes: bool = parameter(True, "Draw each person's box, identity and score.", dynamic=True)
    draw_status: bool = parameter(True, "Draw the phase and the elapsed time.", dynamic=True)
    assumed_hfov_deg: float = parameter(
        51.0,
        "Horizontal field of view assumed for the markers of an uncalibrated camera, degrees; "
        "0: no markers.",
        bounds=(0.0, 170.0),
    )
    person_height_m: float = parameter(
        1.7,
        "Body height used to estimate the distance of markers, m.",
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
    ['bedside', 'detector', 'pose']
    """
    kinds = [
        kind
        for kind in globals().values()
        if isinstance(kind, type) and issubclass(kind, NodeParameters) and "node_name" in vars(kind)
    ]
    return {kind.node_name: kind for kind in kinds if kind is not NodeParameters}


@dataclass(frozen=True)
class BedsideParameters(NodeParameters):
    """Parameters of `bedside`; the rules are those of `thermal-pose serve` (docs/bedside.md)."""

    node_name: ClassVar[str] = "bedside"

    host: str = parameter("127.0.0.1", "Address to listen on; any but the loopback needs a login.")
    port: int = parameter(8080, "Port to listen on.", bounds=(1, 65535))
    names: str = parameter("", "Further host names to answer to, comma-separated.")
    password_file: str = parameter("", "Users and passwords; empty: a token in a printed link.")
    certificate: str = parameter("", "TLS certificate, PEM; empty: not encrypted.")
    key: str = parameter("", "Private key of the certificate, PEM.")
    reports: str = parameter("", "Folder of reports, the analyzer's report_dir; empty: none shown.")
    store: str = parameter("", "Results store (SQLite) for histories; empty: none.")
    language: str = parameter(
        "",
        "Language of the page; empty: the browser's. A person may choose another one on the page.",
        choices=("", *languages()),
    )
