# SPDX-License-Identifier: Apache-2.0
"""An executor that wakes for what must be answered, and for nothing else.

rclpy's own builds a wait set of every entity, up to three times per callback, and half of those
entities are events that hardly ever come. This one waits for messages, timers, services and
clients; it looks at everything else once per second. An idle processor core takes longest to
wake, so that each needless wake-up costs several times as much as on a busy core.
"""

import gc
import threading
import time
from collections import deque
from typing import Any, Final

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.subscription import Subscription

from thermal_pose.nodes.awaited import AwaitedEntities
from thermal_pose.nodes.handover import Stream

#: Events, and publishers that come or go, are looked at this often, s.
LOOK_EVERY_S: Final = 1.0
#: A look may be this late, s, so that it follows a message and needs no wake-up of its own.
_LATE_S: Final = 0.2


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
        # Before rclpy's own, which may call `wake`. The lock is held during a turn.
        self._turn = threading.Lock()
        self._awaited: AwaitedEntities | None = None
        self._changed = False
        super().__init__(**options)
        self._looked_s = time.monotonic()
        self._handed: deque[Stream] = deque()
        self._called = False  # woken for messages handed over, and not yet at them
        self._spinning: int | None = None

    def hand_over(self, stream: Stream) -> None:
        """Answer a message of this process before anything from DDS; any thread may call."""
        self._handed.append(stream)
        if threading.get_ident() == self._spinning or stream.patient or self._called:
            return
        if self._guard is not None:
            self._called = True
            self._guard.trigger()

    def wake(self) -> None:
        """Return from waiting, since entities were created or destroyed."""
        self._forget()
        super().wake()

    def add_node(self, node: Node) -> bool:
        """Manage a node's callbacks from the next turn on."""
        self._forget()
        return super().add_node(node)

    def remove_node(self, node: Node) -> None:
        """Stop managing a node's callbacks."""
        super().remove_node(node)
        self._forget()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop, as rclpy's executor does."""
        self._forget()
        return super().shutdown(timeout_sec)

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run what is ready, one callback of each subscription and timer.

        Returns after `timeout_sec`, or earlier, perhaps with nothing done.
        """
        due_s = self._looked_s + LOOK_EVERY_S
        wait_s = max(due_s + _LATE_S - time.monotonic(), 0.0)
        if timeout_sec is not None and timeout_sec >= 0:
            wait_s = min(wait_s, timeout_sec)
        if self._answer(wait_s) or time.monotonic() >= due_s:
            super().spin_once(timeout_sec=0)
            self._looked_s = time.monotonic()
            self._forget()

    def answer_handed(self) -> bool:
        """Call back with all messages handed over, and with those that this brings about."""
        self._spinning = threading.get_ident()
        self._called = False  # first: what comes from here on must wake again
        answered = bool(self._handed)
        while self._handed:
            self._handed.popleft().answer()
        return answered

    def _answer(self, wait_s: float) -> bool:
        """Wait, and call back with messages and timers; return whether rclpy has to look."""
        with self._turn:
            try:
                if self.answer_handed():
                    wait_s = 0.0
                awaited = self._entities()
                if awaited is None:
                    return True
                self._call_back(awaited, awaited.wait(wait_s))
                return awaited.others_ready() or self._changed or self._has_tasks()
            finally:
                if self._changed:
                    self._let_go()

    def _entities(self) -> AwaitedEntities | None:
        """Return what to wait for; None after a shutdown, about which rclpy knows what to do."""
        if self._changed:
            self._let_go()
        if self._awaited is None:
            context, guard = self.context.handle, self._guard
            if context is None or guard is None or not self.context.ok():
                return None
            self._awaited = AwaitedEntities(self.get_nodes(), guard, context)
        return self._awaited

    def _call_back(self, awaited: AwaitedEntities, ready: "list[Subscription[Any]]") -> None:
        for stream in awaited.patient:
            stream.answer_all()
        for subscription in ready:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is not None:
                plain: Any = subscription.callback
                plain(taken[0])
        self.answer_handed()
        for timer in awaited.due_timers():
            timer.handle.call_timer()
            timer.callback()

    def _forget(self) -> None:
        """Find the entities again before the next wait; those destroyed may go."""
        self._changed = True
        if self._turn.acquire(blocking=False):
            try:
                self._let_go()
            finally:
                self._turn.release()

    def _let_go(self) -> None:
        self._changed = False
        if self._awaited is not None:
            self._awaited.close()
            self._awaited = None

    def _has_tasks(self) -> bool:
        """Whether a coroutine or a task waits; rclpy forgets those done at its next turn."""
        return bool(self._tasks) and not all(task.done() for task, _, _ in list(self._tasks))
