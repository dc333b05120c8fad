# SPDX-License-Identifier: Apache-2.0
"""An executor that answers messages at once and looks at services between them.

rclpy's own builds a wait set of every entity, some thirty a life-cycle node and nearly all of
them services that nobody calls, up to three times a callback: half a millisecond each time with
four nodes. This one waits for messages and timers, and looks at the rest when messages pause.
"""

import contextlib
import gc
import inspect
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from rclpy.executors import SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.subscription import Subscription

from thermal_pose.nodes.handover import Stream

#: A pause in the messages: what one brings about in the same process is there sooner.
PAUSE_S: Final = 0.005
#: Services, events and clients are looked at this often while messages pause ...
LOOK_EVERY_S: Final = 0.05
#: ... and this often if they never do.
LOOK_AT_LATEST_S: Final = 0.2
_NS_PER_S: Final = 1_000_000_000


def settle() -> None:
    """Exclude all existing objects from garbage collection, once the nodes are up.

    Models and libraries keep their objects until the process ends. Walking over them takes tens
    of milliseconds and would delay an image. `gc.unfreeze` undoes it.
    """
    gc.collect()
    gc.freeze()


class PromptExecutor(SingleThreadedExecutor):
    """Runs everything in the thread that spins; subscriptions come first.

    Callbacks that are coroutines or ask for a message's transport data are left to rclpy's way.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._answered_s = self._looked_s = time.monotonic()
        self._handed: deque[Stream] = deque()
        self._spinning: int | None = None

    def hand_over(self, stream: Stream) -> None:
        """Answer a message of this process before anything from DDS; any thread may call."""
        asleep = not self._handed and threading.get_ident() != self._spinning
        self._handed.append(stream)
        if asleep:
            self.wake()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run what is ready, one callback of each subscription; return after `timeout_sec`.

        Returns earlier, perhaps with nothing done, where services were to be looked at.
        """
        pause_s = max(self._answered_s + PAUSE_S, self._looked_s + LOOK_EVERY_S)
        due_s = min(pause_s, self._looked_s + LOOK_AT_LATEST_S)
        wait_s = max(due_s - time.monotonic(), 0.0)
        if timeout_sec is not None and timeout_sec >= 0:
            wait_s = min(wait_s, timeout_sec)
        others_ready = self._answer(wait_s)
        if others_ready or time.monotonic() >= due_s:
            super().spin_once(timeout_sec=0)
            self._looked_s = time.monotonic()

    def _answer(self, wait_s: float) -> bool:
        """Wait for messages, call back with them; return whether timers or a guard woke us."""
        if self.answer_handed():
            wait_s = 0.0
        with contextlib.ExitStack() as held:
            subscriptions = [entity for entity in self._streams() if _entered(held, entity)]
            nodes = self.get_nodes()
            timers = [item for node in nodes for item in node.timers if _entered(held, item)]
            ready, others = self._wait(subscriptions, timers, wait_s)
            for subscription in ready:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
                if taken is not None:
                    plain: Any = subscription.callback
                    plain(taken[0])
                    self._answered_s = time.monotonic()
        return others and not self._handed

    def answer_handed(self) -> bool:
        """Call back with all messages handed over, and with those that this brings about."""
        self._spinning = threading.get_ident()
        answered = bool(self._handed)
        while self._handed:
            self._handed.popleft().answer()
            self._answered_s = time.monotonic()
        return answered

    def _wait(
        self, subscriptions: list["Subscription[Any]"], timers: list[Any], wait_s: float
    ) -> tuple[list["Subscription[Any]"], bool]:
        with contextlib.ExitStack() as held:
            context, guard = self.context.handle, self._guard
            if context is None or guard is None or not _entered(held, guard):
                return [], True  # shut down: rclpy's own way says so
            held.enter_context(context)
            waits = _rclpy.WaitSet(len(subscriptions), 1, len(timers), 0, 0, 0, context)
            waits.clear_entities()
            for subscription in subscriptions:
                waits.add_subscription(subscription.handle)
            for timer in timers:
                waits.add_timer(timer.handle)
            waits.add_guard_condition(guard.handle)
            waits.wait(round(wait_s * _NS_PER_S))
            woken = set(waits.get_ready_entities("subscription"))
            others = waits.get_ready_entities("timer") or waits.get_ready_entities(
                "guard_condition"
            )
        return [item for item in subscriptions if item.handle.pointer in woken], bool(others)

    def _streams(self) -> Iterator["Subscription[Any]"]:
        for node in self.get_nodes():
            yield from filter(_is_plain, node.subscriptions)


def _is_plain(subscription: "Subscription[Any]") -> bool:
    # rclpy keeps the kind of callback it found to itself.
    kind = subscription._callback_type
    return kind is Subscription.CallbackType.MessageOnly and not inspect.iscoroutinefunction(
        subscription.callback
    )


def _entered(held: contextlib.ExitStack, entity: Any) -> bool:
    """Keep an entity from being destroyed while it is waited for; False: it already is."""
    try:
        held.enter_context(entity.handle)
    except _rclpy.InvalidHandle:
        return False
    return True
