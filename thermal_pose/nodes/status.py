# SPDX-License-Identifier: Apache-2.0
"""Watches a running graph from outside: one line a second, the report, the recording's end."""

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from thermal_pose.errors import MessageFormatError
from thermal_pose.messages.fields import to_stamp_ns
from thermal_pose.messages.trials import to_phase
from thermal_pose.msg import Keypoints, TugPhase, TugReport
from thermal_pose.nodes.qos import report_qos, result_qos
from thermal_pose.pipeline.statistics import ArrivalTimes, StreamStatistics
from thermal_pose.types import Phase

#: What `thermal_camera` says in /diagnostics once a recording is over.
RECORDING_ENDED = "the recording has ended"
_LOG_THROTTLE_S = 5.0


class StatusNode(Node):
    """Listens to keypoints, phases, reports and diagnostics of one graph.

    Attributes
    ----------
    report : the last one seen, None before the first; a ward's run of months makes thousands.
    trials : how many were seen.
    ended : the thermal camera said that its recording is over.
    """

    def __init__(self, namespace: str = "", use_sim_time: bool = False) -> None:
        args = ["--ros-args", "-p", f"use_sim_time:={str(use_sim_time).lower()}"]
        super().__init__(
            "thermal_pose_status", namespace=namespace, cli_args=args, use_global_arguments=False
        )
        self.report: TugReport | None = None
        self.trials = 0
        self.ended = False
        self.last_keypoints_ns = 0
        self.last_phase_ns = 0
        self._phase = Phase.UNKNOWN
        self._elapsed_s = 0.0
        self._statistics = StreamStatistics(window=16)
        self._arrivals = ArrivalTimes()
        self._stop: Any = self.create_client(Trigger, "tug_analyzer/stop")
        self.create_subscription(CameraInfo, "thermal/camera_info", self._on_info, 10)
        self.create_subscription(Keypoints, "keypoints", self._on_keypoints, result_qos())
        self.create_subscription(TugPhase, "tug/phase", self._on_phase, result_qos())
        self.create_subscription(TugReport, "tug/report", self._on_report, report_qos())
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)

    def line(self) -> str:
        """Return rate, age, phase and elapsed time as one line."""
        summary = self._statistics.summary()
        if summary.rate_hz is None or summary.last_age_s is None:
            return "waiting for keypoints ..."
        return (
            f"{summary.rate_hz:6.1f} Hz | frame age {summary.last_age_s * 1e3:7.1f} ms | "
            f"{self._phase.name:<13} | {self._elapsed_s:6.2f} s"
        )

    @property
    def drained(self) -> bool:
        """Whether the analyzer has handled the last keypoints, after the recording's end."""
        return self.ended and self.last_phase_ns >= self.last_keypoints_ns > 0

    def ask_to_stop(self) -> None:
        """Ask the analyzer to finish the trial with what it has."""
        self._stop.call_async(Trigger.Request())

    def _on_keypoints(self, message: Keypoints) -> None:
        self.last_keypoints_ns = to_stamp_ns(message.header.stamp)
        now_ns = self.get_clock().now().nanoseconds
        taken_ns = self._arrivals.taken_ns(self.last_keypoints_ns, now_ns)
        self._statistics.frame(taken_ns, now_ns)

    def _on_info(self, message: CameraInfo) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self._arrivals.note(to_stamp_ns(message.header.stamp), now_ns)

    def _on_report(self, message: TugReport) -> None:
        self.report = message
        self.trials += 1

    def _on_phase(self, message: TugPhase) -> None:
        try:
            self._phase = to_phase(message)
        except MessageFormatError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=_LOG_THROTTLE_S)
            return
        self.last_phase_ns = to_stamp_ns(message.header.stamp)
        self._elapsed_s = message.elapsed_s

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        own = f"{self.get_namespace().strip('/')}/thermal_camera".lstrip("/")
        for status in message.status:
            if status.name == own:
                self.ended = status.message == RECORDING_ENDED
