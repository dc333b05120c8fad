# SPDX-License-Identifier: Apache-2.0
"""Rate, age and loss of a stream of frames, over a sliding window."""

from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from thermal_pose.types import NS_PER_S


@dataclass(frozen=True)
class StreamSummary:
    """A stream's condition. Rates and ages are None before two and one frames were seen."""

    frames: int
    rate_hz: float | None
    age_p99_s: float | None
    last_age_s: float | None
    counts: dict[str, int]


class StreamStatistics:
    """Counts frames and faults of one node and keeps the ages of the last `window` frames."""

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
        self._arrivals_ns.append(now_ns)
        self._ages_s.append((now_ns - stamp_ns) / NS_PER_S)

    def count(self, event: str, times: int = 1) -> None:
        """Count a drop, a malformed image or another named event."""
        self._counts[event] += times

    def last_arrival_ns(self) -> int | None:
        """When the newest frame was handled; None before the first."""
        return self._arrivals_ns[-1] if self._arrivals_ns else None

    def summary(self) -> StreamSummary:
        """Return the condition of the stream over the window."""
        ages = np.fromiter(self._ages_s, dtype=np.float64)
        return StreamSummary(
            frames=self._frames,
            rate_hz=self._rate_hz(),
            age_p99_s=float(np.percentile(ages, 99)) if ages.size else None,
            last_age_s=float(ages[-1]) if ages.size else None,
            counts=dict(self._counts),
        )

    def _rate_hz(self) -> float | None:
        if len(self._arrivals_ns) < 2:
            return None
        span_ns = self._arrivals_ns[-1] - self._arrivals_ns[0]
        return (len(self._arrivals_ns) - 1) * NS_PER_S / span_ns if span_ns > 0 else None


class ArrivalTimes:
    """When images of a stream came by, for streams whose stamps are of another day.

    Parameters
    ----------
    size : images remembered.
    """

    #: A stamp further from the clock than this is a recording's.
    LIVE_S = 60.0

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._arrived_ns: dict[int, int] = {}

    def note(self, stamp_ns: int, now_ns: int) -> None:
        """An image of this stamp came by."""
        self._arrived_ns[stamp_ns] = now_ns
        while len(self._arrived_ns) > self._size:
            del self._arrived_ns[next(iter(self._arrived_ns))]

    def taken_ns(self, stamp_ns: int, now_ns: int) -> int:
        """When the image was taken: its stamp if live, else when it came by (`now` if unseen)."""
        if abs(now_ns - stamp_ns) <= self.LIVE_S * NS_PER_S:
            return stamp_ns
        return self._arrived_ns.get(stamp_ns, now_ns)
