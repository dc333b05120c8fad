# SPDX-License-Identifier: Apache-2.0
"""Message definitions, topics and QoS of recordings, without a ROS installation.

The texts of `msg/*.msg` travel with the package; everything else is what ROS 2 Kilted ships.
"""

import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from thermal_pose.errors import ConfigError

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

PACKAGE: Final = "thermal_pose"

THERMAL_IMAGE: Final = "/thermal/image_raw"
THERMAL_INFO: Final = "/thermal/camera_info"
RGB_IMAGE: Final = "/rgb/image_raw"
RGB_COMPRESSED: Final = "/rgb/image_raw/compressed"
RGB_INFO: Final = "/rgb/camera_info"
KEYPOINTS: Final = "/keypoints"
PERSONS: Final = "/persons"
TUG_PHASE: Final = "/tug/phase"
TUG_REPORT: Final = "/tug/report"
TRUTH_FRAME: Final = "/truth/frame"
TRUTH_TUG: Final = "/truth/tug"
TF_STATIC: Final = "/tf_static"

#: Topics that all namespaces share.
GLOBAL_TOPICS: Final = ("/diagnostics", "/clock", TF_STATIC)

#: Every topic this package records, with its message type.
TOPIC_TYPES: Final[dict[str, str]] = {
    THERMAL_IMAGE: "sensor_msgs/msg/Image",
    THERMAL_INFO: "sensor_msgs/msg/CameraInfo",
    "/thermal/image_mono8": "sensor_msgs/msg/Image",
    RGB_IMAGE: "sensor_msgs/msg/Image",
    RGB_COMPRESSED: "sensor_msgs/msg/CompressedImage",
    RGB_INFO: "sensor_msgs/msg/CameraInfo",
    PERSONS: "thermal_pose/msg/PersonBoxes",
    KEYPOINTS: "thermal_pose/msg/Keypoints",
    TUG_PHASE: "thermal_pose/msg/TugPhase",
    TUG_REPORT: "thermal_pose/msg/TugReport",
    "/overlay/image": "sensor_msgs/msg/Image",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
    "/clock": "rosgraph_msgs/msg/Clock",
    TRUTH_FRAME: "thermal_pose/msg/GroundTruth",
    TRUTH_TUG: "thermal_pose/msg/TugReport",
    TF_STATIC: "tf2_msgs/msg/TFMessage",
}

#: Topics that late subscribers still receive, with their depth.
RESULT_DEPTHS: Final[dict[str, int]] = {
    PERSONS: 64,
    KEYPOINTS: 64,
    TUG_PHASE: 64,
    TRUTH_FRAME: 64,
    TUG_REPORT: 1,
    TRUTH_TUG: 1,
    TF_STATIC: 1,
}


def relative_name(topic: str) -> str:
    """Return the name by which a node publishes a recorded topic, inside its namespace."""
    return topic if topic in GLOBAL_TOPICS else topic.lstrip("/")


# How rosbag2 writes RMW_DURATION_INFINITE.
_INFINITE: Final = {"sec": 9223372036, "nsec": 854775807}


def _definition_folders() -> Iterator[Traversable]:
    """Yield the folders that may hold the .msg files: package, checkout, ament installation."""
    package = resources.files("thermal_pose.bags")
    yield package / "definitions"
    yield Path(__file__).resolve().parents[2] / "msg"
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    for prefix in filter(None, prefixes):
        yield Path(prefix) / "share" / PACKAGE / "msg"


@cache
def definitions() -> dict[str, str]:
    """Return the texts of the package's own messages by name (`GroundTruth` -> text).

    Raises
    ------
    ConfigError
        The installation lacks the .msg files.
    """
    for folder in _definition_folders():
        if not folder.is_dir():
            continue
        texts = {
            entry.name.removesuffix(".msg"): entry.read_text(encoding="utf-8")
            for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
            if entry.name.endswith(".msg")
        }
        if "GroundTruth" in texts:
            return texts
    raise ConfigError("the .msg files of thermal_pose are missing from the installation")


@cache
def typestore() -> "Typestore":
    """Return all message types of ROS 2 Kilted and this package; shared, so do not add any."""
    # A live node uses topics and QoS of this module, never the type store.
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_KILTED)
    for name, text in definitions().items():
        store.register(get_types_from_msg(text, f"{PACKAGE}/msg/{name}"))
    return store


def message(type_name: str, /, **fields: Any) -> Any:
    """Build a message of `type_name` ('pkg/msg/Name') from all its fields."""
    return typestore().types[type_name](**fields)


@cache
def schema_text(type_name: str) -> str:
    """Return the definition of a type and of all types in it, in MCAP's `ros2msg` encoding.

    Raises
    ------
    ValueError
        The type is neither of ROS 2 Kilted nor of this package.
    """
    _require_known(type_name)
    return typestore().generate_msgdef(type_name, ros_version=2)[0]


@cache
def type_hash(type_name: str) -> str:
    """Return the type's REP-2016 hash (`RIHS01_...`), the one that rosidl generates."""
    _require_known(type_name)
    return typestore().hash_rihs01(type_name)


def _require_known(type_name: str) -> None:
    if type_name not in typestore().types:
        raise ValueError(f"type_name: expected a known type 'pkg/msg/Name', got '{type_name}'")


def offered_qos(topic: str) -> dict[str, Any]:
    """Return the QoS profile that this package's nodes offer, in rosbag2's version 9 layout."""
    kept = RESULT_DEPTHS.get(topic)
    return {
        "history": "keep_last",
        "depth": 4 if kept is None else kept,
        "reliability": "reliable",
        "durability": "volatile" if kept is None else "transient_local",
        "deadline": dict(_INFINITE),
        "lifespan": dict(_INFINITE),
        "liveliness": "automatic",
        "liveliness_lease_duration": dict(_INFINITE),
        "avoid_ros_namespace_conventions": False,
    }
