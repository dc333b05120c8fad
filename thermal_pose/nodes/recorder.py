# SPDX-License-Identifier: Apache-2.0
"""`recorder`: writes chosen topics to a rosbag2 MCAP that survives a killed process.

One recording from activation to deactivation. Messages are written as the bytes they came in.
"""

from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from thermal_pose import __version__
from thermal_pose.bags import schema
from thermal_pose.bags.recording import (
    check_free_space,
    recording_path,
    topics_to_record,
)
from thermal_pose.bags.writer import BagWriter
from thermal_pose.errors import StorageError
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.message_types import message_class
from thermal_pose.nodes.qos import recording_qos
from thermal_pose.parameters.nodes import RecorderParameters
from thermal_pose.subject_id import check_optional_subject_id

_SPACE_CHECK_PERIOD_S = 2.0


class RecorderNode(PipelineNode):
    """The recorder."""

    PARAMETERS = RecorderParameters

    def build(self) -> None:
        """Check pseudonym, topics, folder and free space before anything is recorded."""
        self._writer: BagWriter | None = None
        self._stopped_because = ""
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
        path = recording_path(self._folder, self.parameters.subject_id, self.now_ns())
        self._writer = BagWriter(
            path,
            flush_s=self.parameters.flush_period_s,
            custom_data={
                "subject_id": self.parameters.subject_id,
                "software": f"thermal_pose {__version__}",
            },
        )
        self._stopped_because = ""
        self._connections.append(self._finish)
        for topic in self._topics:
            self._record(topic)
        self.every(self.parameters.flush_period_s, self._flush)
        self.every(_SPACE_CHECK_PERIOD_S, self._check_space)
        self.get_logger().info(f"recording {len(self._topics)} topics to {path}")

    def release(self) -> None:
        """Complete the recording."""
        self._finish()

    def health(self) -> tuple[bytes, str]:
        """Return ERROR where the disk ended the recording."""
        if self._stopped_because:
            return DiagnosticStatus.ERROR, self._stopped_because
        return super().health()

    def details(self) -> dict[str, str]:
        """Return where it is recorded and how much."""
        if self._writer is None:
            return {}
        return {
            "recording": str(self._writer.path),
            "messages": str(self._writer.message_count),
        }

    def _record(self, topic: str) -> None:
        assert self._writer is not None
        type_name = schema.TOPIC_TYPES[topic]
        self._writer.add_topic(topic, type_name)
        name = schema.relative_name(topic)
        subscription = self.create_subscription(
            message_class(type_name),
            name,
            self.guarded(lambda cdr: self._write(topic, cdr)),
            recording_qos(topic),
            raw=True,
        )
        self._connections.append(lambda: self.destroy_subscription(subscription))

    def _write(self, topic: str, cdr: bytes) -> None:
        if self._writer is not None:
            now_ns = self.now_ns()
            self._guard(lambda writer: writer.write_raw(topic, now_ns, cdr))
            self.statistics.frame(now_ns, now_ns)

    def _flush(self) -> None:
        self._guard(lambda writer: writer.flush())

    def _check_space(self) -> None:
        self._guard(lambda _: check_free_space(self._folder, self.parameters.min_free_mb))

    def _guard(self, action: Any) -> None:
        """Do something with the writer; a disk that gives out ends the recording, not the node."""
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
