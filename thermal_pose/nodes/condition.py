# SPDX-License-Identifier: Apache-2.0
"""Faults around a node: inputs that do not come, outputs that another node publishes too."""

import time
from collections.abc import Iterable, Sequence

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from thermal_pose.pipeline.input_watch import InputWatch


def input_fault(node: Node, watches: Sequence[InputWatch]) -> tuple[bytes, str] | None:
    """Return level and sentence of the worst input fault, None without one.

    Refused messages are an ERROR, silence is a WARN.
    """
    now_s = time.monotonic()
    faults = [
        fault
        for watch in watches
        if (fault := watch.fault(now_s, node.count_publishers(watch.topic))) is not None
    ]
    if not faults:
        return None
    worst = next((fault for fault in faults if fault.refused), faults[0])
    return DiagnosticStatus.ERROR if worst.refused else DiagnosticStatus.WARN, worst.sentence


def other_writers(node: Node, topics: Iterable[str]) -> tuple[bytes, str] | None:
    """Return an ERROR that names the other publishers of a node's own topics, None without any."""
    own = node.get_fully_qualified_name()
    sentences = []
    for topic in sorted(topics):
        infos = node.get_publishers_info_by_topic(topic)
        names = {f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in infos}
        if names - {own}:
            sentences.append(f"'{topic}' is also published by {', '.join(sorted(names - {own}))}")
    return (DiagnosticStatus.ERROR, "; ".join(sentences)) if sentences else None
