# SPDX-License-Identifier: Apache-2.0
"""Writes rosbag2 recordings that survive a killed process and a power cut, and that ROS 2 reads.

MCAP with small CRC-checked chunks that are closed at least every half second of message time, so a
killed process costs at most the last half second. Written data are flushed to the disk every
second, so a power cut costs little more. `metadata.yaml` is written last and in one step: a folder
that has it is complete. The same messages give the same bytes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import yaml
from mcap.writer import CompressionType, Writer

from thermal_pose import __version__
from thermal_pose.bags import schema
from thermal_pose.bags.disk_sync import DiskSync
from thermal_pose.bags.metadata import build_metadata, write_metadata
from thermal_pose.errors import StorageError
from thermal_pose.files import make_folder, sync_folder

DEFAULT_CHUNK_BYTES: Final = 64 * 1024
DEFAULT_FLUSH_S: Final = 0.5
DEFAULT_SYNC_S: Final = 1.0


@dataclass(frozen=True)
class RecordedType:
    """A message type as another recorder noted it, for topics that are copied.

    Attributes
    ----------
    encoding, definition : of the schema, such as 'ros2msg' and its text.
    channel : pairs of the channel's metadata, such as `offered_qos_profiles`.
    """

    name: str
    encoding: str
    definition: bytes
    channel: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Topic:
    """One channel of the file being written."""

    name: str
    type_name: str
    channel_id: int
    count: int = 0
    recorded: Mapping[str, str] | None = None


class BagWriter:
    """Writes one rosbag2 folder; use it as a context manager.

    Leaving the `with` block normally completes the recording. Leaving it by an exception closes
    the file without completing it, so that it is never mistaken for a whole one.

    Parameters
    ----------
    path : folder to create; must not exist.
    chunk_bytes : a chunk is closed when it exceeds this size...
    flush_s : ... and at least after this many seconds of log time.
    sync_s : interval of flushing to the disk, in seconds of real time; 0: only at the end.
    file_name : name of the MCAP file; default: `<folder>_0.mcap`.
    private : let only the owner read folder and files.
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
        sync_s: float = DEFAULT_SYNC_S,
        file_name: str = "",
        private: bool = False,
        custom_data: Mapping[str, str] | None = None,
    ) -> None:
        if chunk_bytes <= 0 or flush_s <= 0:
            raise ValueError(f"expected chunk_bytes, flush_s > 0, got {chunk_bytes}, {flush_s}")
        self.path = Path(path)
        self.file_path = self.path / (file_name or f"{self.path.name}_0.mcap")
        self._private = private
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
        self._sync = DiskSync(self._stream.fileno(), sync_s)

    def _create(self) -> BinaryIO:
        try:
            make_folder(self.path.parent, private=self._private)
            self.path.mkdir(mode=0o700 if self._private else 0o777)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            stream = os.fdopen(
                os.open(self.file_path, flags, 0o600 if self._private else 0o666), "wb"
            )
            sync_folder(self.path)
            sync_folder(self.path.parent)
            return stream
        except FileExistsError:
            raise StorageError(f"{self.path} already exists and is not overwritten") from None
        except OSError as error:
            raise StorageError(
                f"cannot create recording {self.path}: {error.strerror or error}"
            ) from error

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

    def add_recorded_topic(self, topic: str, recorded: RecordedType) -> None:
        """Declare a topic whose type need not be known here, as another recorder noted it."""
        if topic not in self._topics:
            channel_id = self._channel(
                topic, recorded.name, recorded.encoding, recorded.definition, recorded.channel
            )
            self._topics[topic] = _Topic(topic, recorded.name, channel_id, 0, recorded.channel)

    def _register(self, topic: str, type_name: str) -> _Topic:
        qos = yaml.safe_dump([schema.offered_qos(topic)], sort_keys=False)
        pairs = {"offered_qos_profiles": qos, "topic_type_hash": schema.type_hash(type_name)}
        text = schema.schema_text(type_name).encode()
        return _Topic(topic, type_name, self._channel(topic, type_name, "ros2msg", text, pairs))

    def _channel(
        self, topic: str, type_name: str, encoding: str, text: bytes, pairs: Mapping[str, str]
    ) -> int:
        if type_name not in self._schema_ids:
            self._schema_ids[type_name] = self._guarded(
                self._mcap.register_schema, type_name, encoding, text
            )
        schema_id = self._schema_ids[type_name]
        channel_id: int = self._guarded(
            self._mcap.register_channel, topic, "cdr", schema_id, dict(pairs)
        )
        return channel_id

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
        self._guarded(self._sync.request)

    def close(self) -> None:
        """Complete the recording: index, sync to disk, `metadata.yaml`."""
        self._guarded(self._sync.stop)
        text = yaml.safe_dump(self._metadata(), sort_keys=False)
        self._guarded(self._mcap.add_metadata, "rosbag2", {"serialized_metadata": text})
        self._guarded(self._mcap.finish)
        stream = self._stream
        assert stream is not None
        self._guarded(stream.flush)
        self._guarded(os.fsync, stream.fileno())
        self._guarded(stream.close)
        self._stream = None
        write_metadata(self.path, self._metadata(), private=self._private)

    def abort(self) -> None:
        """Close the file without completing the recording (`repair` can still read it)."""
        if self._stream is not None:
            try:
                self.flush()
                self._guarded(self._sync.stop)
                self._guarded(self._stream.close)
            finally:
                self._sync.abandon()
                self._stream = None

    def _metadata(self) -> dict[str, Any]:
        return build_metadata(
            self.file_path.name,
            {topic.name: (topic.type_name, topic.count) for topic in self._topics.values()},
            self._start_ns or 0,
            self._end_ns,
            self._custom_data,
            {t.name: t.recorded for t in self._topics.values() if t.recorded is not None},
        )

    def __enter__(self) -> "BagWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._stream is None:
            return
        if kind is None:
            self.close()
        else:
            self.abort()
