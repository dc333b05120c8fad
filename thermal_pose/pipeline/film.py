# SPDX-License-Identifier: Apache-2.0
"""The thermal images and keypoints of the trial under way, for its report."""

from collections import deque
from collections.abc import Iterable
from typing import Final, TypeVar

from thermal_pose.types import NS_PER_S, FrameKeypoints, ThermalFrame

#: Stamps that jump back by more than this begin a new run.
_RUN_BACK_NS: Final = 2 * NS_PER_S
#: Keypoints held, at most: those of four minutes at 60 Hz.
_MAX_KEYPOINTS: Final = 240 * 60

Stamped = TypeVar("Stamped", ThermalFrame, FrameKeypoints)


def _cut(items: Iterable[Stamped], first_ns: int, last_ns: int) -> list[Stamped]:
    chosen = {item.stamp_ns: item for item in items if first_ns <= item.stamp_ns <= last_ns}
    return [chosen[stamp_ns] for stamp_ns in sorted(chosen)]


class TrialFilm:
    """Keeps the last `max_s` seconds of images and keypoints, in bounded memory.

    Large images that would take more than `max_bytes` are thinned out evenly: the film of a report
    shows a limited number of them anyway. Stamps that jump back, as those of a looped recording,
    begin a new film, and so does an image of another size.

    Parameters
    ----------
    max_s : longer than any trial that is timed, plus the seated rest before it.
    max_bytes : of images held.
    """

    _frames: deque[ThermalFrame]
    _keypoints: deque[FrameKeypoints]

    def __init__(self, max_s: float = 180.0, max_bytes: int = 64 << 20) -> None:
        if max_s <= 0 or max_bytes <= 0:
            raise ValueError(f"max_s, max_bytes: expected > 0, got {max_s} and {max_bytes}")
        self._max_ns = int(max_s * NS_PER_S)
        self._max_bytes = max_bytes
        self.clear()

    @property
    def held_bytes(self) -> int:
        """Memory taken by the images held."""
        return sum(frame.centikelvin.nbytes for frame in self._frames)

    def add_frame(self, frame: ThermalFrame) -> None:
        """Take an image."""
        if self._frames and self._frames[-1].centikelvin.shape != frame.centikelvin.shape:
            self._frames.clear()
            self._every = 1
        self._taken += 1
        if self._taken % self._every:
            return
        self._append(self._frames, frame)
        if len(self._frames) * frame.centikelvin.nbytes > self._max_bytes:
            self._every *= 2
            self._frames = deque(list(self._frames)[::2])

    def add_keypoints(self, keypoints: FrameKeypoints) -> None:
        """Take the keypoints of an image."""
        self._append(self._keypoints, keypoints)

    def clear(self) -> None:
        """Forget everything."""
        self._frames = deque()
        self._keypoints = deque(maxlen=_MAX_KEYPOINTS)
        self._every = 1
        self._taken = -1

    def between(
        self, first_ns: int, last_ns: int
    ) -> tuple[list[ThermalFrame], list[FrameKeypoints]]:
        """Return images, and keypoints, with stamps in [first_ns, last_ns], by rising stamp."""
        frames = _cut(self._frames, first_ns, last_ns)
        return frames, _cut(self._keypoints, first_ns, last_ns)

    def _append(self, items: deque[Stamped], item: Stamped) -> None:
        if items and item.stamp_ns < items[-1].stamp_ns - _RUN_BACK_NS:
            items.clear()
        items.append(item)
        while items[0].stamp_ns < item.stamp_ns - self._max_ns:
            items.popleft()
