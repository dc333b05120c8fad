# SPDX-License-Identifier: Apache-2.0
"""Keeps what could not be written, and writes it again when the disk allows it."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from thermal_pose.errors import StorageError

Item = TypeVar("Item")

#: Items kept for another attempt. A trial holds about 2 MB of images.
KEPT = 50


class Outbox(Generic[Item]):
    """Writes items in order; a failed one waits, with those that follow it.

    Parameters
    ----------
    write : writes one item; may be called again for an item that failed half-way. Raises
        StorageError or OSError if it cannot.
    """

    def __init__(self, write: Callable[[Item], None]) -> None:
        self._write = write
        self._waiting: deque[Item] = deque()
        self.error = ""
        self.lost = 0

    @property
    def waiting(self) -> int:
        """Number of items that are not written yet."""
        return len(self._waiting)

    def put(self, item: Item) -> bool:
        """Write an item, or keep it; return whether it was written.

        Beyond `KEPT` waiting items the oldest is dropped and counted in `lost`.
        """
        self._waiting.append(item)
        if len(self._waiting) > KEPT:
            self._waiting.popleft()
            self.lost += 1
        return self.retry()

    def retry(self) -> bool:
        """Write what waits, oldest first; return whether nothing waits any more."""
        while self._waiting:
            try:
                self._write(self._waiting[0])
            except (StorageError, OSError) as error:
                self.error = str(error)
                return False
            self._waiting.popleft()
        self.error = ""
        return True
