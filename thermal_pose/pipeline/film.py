# SPDX-License-Identifier: Apache-2.0
"""The thermal images and keypoints of the trial under way, for its report."""

from collections import deque
from collections.abc import Iterable
from typing import TypeVar

from thermal_pose.types import NS_PER_S, FrameKeypoints, ThermalFrame

Stamped = TypeVar("Stamped", ThermalFrame, FrameKeypoints)


def _cut(items: Iterable[Stamped], first_ns: int, last_ns: int) -> list[Stamped]:
    chosen = {item.stamp_ns: item for item in items if first_ns <= item.stamp_ns <= last_ns}
    return [chosen[stamp_ns] for stamp_ns in sorted(chosen)]


class TrialFilm:
    """Keeps the last `max_s` seconds of images and keypoints; older ones are let go.

    Parameters
    ----------
    max_s : longer than any trial that is timed, plus the seated rest before it.
    """

    def __init__(self, max_s: float = 180.0) -> None:
        if max_s <= 0:
            raise ValueError(f"max_s: expected > 0, got {max_s}")
        self._max_ns = int(max_s * NS_PER_S)
        self._frames: deque[ThermalFrame] = deque()
        self._keypoints: deque[FrameKeypoints] = deque()

    def add_frame(self, frame: ThermalFrame) -> None:
        """Take an image."""
        self._append(self._frames, frame)

    def add_keypoints(self, keypoints: FrameKeypoints) -> None:
        """Take the keypoints of an image."""
        self._append(self._keypoints, keypoints)

    def clear(self) -> None:
        """Let everything go."""
        self._frames.clear()
        self._keypoints.clear()

    def between(
        self, first_ns: int, last_ns: int
    ) -> tuple[list[ThermalFrame], list[FrameKeypoints]]:
        """Return images, and keypoints, with stamps in [first_ns, last_ns], by rising stamp."""

        frames = _cut(self._frames, first_ns, last_ns)
        return frames, _cut(self._keypoints, first_ns, last_ns)

    def _append(self, items: deque[Stamped], item: Stamped) -> None:
        if items and item.stamp_ns < items[-1].stamp_ns - self._max_ns:
            self.clear()
        items.append(item)
        while items[0].stamp_ns < item.stamp_ns - self._max_ns:
            items.popleft()
