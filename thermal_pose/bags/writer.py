# SPDX-License-Identifier: Apache-2.0
"""Writing rosbag2 recordings that survive a killed process and that stock ROS 2 reads.

MCAP with small CRC-checked chunks, closed at least every half second of message time, so that
whatever ends the process costs at most the last half second. `metadata.yaml` is written last and
in one step: a folder that has it is complete. The same messages give the same bytes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

import yaml
from mcap.writer import CompressionType, Writer

from thermal_pose import __version__
from thermal_pose.bags import schema
from thermal_pose.errors import StorageError
from thermal_pose.files import write_whole

METADATA_NAME: Final = "metadata.yaml"
METADATA_VERSION: Final = 9
ROS_DISTRO: Final = "kilted"
DEFAULT_CHUNK_BYTES: Final = 64 * 1024
DEFAULT_FLUSH_S: Final = 0.5


@dataclass
class _Topic:
    """One channel of the file being written."""

    name: str
    type_name: str
    channel_id: int
    count: int = 0


class BagWriter:
    """Writes one rosbag2 folder; use it as a context manager.

    Leaving the `with` block normally completes the recording; leaving it by an exception closes
    the file without completing it, so that it is never taken for a whole one.

    Parameters
    ----------
    path : folder to create; must not exist.
    chunk_bytes : a chunk is closed when it exceeds this.
    flush_s : and at least after this many seconds of log time.
    custom_data : pairs kept in `metadata.yaml` (subject pseudonym, software version, ...).

    Raises
    ------
    StorageError
        The folder exists, cannot be made, or the disk is full (from any method).
    """

    def __init__(
        self,
        path: str | Path,
        *,
        chunk_bytes: int = DEFAULT_CHUNK_BYTES,
        flush_s: float = DEFAULT_FLUSH_S,
        custom_data: Mapping[str, str] | None = None,
    ) -> None:
        if chunk_bytes <= 0 or flush_s <= 0:
            raise ValueError(f"expected chunk_bytes, flush_s > 0, got {chunk_bytes}, {flush_s}")
        self.path = Path(path)
        self.file_path = self.path / f"{self.path.name}_0.mcap"
        self._custom_data = dict(custom_data or {})
        self._flush_ns = round(flush_s * 1e9)
        self._topics: dict[str, _Topic] = {}
        self._schema_ids: dict[str, int] = {}
        self._start_ns: int | None = None
        self._end_ns = 0
        self._flushed_ns = 0
        self._stream: BinaryIO | None = self._create()
        self._mcap = Writer(
            self._stream,
            chunk_size=chunk_bytes,
            compression=CompressionType.NONE,
            enable_crcs=True,
        )
        self._guarded(self._mcap.start, "ros2", f"thermal_pose {__version__}")
        # From its first moment on the file is one that `repair` knows.
        self._guarded(self._stream.flush)

    def _create(self) -> BinaryIO:
        try:
            self.path.mkdir(parents=True)
            return self.file_path.open("xb")
        except FileExistsError:
            raise StorageError(f"{self.path} exists already and is not overwritten") from None
        except OSError as error:
            raise StorageError(f"cannot create recording {self.path}: {error.strerror}") from error

    def _guarded(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the MCAP library, with the disk's errors in our terms."""
        if self._stream is None:
            raise ValueError(f"recording {self.path} is closed")
        try:
            return call(*args, **kwargs)
        except OSError as error:
            raise StorageError(f"cannot write to {self.path}: {error.strerror}") from error

    @property
    def message_count(self) -> int:
        """Messages written so far."""
        return sum(topic.count for topic in self._topics.values())

    def add_topic(self, topic: str, type_name: str | None = None) -> None:
        """Declare a topic; needed only for types that `schema.TOPIC_TYPES` does not give.

        Raises
        ------
        ValueError
            No type is known for the topic, or it was declared with another one.
        """
        type_name = type_name or schema.TOPIC_TYPES.get(topic)
        if type_name is None:
            raise ValueError(f"{topic}: expected a type, none is known for this topic")
        known = self._topics.get(topic)
        if known is None:
            self._topics[topic] = self._register(topic, type_name)
        elif known.type_name != type_name:
            raise ValueError(f"{topic}: expected {known.type_name}, got {type_name}")

    def _register(self, topic: str, type_name: str) -> _Topic:
        if type_name not in self._schema_ids:
            text = schema.schema_text(type_name).encode()
            self._schema_ids[type_name] = self._guarded(
                self._mcap.register_schema, type_name, "ros2msg", text
            )
        qos = yaml.safe_dump([schema.offered_qos(topic)], sort_keys=False)
        channel_id = self._guarded(
            self._mcap.register_channel,
            topic,
            "cdr",
            self._schema_ids[type_name],
            {"offered_qos_profiles": qos, "topic_type_hash": schema.type_hash(type_name)},
        )
        return _Topic(topic, type_name, channel_id)

    def write(self, topic: str, log_ns: int, message: Any) -> None:
        """Write a message built by `thermal_pose.messages` or `schema.message`."""
        if topic not in self._topics:
            self.add_topic(topic)
        type_name = self._topics[topic].type_name
        self.write_raw(topic, log_ns, schema.typestore().serialize_cdr(message, type_name))

    def write_raw(self, topic: str, log_ns: int, cdr: bytes | memoryview) -> None:
        """Write a serialised message of a declared topic, logged at `log_ns` (ns).

        Raises
        ------
        ValueError
            The topic was not declared, or the time is negative.
        StorageError
            The disk is full or gone.
        """
        if topic not in self._topics:
            raise ValueError(f"{topic}: expected a topic declared with add_topic")
        if log_ns < 0:
            raise ValueError(f"log_ns: expected >= 0, got {log_ns}")
        entry = self._topics[topic]
        self._guarded(
            self._mcap.add_message,
            entry.channel_id,
            log_ns,
            bytes(cdr),
            log_ns,
            entry.count,
        )
        entry.count += 1
        self._start_ns = log_ns if self._start_ns is None else min(self._start_ns, log_ns)
        self._end_ns = max(self._end_ns, log_ns)
        # A clock that stepped back must not postpone the next flush.
        if abs(log_ns - self._flushed_ns) >= self._flush_ns:
            self.flush()
            self._flushed_ns = log_ns

    def flush(self) -> None:
        """Close the current chunk and hand it to the operating system."""
        self._guarded(self._mcap.flush)

    def close(self) -> None:
        """Complete the recording: index, sync to disk, `metadata.yaml`."""
        text = yaml.safe_dump(self._metadata(), sort_keys=False)
        self._guarded(self._mcap.add_metadata, "rosbag2", {"serialized_metadata": text})
        self._guarded(self._mcap.finish)
        stream = self._stream
        assert stream is not None
        self._guarded(stream.flush)
        self._guarded(os.fsync, stream.fileno())
        self._guarded(stream.close)
        self._stream = None
        write_metadata(self.path, self._metadata())

    def abort(self) -> None:
        """Close the file without completing the recording (`repair` can still read it)."""
        if self._stream is not None:
            try:
                self.flush()
                self._stream.close()
            finally:
                self._stream = None

    def _metadata(self) -> dict[str, Any]:
        return build_metadata(
            self.file_path.name,
            {topic.name: (topic.type_name, topic.count) for topic in self._topics.values()},
            self._start_ns or 0,
            self._end_ns,
            self._custom_data,
        )

    def __enter__(self) -> "BagWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is None:
            return
        if kind is None:
            self.close()
        else:
            self.abort()


def build_metadata(
    file_name: str,
    topics: Mapping[str, tuple[str, int]],
    start_ns: int,
    end_ns: int,
    custom_data: Mapping[str, str],
) -> dict[str, Any]:
    """The content of `rosbag2_bagfile_information`, version 9 (ROS 2 Jazzy and later).

    Parameters
    ----------
    topics : name -> (type, number of messages).
    start_ns, end_ns : first and last log time, ns.
    """
    count = sum(n for _, n in topics.values())
    starting_time = {"nanoseconds_since_epoch": start_ns}
    duration = {"nanoseconds": max(0, end_ns - start_ns)}
    return {
        "version": METADATA_VERSION,
        "storage_identifier": "mcap",
        "duration": dict(duration),
        "starting_time": dict(starting_time),
        "message_count": count,
        "topics_with_message_count": [
            {"topic_metadata": _topic_metadata(name, type_name), "message_count": n}
            for name, (type_name, n) in topics.items()
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file_name],
        "files": [
            {
                "path": file_name,
                "starting_time": starting_time,
                "duration": duration,
                "message_count": count,
            }
        ],
        "custom_data": dict(custom_data) or None,
        "ros_distro": ROS_DISTRO,
    }


def _topic_metadata(name: str, type_name: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": type_name,
        "serialization_format": "cdr",
        "offered_qos_profiles": [schema.offered_qos(name)],
        "type_description_hash": schema.type_hash(type_name),
    }


def write_metadata(folder: Path, information: Mapping[str, Any]) -> None:
    """Write `metadata.yaml` in one step, so that it is whole or absent.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    text = yaml.safe_dump({"rosbag2_bagfile_information": dict(information)}, sort_keys=False)
    write_whole(folder / METADATA_NAME, text)
