# SPDX-License-Identifier: Apache-2.0
"""Newest frame wins: what waited behind the message just taken is skipped, and counted.

DDS with a queue of one would skip as well, but without a word; a short queue that is emptied
at every call skips the same messages and knows how many they were.
"""

from collections.abc import Iterator
from typing import Any

from rclpy.subscription import Subscription

from thermal_pose.nodes.handover import Stream

#: Messages that may wait for one call; more than this are lost uncounted.
BACKLOG = 8


def waiting(subscription: "Subscription[Any] | Stream") -> Iterator[Any]:
    """Take and yield the messages that wait, oldest first."""
    if isinstance(subscription, Stream):
        yield from subscription.waiting()
        return
    while True:
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
        if taken is None:
            return
        yield taken[0]


def newest_of(subscription: "Subscription[Any] | Stream", message: Any) -> tuple[Any, int]:
    """Return the newest waiting message, `message` if none waits, and how many were skipped."""
    messages = [message, *waiting(subscription)]
    return messages[-1], len(messages) - 1
