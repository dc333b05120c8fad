# SPDX-License-Identifier: Apache-2.0
"""Rate, age and loss of a stream of frames, over a sliding window."""

from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from thermal_pose.types import NS_PER_S

#: A stamp further from the clock than this comes from a recording, s.
LIVE_S = 60.0
#: A rate decays once the stream has been silent for this many mean intervals.
_SILENT_INTERVALS = 3.0


def is_live(stamp_ns: int, now_ns: int) -> bool:
    """Whether a stamp is of the present and not of a recording."""
    return abs(now_ns - stamp_ns) <= LIVE_S * NS_PER_S


@dataclass(frozen=True)
class StreamSummary:
    """The condition of a stream.

    Attributes
    ----------
    frames : frames seen so far.
    rate_hz : over the window, decaying towards 0 in silence; None before two frames.
    age_p99_s, last_age_s : time from stamp to handling; None before the first frame and for
        recorded stamps, whose age has no meaning.
    counts : events by name.
    """

    frames: int
    rate_hz: float | None
    age_p99_s: float | None
    last_age_s: float | None
    counts: dict[str, int]


class StreamStatistics:
    """Counts the frames and faults of one node and keeps the ages of the last `window` frames."""

    def __init__(self, window: int = 256) -> None:
        if window < 2:
            raise ValueError(f"window: expected at least 2, got {window}")
        self._arrivals_ns: deque[int] = deque(maxlen=window)
        self._ages_s: deque[float] = deque(maxlen=window)
        self._counts: Counter[str] = Counter()
        self._frames = 0

    def frame(self, stamp_ns: int, now_ns: int) -> None:
        """Note one frame with header stamp `stamp_ns`, handled at `now_ns`."""
        self._frames += 1
        if self._arrivals_ns and now_ns < self._arrivals_ns[-1]:
            self._arrivals_ns.clear()  # the clock was set back, as a looped replay does
        self._arrivals_ns.append(now_ns)
        self._ages_s.append((now_ns - stamp_ns) / NS_PER_S)

    def count(self, event: str, times: int = 1) -> None:
        """Count a drop, a malformed image or another named event."""
        self._counts[event] += times

    def summary(self, now_ns: int | None = None) -> StreamSummary:
        """Return the condition of the stream over the window.

        Parameters
        ----------
        now_ns : the present on the clock of `frame`, by which the rate decays; None: the time
            of the last frame.
        """
        ages = np.fromiter(self._ages_s, dtype=np.float64)
        ages = ages[np.abs(ages) <= LIVE_S]
        live = bool(self._ages_s) and abs(self._ages_s[-1]) <= LIVE_S
        return StreamSummary(
            frames=self._frames,
            rate_hz=self._rate_hz(now_ns),
            age_p99_s=float(np.percentile(ages, 99)) if live else None,
            last_age_s=float(ages[-1]) if live else None,
            counts=dict(self._counts),
        )

    def _rate_hz(self, now_ns: int | None) -> float | None:
        if len(self._arrivals_ns) < 2:
            return None
        intervals = len(self._arrivals_ns) - 1
        span_ns = self._arrivals_ns[-1] - self._arrivals_ns[0]
        if span_ns <= 0:
            return None
        silent_ns = 0 if now_ns is None else now_ns - self._arrivals_ns[-1]
        if silent_ns > _SILENT_INTERVALS * span_ns / intervals:
            # As if one frame came now: the longer the silence, the lower the rate.
            return NS_PER_S / silent_ns
        return intervals * NS_PER_S / span_ns


class ArrivalTimes:
    """Remembers when images arrived, for streams with recorded stamps.

    Parameters
    ----------
    size : images remembered.
    """

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._arrived_ns: dict[int, int] = {}

    def note(self, stamp_ns: int, now_ns: int) -> None:
        """Note that the image with this stamp arrived."""
        self._arrived_ns[stamp_ns] = now_ns
        while len(self._arrived_ns) > self._size:
            del self._arrived_ns[next(iter(self._arrived_ns))]

    def taken_ns(self, stamp_ns: int, now_ns: int) -> int:
        """Return the stamp if it is live, else the image's arrival time (`now_ns` if unseen)."""
        if is_live(stamp_ns, now_ns):
            return stamp_ns
        return self._arrived_ns.get(stamp_ns, now_ns)
