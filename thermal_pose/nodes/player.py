# SPDX-License-Identifier: Apache-2.0
"""Plays a whole recording onto its topics, with /clock: what `thermal-pose play` runs.

Messages go out as the bytes that were recorded. Unlike the lossless replay of the camera nodes
it does not wait for results, as `ros2 bag play` does not either.
"""

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader, RawMessage
from thermal_pose.cameras.flow import ReplayClock
from thermal_pose.errors import BagSchemaError, ConfigError
from thermal_pose.messages.fields import time_message
from thermal_pose.nodes.message_types import is_installed, live, message_class
from thermal_pose.nodes.qos import playback_qos
from thermal_pose.types import NS_PER_S

_WAIT_STEP_S = 0.01


def recording_namespace(path: Path) -> str:
    """Return the namespace of a recorded graph, '' if it had none."""
    with BagReader(path) as bag:
        return bag.namespace


@dataclass(frozen=True)
class PlayOptions:
    """How to play.

    Attributes
    ----------
    rate : multiple of real time; 0: at once.
    start_s : skip the first seconds.
    loop : start again after the end, until stopped.
    topics : play only these; empty: all.
    clock_hz : rate of /clock in real time; 0: none.
    min_subscribers : begin when each played topic that anyone reads has so many readers in
        all; 0: begin at once.
    """

    rate: float = 1.0
    start_s: float = 0.0
    loop: bool = False
    topics: Collection[str] = ()
    clock_hz: float = 40.0
    min_subscribers: int = 0

    def __post_init__(self) -> None:
        for name in ("rate", "start_s", "clock_hz"):
            value = getattr(self, name)
            if not 0.0 <= value < math.inf:
                raise ConfigError(f"{name} = {value}: expected a finite number from 0")


class BagPlayer:
    """Publishes one recording; with a /clock of its own, a recorded one is left out.

    Parameters
    ----------
    node : owns the publishers.
    path : the recording.
    keep_on : asked before every step; False ends the playing.
    """

    def __init__(
        self, node: Node, path: Path, options: PlayOptions, keep_on: Callable[[], bool]
    ) -> None:
        self._options = options
        self._keep_on = keep_on
        self._bag = BagReader(path)
        if options.start_s > self._bag.duration_s:
            self._bag.close()
            raise BagSchemaError(
                f"{path} has no message after the first {options.start_s:g} s (it lasts "
                f"{self._bag.duration_s:.2f} s)"
            )
        for topic in options.topics:
            self._bag.require(topic, *{entry.type_name for entry in self._bag.topics.values()})
        self._publishers = {
            entry.name: self._publisher(node, entry.name, entry.type_name)
            for entry in self._bag.topics.values()
            if self._is_played(node, entry.name, entry.type_name)
        }
        self._clock_publisher = node.create_publisher(Clock, "/clock", 10)
        self._next_clock_s = 0.0
        self.played = 0

    def _is_played(self, node: Node, topic: str, type_name: str) -> bool:
        """Whether a topic is chosen and of a type that is installed here."""
        chosen = self._options.topics
        if topic not in (chosen or self._bag.topics) or not self._bag.has(topic):
            return False
        if topic == "/clock" and self._options.clock_hz:
            return False
        if is_installed(type_name):
            return True
        if topic in chosen:
            self._bag.close()
            raise BagSchemaError(f"{topic} is of type {type_name}, which is not installed here")
        node.get_logger().warning(f"{topic} is not played: {type_name} is not installed here")
        return False

    @staticmethod
    def _publisher(node: Node, topic: str, type_name: str) -> Any:
        name = schema.relative_name(topic)
        return node.create_publisher(message_class(type_name), name, playback_qos(topic))

    def play(self) -> int:
        """Play to the end (or for ever); the number of messages published."""
        try:
            self._wait_for_readers()
            self._play_once()
            while self._options.loop and self._keep_on():
                self._play_once()
        finally:
            self._bag.close()
        return self.played

    def _wait_for_readers(self) -> None:
        while self._keep_on() and self._readers() < self._options.min_subscribers:
            time.sleep(_WAIT_STEP_S)

    def _readers(self) -> int:
        return sum(entry.get_subscription_count() for entry in self._publishers.values())

    def _play_once(self) -> None:
        pace = ReplayClock(self._options.rate)
        start_ns = self._bag.start_ns + round(self._options.start_s * NS_PER_S)
        for message in self._bag.raw_messages(self._publishers, start_ns=start_ns):
            if not self._wait_until_due(pace, message):
                return
            self._publishers[message.topic].publish(message.cdr)
            self.played += 1

    def _wait_until_due(self, pace: ReplayClock, message: RawMessage) -> bool:
        """Wait for a message's time, keeping /clock going; whether to go on at all."""
        while self._keep_on():
            delay_s = pace.delay_s(message.log_ns)
            self._tick(message.log_ns - round(delay_s * self._options.rate * NS_PER_S))
            if delay_s == 0.0:
                return True
            time.sleep(min(delay_s, _WAIT_STEP_S))
        return False

    def _tick(self, now_ns: int) -> None:
        if self._options.clock_hz and time.monotonic() >= self._next_clock_s:
            self._next_clock_s = time.monotonic() + 1.0 / self._options.clock_hz
            self._clock_publisher.publish(Clock(clock=time_message(live, now_ns)))
