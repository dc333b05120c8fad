# SPDX-License-Identifier: Apache-2.0
"""Joins two streams by equal stamps, newest pair first, and counts what found no partner."""

from typing import Generic, TypeVar

Left = TypeVar("Left")
Right = TypeVar("Right")


class StampJoin(Generic[Left, Right]):
    """Holds at most `capacity` unmatched items of either stream.

    Whatever order they arrive in, `take` returns the newest complete pair; everything on
    the left that arrived before that pair's left item is given up and counted in `dropped`.
    Order is order of arrival, so that a clock that jumps back (a loop) does no harm.
    """

    def __init__(self, capacity: int = 16) -> None:
        if capacity < 1:
            raise ValueError(f"capacity: expected at least 1, got {capacity}")
        self._capacity = capacity
        self.dropped = 0
        self.reset()

    def reset(self) -> None:
        """Forget what waits; it does not count as dropped."""
        self._left: dict[int, Left] = {}
        self._right: dict[int, Right] = {}

    def add_left(self, stamp_ns: int, item: Left) -> None:
        """Add an item of the stream whose losses are counted."""
        self._left.pop(stamp_ns, None)
        self._left[stamp_ns] = item
        while len(self._left) > self._capacity:
            del self._left[next(iter(self._left))]
            self.dropped += 1

    def add_right(self, stamp_ns: int, item: Right) -> None:
        """Add an item of the other stream."""
        self._right.pop(stamp_ns, None)
        self._right[stamp_ns] = item
        while len(self._right) > self._capacity:
            del self._right[next(iter(self._right))]

    def take(self) -> tuple[Left, Right] | None:
        """Remove and return the newest complete pair, or None if there is none."""
        for stamp_ns in reversed(self._left):
            if stamp_ns in self._right:
                pair = (self._left[stamp_ns], self._right[stamp_ns])
                self.dropped += self._discard(self._left, stamp_ns)
                self._discard(self._right, stamp_ns)
                return pair
        return None

    @staticmethod
    def _discard(stream: dict[int, Left] | dict[int, Right], stamp_ns: int) -> int:
        """Remove `stamp_ns` and what arrived before it; return how many came before."""
        before = list(stream).index(stamp_ns)
        for key in list(stream)[: before + 1]:
            del stream[key]
        return before
