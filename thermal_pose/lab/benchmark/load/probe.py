# SPDX-License-Identifier: Apache-2.0
"""Plays cameras at a steady rate and times each image until its keypoints come back over DDS."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import rclpy
from sensor_msgs.msg import Image

from thermal_pose.errors import GraphError
from thermal_pose.messages.fields import time_message, to_stamp_ns
from thermal_pose.messages.images import thermal_message
from thermal_pose.msg import Keypoints
from thermal_pose.nodes.message_types import live
from thermal_pose.nodes.prompt_executor import PromptExecutor
from thermal_pose.nodes.qos import acknowledgement_qos, image_publisher_qos
from thermal_pose.types import ThermalFrame

_READY_TIMEOUT_S = 60.0
_LAST_ANSWER_S = 1.0
_SPIN_S = 0.25
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class LatencyFigures:
    """Latency from image published to keypoints received, and images without an answer.

    Attributes
    ----------
    sent, answered : images and their keypoints.
    p50_ms, p99_ms, max_ms : of those answered.
    first_third_p50_ms, last_third_p50_ms : a queue that grows shows here.
    """

    sent: int
    answered: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    first_third_p50_ms: float
    last_third_p50_ms: float

    @property
    def dropped_share(self) -> float:
        """Share of images without keypoints."""
        return 1 - self.answered / self.sent if self.sent else 0.0


@dataclass
class _Camera:
    namespace: str
    sent_s: dict[int, float] = field(default_factory=dict)
    back_s: dict[int, float] = field(default_factory=dict)


class Probe:
    """One node that is camera and audience of all namespaces. A context manager.

    Parameters
    ----------
    frames : played in turn, restamped with the present time.
    namespaces : one camera each.
    """

    def __init__(self, frames: Sequence[ThermalFrame], namespaces: Sequence[str]) -> None:
        if not frames or not namespaces:
            raise ValueError("frames, namespaces: expected at least one of each, got none")
        self._frames = [thermal_message(live, frame) for frame in frames]
        self._cameras = [_Camera(name) for name in namespaces]
        self._node = rclpy.create_node("bench_probe", use_global_arguments=False)
        self._publishers = []
        for camera in self._cameras:
            prefix = f"/{camera.namespace}" if camera.namespace else ""
            topic = f"{prefix}/thermal/image_raw"
            self._publishers.append(
                self._node.create_publisher(Image, topic, image_publisher_qos())
            )
            self._node.create_subscription(
                Keypoints, f"{prefix}/keypoints", self._listener(camera), acknowledgement_qos()
            )
        self._executor = PromptExecutor()
        self._executor.add_node(self._node)
        self._counted_from_s = 0.0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ends.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()

    def wait_until_heard(self, readers_each: int = 2) -> None:
        """Wait until every image topic has its readers; GraphError after a minute."""
        deadline_s = time.monotonic() + _READY_TIMEOUT_S
        while any(p.get_subscription_count() < readers_each for p in self._publishers):
            if time.monotonic() > deadline_s:
                raise GraphError(f"the nodes did not come up within {_READY_TIMEOUT_S:.0f} s")
            time.sleep(0.05)

    def run(self, rate_hz: float, duration_s: float, warm_up_s: float = 1.0) -> LatencyFigures:
        """Publish at `rate_hz` on all cameras, evenly spread in time, and time the answers.

        The first `warm_up_s` are not counted.
        """
        for camera in self._cameras:
            camera.sent_s.clear()
            camera.back_s.clear()
        self._counted_from_s = self._publish(rate_hz, duration_s + warm_up_s) + warm_up_s
        self._wait_for_answers()
        return _figures(self._cameras, self._counted_from_s)

    def figures_of(self, namespace: str) -> LatencyFigures:
        """Return the figures of one camera in the last run."""
        cameras = [camera for camera in self._cameras if camera.namespace == namespace]
        return _figures(cameras, self._counted_from_s)

    def _publish(self, rate_hz: float, duration_s: float) -> float:
        step_s = 1 / (rate_hz * len(self._cameras))
        begin_s = time.monotonic()
        for turn in range(round(duration_s / step_s)):
            due_s = begin_s + turn * step_s
            time.sleep(max(due_s - time.monotonic(), 0.0))
            which = turn % len(self._cameras)
            message = self._frames[(turn // len(self._cameras)) % len(self._frames)]
            stamp_ns = time.time_ns()
            message.header.stamp = time_message(live, stamp_ns)
            self._cameras[which].sent_s[stamp_ns] = time.monotonic()
            self._publishers[which].publish(message)
        return begin_s

    def _wait_for_answers(self) -> None:
        deadline_s = time.monotonic() + _LAST_ANSWER_S
        while time.monotonic() < deadline_s and any(
            len(camera.back_s) < len(camera.sent_s) for camera in self._cameras
        ):
            time.sleep(0.01)

    def _spin(self) -> None:
        while not self._ends.is_set():
            self._executor.spin_once(timeout_sec=_SPIN_S)

    @staticmethod
    def _listener(camera: _Camera):  # type: ignore[no-untyped-def]
        def on_keypoints(message: Keypoints) -> None:
            camera.back_s[to_stamp_ns(message.header.stamp)] = time.monotonic()

        return on_keypoints


def _figures(cameras: Sequence[_Camera], counted_from_s: float) -> LatencyFigures:
    pairs = sorted(
        (sent_s, camera.back_s.get(stamp_ns))
        for camera in cameras
        for stamp_ns, sent_s in camera.sent_s.items()
        if sent_s >= counted_from_s
    )
    latencies = np.array([1e3 * (back - sent) for sent, back in pairs if back is not None])
    if not latencies.size:
        raise GraphError("no keypoints came back")
    third = max(len(latencies) // 3, 1)
    p50, p99 = np.percentile(latencies, [50, 99])
    return LatencyFigures(
        len(pairs),
        len(latencies),
        float(p50),
        float(p99),
        float(latencies.max()),
        float(np.median(latencies[:third])),
        float(np.median(latencies[-third:])),
    )
