# SPDX-License-Identifier: Apache-2.0
"""The entities that an executor waits for, kept together until they change.

Building a wait set costs more than waiting: most of the work is marking every entity as in use.
Here that is done once, and repeated only after an entity was created or destroyed.

Timers may be a little late: one that is due is called after the next message, which has woken
the processor anyway, and wakes it itself only if none comes soon.
"""

import contextlib
import inspect
from collections.abc import Iterable
from typing import Any, Final

from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.subscription import Subscription

from thermal_pose.nodes.handover import Stream

_NS_PER_S: Final = 1_000_000_000
#: Callbacks that rclpy must call.
_OTHERS: Final = ("service", "client", "timer")
#: A timer waits for a message to share a wake-up with, for this share of its period ...
_LATE_SHARE: Final = 0.125
#: ... and at most so long, ns.
_LATE_NS: Final = 100_000_000
#: Messages of patient streams wait at most this long, s.
PATIENCE_S: Final = 0.2


class AwaitedEntities:
    """Subscriptions, timers, services and clients of some nodes; a context while it is held.

    Destroyed entities live on until `close`. The order of use is `wait`, the callbacks of what it
    returns, `due_timers` and their callbacks, `others_ready`.

    Parameters
    ----------
    nodes : their callbacks are managed by the executor.
    guard : ends a wait early.
    context : handle of the ROS context.

    Attributes
    ----------
    patient : streams whose messages are answered when anything else wakes the executor.
    """

    def __init__(self, nodes: Iterable[Node], guard: GuardCondition, context: Any) -> None:
        nodes = list(nodes)
        self._held = contextlib.ExitStack()
        self._held.enter_context(context)
        self._held.enter_context(guard.handle)
        plain = [item for node in nodes for item in node.subscriptions if _is_plain(item)]
        streams = [stream for item in plain if (stream := _stream_of(item)) is not None]
        asleep = {id(stream.subscription) for stream in streams if not stream.wakes()}
        self.patient = [item for item in streams if item.patient and self._hold(item.subscription)]
        self._subscriptions = self._all_held(item for item in plain if id(item) not in asleep)
        timers = self._all_held(item for node in nodes for item in node.timers)
        self._patient_timers = [timer for timer in timers if _may_be_late(timer)]
        self._timers = [timer for timer in timers if timer not in self._patient_timers]
        self._clients = self._all_held(item for node in nodes for item in node.clients)
        self._services = self._all_held(item for node in nodes for item in node.services)
        self._guard = guard
        self._waits = _rclpy.WaitSet(
            len(self._subscriptions),
            1,
            len(self._timers),
            len(self._clients),
            len(self._services),
            0,
            context,
        )

    def wait(self, wait_s: float) -> "list[Subscription[Any]]":
        """Wait until something is ready, `wait_s` at most; return the subscriptions with messages.

        What else is ready is asked for once these are answered.
        """
        if self.patient:
            wait_s = min(wait_s, PATIENCE_S)
        wait_ns = min([round(wait_s * _NS_PER_S), *map(_until_late_ns, self._patient_timers)])
        waits = self._waits
        waits.clear_entities()
        for subscription in self._subscriptions:
            waits.add_subscription(subscription.handle)
        for timer in self._timers:
            waits.add_timer(timer.handle)
        for client in self._clients:
            waits.add_client(client.handle)
        for service in self._services:
            waits.add_service(service.handle)
        waits.add_guard_condition(self._guard.handle)
        waits.wait(max(wait_ns, 0))
        found = set(waits.get_ready_entities("subscription"))
        return [item for item in self._subscriptions if item.handle.pointer in found]

    def due_timers(self) -> list[Any]:
        """Return the timers that are due, but for those that rclpy must call."""
        return [timer for timer in self._patient_timers if timer.handle.is_timer_ready()]

    def others_ready(self) -> bool:
        """Whether the last wait found anything that rclpy must call."""
        return any(self._waits.get_ready_entities(kind) for kind in _OTHERS)

    def close(self) -> None:
        """Let entities go; those destroyed meanwhile cease to exist."""
        self._held.close()

    def _all_held(self, entities: Iterable[Any]) -> list[Any]:
        return [entity for entity in entities if self._hold(entity)]

    def _hold(self, entity: Any) -> bool:
        """Keep an entity from being destroyed; False: it already is."""
        try:
            self._held.enter_context(entity.handle)
        except _rclpy.InvalidHandle:
            return False
        return True


def _is_plain(subscription: "Subscription[Any]") -> bool:
    # rclpy keeps the kind of callback it found to itself.
    kind = subscription._callback_type
    return kind is Subscription.CallbackType.MessageOnly and not inspect.iscoroutinefunction(
        subscription.callback
    )


def _may_be_late(timer: Any) -> bool:
    """Whether a timer can be called here, after a message.

    Not one whose callback is a coroutine or wants arguments, and not one that runs by /clock, whose
    steps only a wait set notices.
    """
    simulated = bool(getattr(timer.clock, "ros_time_is_active", False))
    if simulated or inspect.iscoroutinefunction(timer.callback):
        return False
    wanted = inspect.signature(timer.callback).parameters.values()
    return all(item.kind is item.VAR_POSITIONAL for item in wanted)


def _until_late_ns(timer: Any) -> int:
    """Return the time until a timer must be called, even if nothing else happens, ns."""
    until_ns = None if timer.handle.is_timer_canceled() else timer.handle.time_until_next_call()
    if until_ns is None:
        return _NS_PER_S
    return int(until_ns) + min(round(_LATE_SHARE * timer.timer_period_ns), _LATE_NS)


def _stream_of(subscription: "Subscription[Any]") -> Stream | None:
    """Return the stream that a subscription feeds, None for any other subscription."""
    owner = getattr(subscription.callback, "__self__", None)
    return owner if isinstance(owner, Stream) else None
