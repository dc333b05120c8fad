# SPDX-License-Identifier: Apache-2.0
"""/clock of a replay: the stamps of its images, and the time between them."""

import time

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock as ClockMsg

from thermal_pose.messages.fields import time_message
from thermal_pose.nodes.base import PipelineNode
from thermal_pose.nodes.message_types import live
from thermal_pose.types import NS_PER_S

_PERIOD_S = 0.025
#: Between two images the clock runs ahead by at most this share of the usual interval, so that
#: the next image never sets it back.
_SHARE = 0.9


class ReplayClockPublisher:
    """Publishes /clock while a recording is replayed.

    Parameters
    ----------
    node : owns the publisher and the timer.
    rate : of the replay, multiple of real time; 0: the clock moves with the images only.
    """

    def __init__(self, node: PipelineNode, rate: float) -> None:
        self._rate = rate
        self._publisher = node.publisher(ClockMsg, "/clock", QoSProfile(depth=10))
        self._last: tuple[int, float] | None = None
        self._interval_ns = 0

    def start(self, node: PipelineNode) -> None:
        """Begin to fill the time between images."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.every(_PERIOD_S, self._between_images, clock=steady)

    def image(self, stamp_ns: int) -> None:
        """Set the clock to an image's stamp, just before the image is published."""
        if self._last is not None:
            self._interval_ns = max(stamp_ns - self._last[0], 0)
        self._last = (stamp_ns, time.monotonic())
        self._publish(stamp_ns)

    def _between_images(self) -> None:
        if self._last is None or not self._rate:
            return
        stamp_ns, at_s = self._last
        passed_ns = (time.monotonic() - at_s) * self._rate * NS_PER_S
        self._publish(stamp_ns + round(min(passed_ns, _SHARE * self._interval_ns)))

    def _publish(self, now_ns: int) -> None:
        self._publisher.publish(ClockMsg(clock=time_message(live, now_ns)))
