# SPDX-License-Identifier: Apache-2.0
"""`recorder`: writes chosen topics to a rosbag2 MCAP that survives a killed process.

One recording from activation to deactivation. Messages are written as the bytes they came in,
under the resolved names of their topics, as `ros2 bag record` does.
"""

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message, serialize_message

from thermal_pose import __version__
from thermal_pose.bags import schema
from thermal_pose.bags.recording import (
    check_free_space,
    recording_path,
    topics_to_record,
)
from thermal_pose.bags.writer import BagWriter, RecordedType
from thermal_pose.errors import GraphError, StorageError, ThermalPoseError
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.message_types import message_class
from thermal_pose.nodes.offered_qos import adapted, bag_profile, same_request
from thermal_pose.nodes.process_table import PROCESS_TABLE
from thermal_pose.nodes.qos import recording_qos
from thermal_pose.nodes.storage import check_below_root
from thermal_pose.parameters.nodes import RecorderParameters
from thermal_pose.subject_id import check_optional_subject_id

_SPACE_CHECK_PERIOD_S = 2.0
_ADAPT_PERIOD_S = 0.25
#: Without an image for this long, the recording is in trouble.
_NO_IMAGE_S = 3.0
_DIAGNOSTICS = "/diagnostics"
#: Messages kept until a simulated clock begins.
_EARLY = 1000


@dataclass
class _Stream:
    """One topic being recorded: its resolved name, the subscription and what it asks for."""

    topic: str
    resolved: str
    qos: QoSProfile
    subscription: Any = None
    declared: bool = False


class RecorderNode(PipelineNode):
    """The recorder."""

    PARAMETERS = RecorderParameters

    def build(self) -> None:
        """Check pseudonym, topics, folder and free space before anything is recorded."""
        self._writer: BagWriter | None = None
        self._stopped_because = ""
        self._streams: dict[str, _Stream] = {}
        self._images = 0
        self._image_s = time.monotonic()
        check_below_root(self.parameters, "output_dir")
        self._folder = Path(self.parameters.output_dir)
        check_optional_subject_id(self.parameters.subject_id)
        self._topics = topics_to_record(self.parameters.topics, self.parameters.record_rgb)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot create {self._folder}: {error.strerror}") from error
        check_free_space(self._folder, self.parameters.min_free_mb)

    def connect(self) -> None:
        """Open a new recording and subscribe to its topics; deactivation completes it."""
        path = recording_path(self._folder, self.parameters.subject_id, time.time_ns())
        self._writer = BagWriter(
            path,
            private=True,
            flush_s=self.parameters.flush_period_s,
            custom_data={
                "subject_id": self.parameters.subject_id,
                "software": f"thermal_pose {__version__}",
            },
        )
        self._stopped_because = ""
        self._images, self._image_s = 0, time.monotonic()
        self._early = deque[tuple[str, bytes]](maxlen=_EARLY)
        self._connections.append(self._finish)
        self._connections.append(self._unsubscribe)
        for topic in self._topics:
            resolved = self.resolve_topic_name(schema.relative_name(topic))
            self._streams[topic] = _Stream(topic, resolved, recording_qos(topic))
            self._subscribe_to(self._streams[topic])
        self.every(self.parameters.flush_period_s, self._flush)
        self.every(_SPACE_CHECK_PERIOD_S, self._check_space)
        self.every(_ADAPT_PERIOD_S, self._adapt)
        self.get_logger().info(f"recording {len(self._topics)} topics to {path}")

    def release(self) -> None:
        """Complete the recording."""
        self._unsubscribe()
        self._finish()

    def health(self) -> tuple[bytes, str]:
        """Return ERROR if the disk ended the recording, or if no image comes."""
        if self._stopped_because:
            return DiagnosticStatus.ERROR, self._stopped_because
        silent_s = time.monotonic() - self._image_s
        if self.active and self._wants_images() and silent_s > _NO_IMAGE_S:
            return DiagnosticStatus.ERROR, f"no image to record for {silent_s:.0f} s"
        return super().health()

    def details(self) -> dict[str, str]:
        """Return the path of the recording and its number of messages and images."""
        if self._writer is None:
            return {}
        return {
            "recording": str(self._writer.path),
            "messages": str(self._writer.message_count),
            "images": str(self._images),
        }

    def shortcoming(self) -> ThermalPoseError | None:
        """Return an error if images were to be recorded and none came."""
        if getattr(self, "_images", 1) or not self._wants_images():
            return None
        names = self.resolve_topic_name(schema.relative_name(schema.THERMAL_IMAGE))
        return GraphError(f"no image came on {names}: the recording holds none")

    def _wants_images(self) -> bool:
        return schema.THERMAL_IMAGE in self._topics

    def _subscribe_to(self, stream: _Stream) -> None:
        stream.subscription = self.create_subscription(
            message_class(schema.TOPIC_TYPES[stream.topic]),
            stream.resolved,
            self.guarded(lambda cdr: self._write(stream.topic, cdr)),
            stream.qos,
            raw=True,
        )

    def _unsubscribe(self) -> None:
        for stream in self._streams.values():
            self.destroy_subscription(stream.subscription)
        self._streams.clear()

    def _adapt(self) -> None:
        """Ask each topic for what its publishers offer."""
        for stream in self._streams.values():
            wanted = adapted(recording_qos(stream.topic), self._offers(stream))
            if not same_request(wanted, stream.qos):
                self.get_logger().info(
                    f"{stream.resolved} is offered {wanted.reliability.name.lower()} and "
                    f"{wanted.durability.name.lower()}: subscribing so"
                )
                self.destroy_subscription(stream.subscription)
                stream.qos = wanted
                self._subscribe_to(stream)

    def _offers(self, stream: _Stream) -> list[QoSProfile]:
        infos = self.get_publishers_info_by_topic(stream.resolved)
        return [info.qos_profile for info in infos]

    def _write(self, topic: str, cdr: bytes) -> None:
        if self._writer is None or topic not in self._streams:
            return
        content = self._own_diagnostics(cdr) if topic == _DIAGNOSTICS else cdr
        if content is None:
            return
        now_ns = self.now_ns()
        if now_ns == 0:  # use_sim_time, and /clock has not begun
            self._early.append((topic, content))
            return
        while self._early:
            self._store(*self._early.popleft(), now_ns)
        self._store(topic, content, now_ns)

    def _store(self, topic: str, content: bytes, now_ns: int) -> None:
        stream = self._streams[topic]
        if not stream.declared:
            self._guard(lambda writer: self._declare(writer, stream))
            stream.declared = True
        self._guard(lambda writer: writer.write_raw(stream.resolved, now_ns, content))
        self.statistics.frame(now_ns, now_ns)
        if topic == schema.THERMAL_IMAGE:
            self._images += 1
            self._image_s = time.monotonic()

    def _declare(self, writer: BagWriter, stream: _Stream) -> None:
        """Note a topic with its type and the QoS that its publishers offer."""
        type_name = schema.TOPIC_TYPES[stream.topic]
        profiles = [bag_profile(qos) for qos in self._offers(stream)]
        channel = {
            "offered_qos_profiles": yaml.safe_dump(
                profiles or [schema.offered_qos(stream.topic)], sort_keys=False
            ),
            "topic_type_hash": schema.type_hash(type_name),
        }
        text = schema.schema_text(type_name).encode()
        recorded = RecordedType(type_name, "ros2msg", text, channel)
        writer.add_recorded_topic(stream.resolved, recorded)

    def _own_diagnostics(self, cdr: bytes) -> bytes | None:
        """Return the message with the statuses of this graph's nodes alone, None without any."""
        message: Any = deserialize_message(cdr, DiagnosticArray)
        prefix = f"{self.get_namespace().strip('/')}/".lstrip("/")
        own = {prefix + entry.name for entry in PROCESS_TABLE}
        kept = [status for status in message.status if status.name in own]
        if len(kept) == len(message.status):
            return cdr
        message.status = kept
        return serialize_message(message) if kept else None

    def _flush(self) -> None:
        self._guard(lambda writer: writer.flush())

    def _check_space(self) -> None:
        self._guard(lambda _: check_free_space(self._folder, self.parameters.min_free_mb))

    def _guard(self, action: Any) -> None:
        """Use the writer; a full or failing disk ends the recording, not the node."""
        if self._writer is None:
            return
        try:
            action(self._writer)
        except StorageError as error:
            self._stopped_because = str(error)
            self.get_logger().error(f"recording stopped: {error}")
            self._finish()
            raise

    def _finish(self) -> None:
        writer, self._writer = getattr(self, "_writer", None), None
        if writer is None:
            return
        try:
            writer.close()
        except StorageError as error:
            self._stopped_because = str(error)
            self.get_logger().error(f"{error}; `thermal-pose repair {writer.path}` completes it")
        else:
            self.get_logger().info(f"recorded {writer.message_count} messages to {writer.path}")
