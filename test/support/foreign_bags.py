# SPDX-License-Identifier: Apache-2.0
"""Recordings as other recorders write them: with the public libraries only, not with our writer."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from mcap.writer import CompressionType, IndexType, Writer
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as RosbagsWriter
from rosbags.typesys import Stores, get_typestore

from thermal_pose.bags.reader import BagReader

STORE = get_typestore(Stores.ROS2_KILTED)
TOPIC = "/thermal/image_raw"
IMAGE = "sensor_msgs/msg/Image"
START_NS, STEP_NS = 1_700_000_000_000_000_000, 125_000_000
_INFINITE = {"sec": 9223372036, "nsec": 854775807}

#: (topic, type, log time in ns, serialised message).
Recorded = tuple[str, str, int, bytes]


def profile(reliability: str = "reliable") -> dict[str, Any]:
    """One offered QoS profile in rosbag2's version 9 layout."""
    return {
        "history": "keep_last",
        "depth": 4,
        "reliability": reliability,
        "durability": "volatile",
        "deadline": _INFINITE,
        "lifespan": _INFINITE,
        "liveliness": "automatic",
        "liveliness_lease_duration": _INFINITE,
        "avoid_ros_namespace_conventions": False,
    }


def pixels(index: int, size_wh: tuple[int, int] = (80, 60)) -> Any:
    """A room with something warm that moves, in centikelvin."""
    width, height = size_wh
    image = np.full((height, width), 29500, np.uint16)
    image[:, (index * 3) % width] = 30500
    image[0, 0] += index
    return image


def image(index: int, size_wh: tuple[int, int] = (80, 60), frame_id: str = "camera") -> bytes:
    """A serialised mono16 image."""
    types = STORE.types
    sec, nanosec = divmod(START_NS + index * STEP_NS, 10**9)
    message = types[IMAGE](
        header=types["std_msgs/msg/Header"](
            stamp=types["builtin_interfaces/msg/Time"](sec=sec, nanosec=nanosec), frame_id=frame_id
        ),
        height=size_wh[1],
        width=size_wh[0],
        encoding="mono16",
        is_bigendian=0,
        step=2 * size_wh[0],
        data=pixels(index, size_wh).view(np.uint8).ravel(),
    )
    return bytes(STORE.serialize_cdr(message, IMAGE))


def images(count: int, **how: Any) -> list[Recorded]:
    """A row of images, one step apart."""
    return [(TOPIC, IMAGE, START_NS + i * STEP_NS, image(i, **how)) for i in range(count)]


def write_mcap(
    file: Path,
    messages: Iterable[Recorded],
    *,
    empty: Sequence[tuple[str, str]] = (),
    qos: Sequence[Mapping[str, Any]] | None = (),
    definitions: Mapping[str, str] | None = None,
    compression: CompressionType = CompressionType.NONE,
    index: IndexType = IndexType.ALL,
    chunk_bytes: int = 1 << 16,
    **how: bool,
) -> Path:
    """Write one MCAP file; `how` goes to the library's writer."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        writer = Writer(
            stream, chunk_size=chunk_bytes, compression=compression, index_types=index, **how
        )
        writer.start("ros2", "another recorder")
        schemas: dict[str, int] = {}
        channels: dict[str, int] = {}

        def channel(topic: str, type_name: str) -> int:
            if type_name not in schemas:
                text = (definitions or {}).get(type_name) or STORE.generate_msgdef(
                    type_name, ros_version=2
                )[0]
                schemas[type_name] = writer.register_schema(type_name, "ros2msg", text.encode())
            if topic not in channels:
                noted = list(qos) if qos else [profile()]
                pairs = {} if qos is None else {"offered_qos_profiles": yaml.safe_dump(noted)}
                channels[topic] = writer.register_channel(topic, "cdr", schemas[type_name], pairs)
            return channels[topic]

        for topic, type_name in empty:
            channel(topic, type_name)
        for number, (topic, type_name, log_ns, cdr) in enumerate(messages):
            writer.add_message(channel(topic, type_name), log_ns, cdr, log_ns, number)
        writer.finish()
    return file


def write_metadata(
    folder: Path,
    files: Sequence[str],
    messages: Sequence[Recorded],
    *,
    empty: Sequence[tuple[str, str]] = (),
    qos: Sequence[Mapping[str, Any]] | None = (),
    version: int = 9,
    storage: str = "mcap",
    mode: str = "",
    more: int = 0,
) -> None:
    """Write `metadata.yaml`; `more` messages than there are, where that is asked."""
    topics = {**dict(empty), **{t: n for t, n, _, _ in messages}}
    noted = [] if qos is None else (list(qos) or [profile()])
    offered: Any = noted if version >= 9 else yaml.safe_dump(noted)
    entries = [
        {
            "topic_metadata": {
                "name": topic,
                "type": type_name,
                "serialization_format": "cdr",
                "offered_qos_profiles": offered,
            },
            "message_count": sum(m[0] == topic for m in messages) + (more if topic == TOPIC else 0),
        }
        for topic, type_name in topics.items()
    ]
    times = [m[2] for m in messages] or [0]
    information = {
        "version": version,
        "storage_identifier": storage,
        "duration": {"nanoseconds": max(times) - min(times)},
        "starting_time": {"nanoseconds_since_epoch": min(times)},
        "message_count": len(messages) + more,
        "topics_with_message_count": entries,
        "compression_format": "zstd" if mode else "",
        "compression_mode": mode,
        "relative_file_paths": list(files),
    }
    text = yaml.safe_dump({"rosbag2_bagfile_information": information}, sort_keys=False)
    (folder / "metadata.yaml").write_text(text)


def write_bag(
    path: Path,
    messages: Sequence[Recorded],
    *,
    empty: Sequence[tuple[str, str]] = (),
    metadata_qos: Sequence[Mapping[str, Any]] | None = (),
    version: int = 9,
    more: int = 0,
    **how: Any,
) -> Path:
    """Write a whole rosbag2 folder with one MCAP file."""
    name = f"{path.name}_0.mcap"
    write_mcap(path / name, messages, empty=empty, **how)
    write_metadata(
        path, [name], messages, empty=empty, qos=metadata_qos, version=version, more=more
    )
    return path


def write_split(path: Path, parts: Sequence[Sequence[Recorded]], metadata: bool = True) -> Path:
    """Write a recording that was split into several files."""
    names = [f"{path.name}_{number}.mcap" for number in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        write_mcap(path / name, part)
    if metadata:
        write_metadata(path, names, [message for part in parts for message in part])
    return path


def write_db3(path: Path, messages: Sequence[Recorded], name: str = "") -> Path:
    """Write a recording in rosbag2's older default storage; `name` of a plain folder to rename."""
    with RosbagsWriter(path, version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connections: dict[str, Any] = {}
        for topic, type_name, log_ns, cdr in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, type_name, typestore=STORE)
            writer.write(connections[topic], log_ns, cdr)
    return path.rename(path.with_name(name)) if name else path


def log_times(path: Path) -> list[int]:
    with BagReader(path) as bag:
        return [message.log_ns for message in bag.raw_messages()]
