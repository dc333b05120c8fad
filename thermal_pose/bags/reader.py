# SPDX-License-Identifier: Apache-2.0
"""Reads rosbag2 recordings (MCAP or SQLite); each kind of damage is one clear error."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rosbags.serde import SerdeError

from thermal_pose.bags import schema
from thermal_pose.bags.namespaces import local_name, recorded_namespace
from thermal_pose.bags.storage import UNREADABLE, StoredTopic, open_storage, raise_corrupt
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

    Attributes
    ----------
    namespace : of the recorded graph, '' if none; it is left out of all topic names.
    topics : the recorded topics by name. A recorder also lists topics on which nothing was
        published: ask `has` whether there are messages.
    message_count : promised messages; reading fewer is an error.
    start_ns, end_ns : first and last log time, ns.
    custom_data : what the recorder noted.

    Raises
    ------
    BagNotFoundError
        Nothing is at the path.
    BagCorruptError
        It is empty, truncated, unfinished or not a recording.
    BagSchemaError
        From the typed methods: the topic is missing, or has another type, another definition or
        another encoding.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise BagNotFoundError(f"no recording at {path}")
        self._storage = open_storage(self.path)
        stored = self._storage.topics
        self.namespace = recorded_namespace(stored)
        self._stored = {local_name(name, self.namespace): name for name in stored}
        self.topics = {
            local: replace(stored[name], name=local) for local, name in self._stored.items()
        }
        self.message_count = sum(topic.count for topic in self.topics.values())
        if self.message_count == 0:
            self.close()
            raise BagCorruptError(f"{self.path} holds no message")
        self.start_ns = self._storage.start_ns
        self.end_ns = self._storage.end_ns
        self.custom_data: dict[str, str] = dict(self._storage.metadata.custom_data)

    def has(self, topic: str) -> bool:
        """Return whether there are messages on a topic."""
        return topic in self.topics and self.topics[topic].count > 0

    @property
    def duration_s(self) -> float:
        """Time from the first message to the last, by log time, in seconds."""
        return (self.end_ns - self.start_ns) / NS_PER_S

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        self._storage.close()

    def __enter__(self) -> "BagReader":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def raw_messages(
        self,
        topics: Collection[str] | None = None,
        *,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> Iterator[RawMessage]:
        """Yield messages of `topics` (None: all) in log order, logged in `[start_ns, stop_ns)`.

        Raises
        ------
        BagCorruptError
            A file is damaged, or the whole range was read and a topic has fewer messages than
            the recording promises.
        """
        delivered: dict[str, int] = {}
        try:
            names = None if topics is None else {self._stored.get(t, t) for t in topics}
            for topic, kind, log_ns, cdr in self._storage.messages(names, start_ns, stop_ns):
                local = local_name(topic, self.namespace)
                yield RawMessage(local, kind, log_ns, cdr)
                delivered[local] = delivered.get(local, 0) + 1
        except UNREADABLE as error:
            raise_corrupt(self.path, error)
        if start_ns is None and stop_ns is None:
            self._check_delivered(delivered, topics)

    def _check_delivered(self, delivered: dict[str, int], topics: Collection[str] | None) -> None:
        for topic in self.topics.values():
            found = delivered.get(topic.name, 0)
            if (topics is None or topic.name in topics) and found < topic.count:
                raise BagCorruptError(
                    f"{self.path} promises {topic.count} messages on {topic.name} and holds "
                    f"{found}: run `thermal-pose repair {self.path}` to keep those"
                )

    def messages(
        self,
        topics: Collection[str] | None = None,
        *,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> Iterator[BagMessage]:
        """Yield messages as `raw_messages` does, deserialised."""
        self._check_definitions(topics)
        store = schema.typestore()
        for raw in self.raw_messages(topics, start_ns=start_ns, stop_ns=stop_ns):
            try:
                content = store.deserialize_cdr(raw.cdr, raw.type_name)
            except (SerdeError, IndexError) as error:
                raise BagCorruptError(
                    f"{self.path}: a message on {raw.topic} is not a {raw.type_name}: {error}"
                ) from error
            yield BagMessage(raw.topic, raw.log_ns, content)

    def _check_definitions(self, topics: Collection[str] | None) -> None:
        for topic in self.topics.values():
            if topics is None or topic.name in topics:
                self._check_definition(topic)

    def _check_definition(self, topic: StoredTopic) -> None:
        if topic.type_name not in schema.typestore().types:
            raise BagSchemaError(
                f"{self.path}: {topic.name} is of type {topic.type_name}, which is not known here"
            )
        if topic.type_name.startswith(schema.PACKAGE) and topic.digest:
            expected = schema.type_hash(topic.type_name)
            if topic.digest != expected:
                raise BagSchemaError(
                    f"{self.path}: {topic.name} was recorded with another definition of "
                    f"{topic.type_name} ({topic.digest[:15]}..., here {expected[:15]}...)"
                )

    def require(self, topic: str, *type_names: str) -> StoredTopic:
        """Return a topic that must have messages, of one of the types.

        Raises
        ------
        BagSchemaError
            It has none; the message lists the topics that have.
        """
        if not self.has(topic):
            there = ", ".join(filter(self.has, self.topics)) or "none"
            raise BagSchemaError(f"{self.path} has no messages on {topic} (it has: {there})")
        found = self.topics[topic]
        if found.type_name not in type_names:
            raise BagSchemaError(
                f"{self.path}: {topic} is of type {found.type_name}, "
                f"expected {' or '.join(type_names)}"
            )
        return found

    def thermal_frames(self, topic: str = schema.THERMAL_IMAGE) -> Iterator[ThermalFrame]:
        """Return all thermal images in log order; the topic is checked at the call.

        Raises
        ------
        BagSchemaError
            Also where images of another size or another camera come later on the same topic.
        """
        self.require(topic, "sensor_msgs/msg/Image")
        return self._frames_of_one_camera(topic)

    def _frames_of_one_camera(self, topic: str) -> Iterator[ThermalFrame]:
        first: ThermalFrame | None = None
        for number, frame in enumerate(self._frames(topic, to_thermal_frame), 1):
            first = first or frame
            if frame.centikelvin.shape != first.centikelvin.shape:
                raise BagSchemaError(
                    f"{self.path}: {topic}: image {number} has {_size(frame)}, the first has "
                    f"{_size(first)}: record one camera, at one size, on one topic"
                )
            if frame.frame_id != first.frame_id:
                raise BagSchemaError(
                    f"{self.path}: {topic}: image {number} comes from camera '{frame.frame_id}', "
                    f"the first from '{first.frame_id}': record one camera on one topic"
                )
            yield frame

    def logged_thermal_frames(
        self, topic: str = schema.THERMAL_IMAGE
    ) -> Iterator[tuple[int, ThermalFrame]]:
        """Yield (log time in ns, thermal image) in log order; the topic is checked at the call."""
        self.require(topic, "sensor_msgs/msg/Image")
        return self._logged(topic, to_thermal_frame)

    def rgb_frames(self, topic: str | None = None) -> Iterator[RgbFrame]:
        """Return all colour images in log order, compressed or raw (None: whichever exists)."""
        if topic is None:
            topic = schema.RGB_IMAGE if self.has(schema.RGB_IMAGE) else schema.RGB_COMPRESSED
            if self.has(schema.RGB_COMPRESSED):
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
        """Return the pose that takes points of `child` to `parent`; None if it is not recorded.

        Raises
        ------
        BagSchemaError
            The recorded transform is not a rotation, or not finite.
        """
        if not self.has(schema.TF_STATIC):
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
        """Return the true phases of a simulated trial, in s since the first thermal stamp."""
        self.require(topic, "thermal_pose/msg/TugReport")
        origin_ns = next(self.thermal_frames(thermal_topic)).stamp_ns
        try:
            return to_timing(self._first(topic), origin_ns)
        except MessageFormatError as error:
            raise BagSchemaError(f"{self.path}: {topic}: {error}") from error

    def _first(self, topic: str) -> Any:
        return next(self.messages([topic])).message


def _size(frame: ThermalFrame) -> str:
    height, width = frame.centikelvin.shape
    return f"{width} x {height} px"
