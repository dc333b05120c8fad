# SPDX-License-Identifier: Apache-2.0
"""Publishes a node's condition on /diagnostics."""

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from thermal_pose.pipeline.statistics import StreamSummary

#: Identifies the hardware of nodes that have none, as diagnostic_updater expects.
NO_HARDWARE = "none"


def _shown(value: float | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:.3f} {unit}"


def _key_values(summary: StreamSummary, details: Mapping[str, str]) -> list[KeyValue]:
    rows = {
        "frames": str(summary.frames),
        "rate": _shown(summary.rate_hz, "Hz"),
        "frame age p99": _shown(summary.age_p99_s, "s"),
        "frame age": _shown(summary.last_age_s, "s"),
        **{name.replace("_", " "): str(count) for name, count in sorted(summary.counts.items())},
        **details,
    }
    return [KeyValue(key=key, value=value) for key, value in rows.items()]


class DiagnosticsPublisher:
    """Publishes one DiagnosticStatus per call, named after the node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def publish(
        self, level: bytes, message: str, summary: StreamSummary, details: Mapping[str, str]
    ) -> None:
        """Publish; `level` is a constant of DiagnosticStatus."""
        status = DiagnosticStatus(
            level=level,
            name=self._node.get_fully_qualified_name().lstrip("/"),
            message=message,
            hardware_id=details.get("hardware", "") or NO_HARDWARE,
            values=_key_values(summary, details),
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)
