# SPDX-License-Identifier: Apache-2.0
"""Watches a running graph from outside: a status line, the reports, the end of a recording."""

import time
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from thermal_pose.errors import MessageFormatError
from thermal_pose.messages.fields import to_stamp_ns
from thermal_pose.messages.movement import to_state_document
from thermal_pose.msg import Keypoints, MovementReport, MovementState
from thermal_pose.nodes.handover import Handover
from thermal_pose.nodes.qos import report_qos, result_qos
from thermal_pose.pipeline.statistics import ArrivalTimes, StreamStatistics, is_live

#: Message of `thermal_camera` in /diagnostics once a recording is over.
RECORDING_ENDED = "the recording has ended"
#: Nodes in the order of the data: the first faulty one is the cause.
_PIPELINE = ("thermal_camera", "detector", "pose", "tug_analyzer", "recorder", "visualizer")
#: Keypoints are missing after this long without any, s.
_SILENT_S = 2.0
#: A node's condition is forgotten after this long without a diagnostic message, s.
_FORGOTTEN_S = 5.0
#: After the end of a recording, its last results are awaited until nothing has come for this
#: long, s.
SETTLED_S = 3.0
_LOG_THROTTLE_S = 5.0


@dataclass(frozen=True)
class NodeCondition:
    """The last diagnostics of a node, and their time (monotonic, s)."""

    level: bytes
    message: str
    heard_s: float


class StatusNode(Node):
    """Listens to keypoints, states, reports and diagnostics of one graph.

    Attributes
    ----------
    report : the last one seen, None before the first.
    trials : number of reports seen.
    ended : the thermal camera said that its recording is over.
    frames : number of keypoint messages seen.
    """

    def __init__(self, namespace: str = "", use_sim_time: bool = False) -> None:
        args = ["--ros-args", "-p", f"use_sim_time:={str(use_sim_time).lower()}"]
        super().__init__(
            "thermal_pose_status", namespace=namespace, cli_args=args, use_global_arguments=False
        )
        self.report: MovementReport | None = None
        self.trials = 0
        self.ended = False
        self.frames = 0
        self._last_keypoints_ns = self._last_state_ns = 0
        self._begun_s = self._heard_s = time.monotonic()
        self._label, self._elapsed_s, self._repetitions = "unknown", 0.0, 0
        self._conditions: dict[str, NodeCondition] = {}
        self._statistics = StreamStatistics(window=16)
        self._arrivals = ArrivalTimes()
        self._stop: Any = self.create_client(Trigger, "tug_analyzer/stop")

    def listen(self, handover: Handover | None = None) -> None:
        """Subscribe; `handover` is that of the graph where it runs in this process."""
        handover = handover or Handover()
        self._info, _ = handover.subscribe(
            self, CameraInfo, "thermal/camera_info", self._on_info, QoSProfile(depth=10)
        )
        for kind, topic, callback, qos in (
            (Keypoints, "keypoints", self._on_keypoints, result_qos()),
            (MovementState, "test/state", self._on_state, result_qos()),
            (MovementReport, "test/report", self._on_report, report_qos()),
        ):
            handover.subscribe(self, kind, topic, callback, qos)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)

    def line(self) -> str:
        """Return rate, age, phase and elapsed time, or why there is nothing to show."""
        if self.ended:
            return RECORDING_ENDED
        if not self.frames or time.monotonic() - self._heard_s > _SILENT_S:
            return self._silence()
        summary = self._statistics.summary(self._now_ns())
        rate = "   ? Hz" if summary.rate_hz is None else f"{summary.rate_hz:6.1f} Hz"
        age = "?" if summary.last_age_s is None else f"{summary.last_age_s * 1e3:.1f}"
        label = self._label.upper()
        shown = f"{rate} | frame age {age:>7} ms | {label:<13} | {self._elapsed_s:6.2f} s"
        if self._repetitions:
            shown += f" | {self._repetitions} x"
        trouble = self._trouble(DiagnosticStatus.ERROR)
        return f"{shown} | {trouble}" if trouble else shown

    def cause(self) -> str:
        """Return why no keypoints come, '' if no node knows."""
        return self._trouble(DiagnosticStatus.WARN)

    @property
    def camera_fails(self) -> bool:
        """Whether the thermal camera reports an error."""
        camera = self._conditions.get("thermal_camera")
        return camera is not None and camera.level == DiagnosticStatus.ERROR

    @property
    def drained(self) -> bool:
        """Whether the recording is over and its last results have come, or will not come."""
        if not self.ended:
            return False
        answered = self.frames > 0 and self._last_state_ns >= self._last_keypoints_ns > 0
        return answered or time.monotonic() - self._heard_s > SETTLED_S

    def ask_to_stop(self) -> None:
        """Ask the analyzer to finish the trial with what it has."""
        self._stop.call_async(Trigger.Request())

    def _silence(self) -> str:
        since_s = time.monotonic() - (self._heard_s if self.frames else self._begun_s)
        cause = self.cause() or "waiting for the nodes"
        return f"no keypoints for {since_s:.0f} s: {cause}"

    def _trouble(self, least: bytes) -> str:
        """Return the first faulty node in the order of the data, with its message."""
        now_s = time.monotonic()
        for name in _PIPELINE:
            found = self._conditions.get(name)
            if found and found.level >= least and now_s - found.heard_s < _FORGOTTEN_S:
                return f"{name}: {found.message}"
        return ""

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_keypoints(self, message: Keypoints) -> None:
        self.frames += 1
        self._heard_s = time.monotonic()
        self._last_keypoints_ns = to_stamp_ns(message.header.stamp)
        now_ns = self._now_ns()
        self._statistics.frame(self._arrivals.taken_ns(self._last_keypoints_ns, now_ns), now_ns)

    def _on_info(self, message: CameraInfo) -> None:
        stamp_ns, now_ns = to_stamp_ns(message.header.stamp), self._now_ns()
        self._arrivals.note(stamp_ns, now_ns)
        # A live stamp tells an image's age by itself, so that its message need not wake a node.
        self._info.patient = is_live(stamp_ns, now_ns)

    def _on_report(self, message: MovementReport) -> None:
        self.report = message
        self.trials += 1

    def _on_state(self, message: MovementState) -> None:
        try:
            state = to_state_document(message)
        except MessageFormatError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=_LOG_THROTTLE_S)
            return
        self._heard_s = time.monotonic()
        self._last_state_ns = to_stamp_ns(message.header.stamp)
        self._label, self._elapsed_s = state["label"], state["elapsed_s"]
        self._repetitions = state["repetitions"]

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        prefix = f"{self.get_namespace().strip('/')}/".lstrip("/")
        for status in message.status:
            name = status.name.removeprefix(prefix)
            if status.name != prefix + name or name not in _PIPELINE:
                continue
            now_s = time.monotonic()
            self._conditions[name] = NodeCondition(status.level, status.message, now_s)
            if name == "thermal_camera" and self.ended != (status.message == RECORDING_ENDED):
                self.ended = not self.ended
                self._heard_s = now_s
