# SPDX-License-Identifier: Apache-2.0
"""The parameters of every node: the only place for names, types, defaults and bounds.

A node declares its ROS parameters from its dataclass (`nodes/parameters.py`), a test compares
`config/*.yaml` with it, and the offline pipeline takes the same objects. Values are checked on
construction: an error names the parameter, its value and the bound.
"""

from dataclasses import dataclass
from typing import ClassVar

from thermal_pose.language import ENGLISH, languages
from thermal_pose.parameters.cameras import RgbCameraParameters, ThermalCameraParameters
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
        "Key of the movement test (clinical/catalogue.py); empty: the first of them; 'auto' "
        "detects which one is done. Changing it forgets the trial under way.",
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
class NetworkParameters(ImageConsumerParameters):
    """Parameters of every node that runs a network on images."""

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


@dataclass(frozen=True)
class DetectorParameters(NetworkParameters):
    """Parameters of `detector`."""

    node_name: ClassVar[str] = "detector"

    model: str = parameter(
        "detector",
        "A shipped detector's name, the path of a detector card, 'warm_blob' (no model file), "
        "or 'faster_rcnn:WEIGHTS' (extra torchvision).",
    )
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
class PoseParameters(NetworkParameters):
    """Parameters of `pose`."""

    node_name: ClassVar[str] = "pose"

    model: str = parameter(
        "student-lite", "A shipped pose model's name or the path of a model card."
    )
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


_CLASSES = (
    BedsideParameters,
    DetectorParameters,
    PoseParameters,
    RecorderParameters,
    RgbCameraParameters,
    ThermalCameraParameters,
    TugAnalyzerParameters,
    VisualizerParameters,
)


def parameter_classes() -> dict[str, type[NodeParameters]]:
    """Return the parameters of every node by the node's name.

    >>> sorted(parameter_classes())[:3]
    ['bedside', 'detector', 'pose']
    """
    return {kind.node_name: kind for kind in _CLASSES}
