# SPDX-License-Identifier: Apache-2.0
"""Reading rosbag2 recordings (MCAP or SQLite) with one clear error for each way they are bad."""

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader, ReaderError
from rosbags.serde import SerdeError

from thermal_pose.bags import schema
from thermal_pose.errors import (
    BagCorruptError,
    BagNotFoundError,
    BagSchemaError,
    CalibrationError,
    MessageFormatError,
)
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.messages.cameras import to_camera_info, to_camera_pose
from thermal_pose.messages.images import to_rgb_frame, to_thermal_frame
from thermal_pose.messages.trials import to_timing
from thermal_pose.messages.truth import to_true_frame
from thermal_pose.types import NS_PER_S, RgbFrame, ThermalFrame, TrueFrame, TugTiming

#: What the library raises on damaged files.
_UNREADABLE: Final = (
    ReaderError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    AssertionError,
    MemoryError,
    struct.error,
)


@dataclass(frozen=True)
class TopicSummary:
    """Type and number of messages of one recorded topic."""

    name: str
    type_name: str
    count: int


@dataclass(frozen=True)
class BagMessage:
    """One recorded message: its topic, log time (ns) and deserialised content."""

    topic: str
    log_ns: int
    message: Any


@dataclass(frozen=True)
class RawMessage:
    """One recorded message as serialised bytes (CDR)."""

    topic: str
    type_name: str
    log_ns: int
    cdr: bytes


class BagReader:
    """One recording: a rosbag2 folder, or a single .mcap or .db3 file. A context manager.

    Raises
    ------
    BagNotFoundError
        Nothing is at the path.
    BagCorruptError
        It is empty, truncated, unfinished or no recording.
    BagSchemaError
        From the typed methods: topic missing, other type, other definition, other encoding.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._reader = _open(self.path)
        connections = self._reader.connections
        self.topics = {
            topic.name: topic
            for topic in (
                TopicSummary(
                    name,
                    next(c.msgtype for c in connections if c.topic == name),
                    sum(c.msgcount for c in connections if c.topic == name),
                )
                for name in sorted({c.topic for c in connections})
            )
        }
        self.message_count = self._reader.message_count
        if self.message_count == 0:
            self.close()
            raise BagCorruptError(f"{self.path} holds no message")
        self.start_ns = self._reader.start_time
        self.end_ns = self._reader.end_time - 1
        custom = getattr(self._reader.storage.metadata, "custom", None)
        self.custom_data: dict[str, str] = dict(custom or {})

    @property
    def duration_s(self) -> float:
        """From the first message to the last, by log time, in seconds."""
        return (self.end_ns - self.start_ns) / NS_PER_S

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        if self._reader.is_open:
            self._reader.close()

    def __enter__(self) -> "BagReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def raw_messages(
        self,
        topics: Collection[str] | None = None,
        *,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> Iterator[RawMessage]:
        """Messages of `topics` (None: all) in log order, logged in `[start_ns, stop_ns)`."""
        connections = [c for c in self._reader.connections if topics is None or c.topic in topics]
        if not connections:
            return
        try:
            for connection, log_ns, cdr in self._reader.messages(
                connections, start=start_ns, stop=stop_ns
            ):
                yield RawMessage(connection.topic, connection.msgtype, log_ns, bytes(cdr))
        except _UNREADABLE as error:
            _raise_corrupt(self.path, error)

    def messages(
        self,
        topics: Collection[str] | None = None,
        *,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> Iterator[BagMessage]:
        """As `raw_messages`, deserialised."""
        self._check_definitions(topics)
        store = schema.typestore()
        for raw in self.raw_messages(topics, start_ns=start_ns, stop_ns=stop_ns):
            try:
                content = store.deserialize_cdr(raw.cdr, raw.type_name)
            except (SerdeError, IndexError) as error:
                raise BagCorruptError(
                    f"{self.path}: a message of {raw.topic} is no {raw.type_name}: {error}"
                ) from error
            yield BagMessage(raw.topic, raw.log_ns, content)

    def _check_definitions(self, topics: Collection[str] | None) -> None:
        for connection in self._reader.connections:
            if topics is None or connection.topic in topics:
                self._check_definition(connection)

    def _check_definition(self, connection: Connection) -> None:
        type_name = connection.msgtype
        if type_name not in schema.typestore().types:
            raise BagSchemaError(
                f"{self.path}: {connection.topic} is of type {type_name}, which is not known here"
            )
        if type_name.startswith(schema.PACKAGE) and connection.digest:
            expected = schema.type_hash(type_name)
            if connection.digest != expected:
                raise BagSchemaError(
                    f"{self.path}: {connection.topic} was recorded with another definition of "
                    f"{type_name} ({connection.digest[:15]}..., here {expected[:15]}...)"
                )

    def require(self, topic: str, *type_names: str) -> TopicSummary:
        """The summary of a topic that must be there with one of the types, and not empty.

        Raises
        ------
        BagSchemaError
            It is not; the sentence names what there is instead.
        """
        found = self.topics.get(topic)
        if found is None or found.count == 0:
            there = ", ".join(name for name, entry in self.topics.items() if entry.count) or "none"
            raise BagSchemaError(f"{self.path} has no messages on {topic} (it has: {there})")
        if found.type_name not in type_names:
            raise BagSchemaError(
                f"{self.path}: {topic} is of type {found.type_name}, "
                f"expected {' or '.join(type_names)}"
            )
        return found

    def thermal_frames(self, topic: str = schema.THERMAL_IMAGE) -> Iterator[ThermalFrame]:
        """All thermal images in log order; the topic is checked at the call."""
        self.require(topic, "sensor_msgs/msg/Image")
        return self._frames(topic, to_thermal_frame)

    def logged_thermal_frames(
        self, topic: str = schema.THERMAL_IMAGE
    ) -> Iterator[tuple[int, ThermalFrame]]:
        """Yield (log time in ns, thermal image) in log order; the topic is checked at the call."""
        self.require(topic, "sensor_msgs/msg/Image")
        return self._logged(topic, to_thermal_frame)

    def rgb_frames(self, topic: str | None = None) -> Iterator[RgbFrame]:
        """All colour images in log order, compressed or raw (None: whichever there is)."""
        if topic is None:
            topic = schema.RGB_IMAGE
            if schema.RGB_COMPRESSED in self.topics or topic not in self.topics:
                topic = schema.RGB_COMPRESSED
        self.require(topic, "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Image")
        return self._frames(topic, to_rgb_frame)

    def _frames(self, topic: str, convert: Any) -> Iterator[Any]:
        return (frame for _, frame in self._logged(topic, convert))

    def _logged(self, topic: str, convert: Any) -> Iterator[tuple[int, Any]]:
        for entry in self.messages([topic]):
            try:
                yield entry.log_ns, convert(entry.message)
            except MessageFormatError as error:
                raise BagSchemaError(f"{self.path}: {topic}: {error}") from error

    def camera_info(self, topic: str = schema.THERMAL_INFO) -> CameraInfo:
        """Return the first calibration on `topic`.

        Raises
        ------
        BagSchemaError
            Nothing is on the topic, or what is there is not a calibration.
        CalibrationError
            The camera was not calibrated.
        """
        self.require(topic, "sensor_msgs/msg/CameraInfo")
        try:
            info = to_camera_info(self._first(topic))
        except MessageFormatError as error:
            raise BagSchemaError(f"{self.path}: {topic}: {error}") from error
        if info is None:
            raise CalibrationError(
                f"{self.path}: the camera_info on {topic} is uncalibrated: its focal lengths are "
                "zero"
            )
        return info

    def calibration(self, topic: str = schema.THERMAL_INFO) -> CameraInfo | None:
        """Return the first calibration on `topic`, None if nothing there is usable as one."""
        try:
            return self.camera_info(topic)
        except (BagSchemaError, CalibrationError):
            return None

    def static_transform(self, parent: str, child: str) -> CameraPose | None:
        """The pose that takes points of frame `child` to frame `parent`; None: not recorded.

        Raises
        ------
        BagSchemaError
            What was recorded is no rotation, or not finite.
        """
        if schema.TF_STATIC not in self.topics or not self.topics[schema.TF_STATIC].count:
            return None
        self.require(schema.TF_STATIC, schema.TOPIC_TYPES[schema.TF_STATIC])
        for entry in self.messages([schema.TF_STATIC]):
            for transform in entry.message.transforms:
                ends = (transform.header.frame_id, transform.child_frame_id)
                if ends in ((parent, child), (child, parent)):
                    pose = self._pose(transform.transform)
                    return pose if ends == (parent, child) else pose.inverse
        return None

    def _pose(self, transform: Any) -> CameraPose:
        try:
            return to_camera_pose(transform)
        except MessageFormatError as error:
            raise BagSchemaError(f"{self.path}: {schema.TF_STATIC}: {error}") from error

    def true_frames(self, topic: str = schema.TRUTH_FRAME) -> Iterator[TrueFrame]:
        """Return the exact states of a simulated recording, one per thermal image."""
        self.require(topic, "thermal_pose/msg/GroundTruth")
        return self._frames(topic, to_true_frame)

    def true_timing(
        self, topic: str = schema.TRUTH_TUG, thermal_topic: str = schema.THERMAL_IMAGE
    ) -> TugTiming:
        """The true phases of a simulated trial, in seconds since the first thermal stamp."""
        self.require(topic, "thermal_pose/msg/TugReport")
        origin_ns = next(self.thermal_frames(thermal_topic)).stamp_ns
        try:
            return to_timing(self._first(topic), origin_ns)
        except MessageFormatError as error:
            raise BagSchemaError(f"{self.path}: {topic}: {error}") from error

    def _first(self, topic: str) -> Any:
        return next(self.messages([topic])).message


def _open(path: Path) -> Reader:
    if not path.exists():
        raise BagNotFoundError(f"there is no recording at {path}")
    if path.is_dir() and not (path / "metadata.yaml").exists():
        _raise_incomplete_folder(path)
    if path.is_file() and path.stat().st_size == 0:
        raise BagCorruptError(f"{path} is empty")
    try:
        reader = Reader(path)
        reader.open()
    except _UNREADABLE as error:
        _raise_corrupt(path, error)
    return reader


def _raise_incomplete_folder(path: Path) -> NoReturn:
    if any(path.glob("*.mcap")):
        raise BagCorruptError(
            f"{path} was not finished (it has no metadata.yaml): run `thermal-pose repair {path}`"
        )
    raise BagCorruptError(f"{path} is a folder without a recording in it")


def _raise_corrupt(path: Path, error: Exception) -> NoReturn:
    detail = str(error).rstrip(".") or type(error).__name__
    raise BagCorruptError(
        f"{path} is truncated, damaged or no ROS 2 recording ({detail}); "
        f"`thermal-pose repair` saves what can be read"
    ) from error
