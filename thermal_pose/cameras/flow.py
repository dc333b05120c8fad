# SPDX-License-Identifier: Apache-2.0
"""Pacing of a replay: a clock that follows stamps, and a bounded window of frames in flight."""

import math
import threading
import time
from collections import deque

from thermal_pose.types import NS_PER_S


class FlowWindow:
    """Counts frames sent whose results were not seen yet. Thread-safe.

    Results arrive in the order of the frames, so one acknowledged stamp also covers all frames
    sent before it.

    Parameters
    ----------
    size : frames that may be in flight; 0 means no limit.
    """

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError(f"size: expected >= 0, got {size}")
        self._size = size
        self._in_flight: deque[int] = deque()
        self._changed = threading.Condition()
        self._moved_s = time.monotonic()

    def __len__(self) -> int:
        with self._changed:
            return len(self._in_flight)

    @property
    def oldest_ns(self) -> int | None:
        """Stamp of the frame whose results have been awaited longest."""
        with self._changed:
            return self._in_flight[0] if self._in_flight else None

    def overdue(self, after_s: float) -> tuple[int, ...]:
        """Return the stamps in flight if nothing was sent or seen for so long, else none."""
        with self._changed:
            silent_s = time.monotonic() - self._moved_s
            return tuple(self._in_flight) if silent_s >= after_s else ()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Whether one more frame may be sent, waiting up to `timeout_s` for it."""
        with self._changed:
            return self._changed.wait_for(self._has_room, timeout_s)

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Whether all results were seen, waiting up to `timeout_s` for it."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._in_flight, timeout_s)

    def _has_room(self) -> bool:
        return self._size == 0 or len(self._in_flight) < self._size

    def sent(self, stamp_ns: int) -> None:
        """A frame is about to be sent, or sent again."""
        if self._size:
            with self._changed:
                self._moved_s = time.monotonic()
                if stamp_ns not in self._in_flight:
                    self._in_flight.append(stamp_ns)

    def acknowledge(self, stamp_ns: int) -> None:
        """The results for a frame were seen; unknown stamps are ignored."""
        with self._changed:
            if stamp_ns in self._in_flight:
                while self._in_flight.popleft() != stamp_ns:
                    pass
                self._moved_s = time.monotonic()
                self._changed.notify_all()


class ReplayClock:
    """Says when a stamp is due, at a multiple of real time.

    Time spent waiting for consumers moves the whole schedule, so that a held-up replay goes on
    at its rate and does not rush to catch up. A stamp earlier than its predecessor (a recording
    that loops) restarts the schedule.

    Parameters
    ----------
    rate : 1 is real time; 0 means at once.
    max_leap_s : a stamp further ahead of its predecessor restarts the schedule, as one fault
        in a recording would otherwise hold it up for hours.
    """

    #: Lateness up to here is made up for; beyond it the schedule moves.
    TOLERATED_LATENESS_S = 0.05

    def __init__(self, rate: float, max_leap_s: float = math.inf) -> None:
        if rate < 0:
            raise ValueError(f"rate: expected >= 0, got {rate}")
        self._rate = rate
        self._max_leap_s = max_leap_s
        self._origin: tuple[int, float] | None = None
        self._last_ns = 0

    def delay_s(self, stamp_ns: int) -> float:
        """Seconds until the stamp is due; 0 when it is due or late."""
        if self._rate == 0:
            return 0.0
        now_s = time.monotonic()
        leaps = (stamp_ns - self._last_ns) / NS_PER_S > self._max_leap_s
        if self._origin is None or stamp_ns < self._last_ns or leaps:
            self._origin = (stamp_ns, now_s)
        self._last_ns = stamp_ns
        origin_ns, origin_s = self._origin
        due_s = origin_s + (stamp_ns - origin_ns) / NS_PER_S / self._rate
        if now_s - due_s > self.TOLERATED_LATENESS_S:
            self._origin = (stamp_ns, now_s)
        return max(0.0, due_s - now_s)
