# SPDX-License-Identifier: Apache-2.0
"""Is this frame what the sensor saw? Frozen frames, damaged images, shutter freezes, gaps.

A real sensor never repeats a frame bit for bit, since its noise does not. A repeated frame is an
old image under a new number, and publishing it would lie about time: it is dropped and counted.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from thermal_pose.gates.quality import InputLimits, judge_temperatures
from thermal_pose.gates.reasons import GOOD
from thermal_pose.types import NS_PER_S


class FrameVerdict(StrEnum):
    """The verdict on one frame; only `GOOD` frames are published."""

    GOOD = "good"
    REPEATED = "repeated"
    CORRUPT = "corrupt"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class HealthLimits:
    """Bounds of what a healthy stream does.

    Attributes
    ----------
    image : of the temperatures in one image.
    shutter_max_s : identical frames for longer than this mean a dead sensor, not a shutter.
    shutter_step_k : uniform step of the whole image that a recalibration leaves, K.
    """

    image: InputLimits = field(default_factory=InputLimits)
    shutter_max_s: float = 2.0
    shutter_step_k: float = 0.5


@dataclass
class HealthCounts:
    """Counts of the frames seen so far."""

    repeated: int = 0
    corrupt: int = 0
    duplicates: int = 0
    shutter_freezes: int = 0
    gaps: int = 0
    frames_lost: int = 0


class FrameJudge:
    """Judges the frames of one device in their order of arrival.

    Temperatures are judged as `gates.quality` judges those of any stream. A device adds a frame
    counter and a shutter.

    Attributes
    ----------
    refusal : why an image was refused last; GOOD if none was.
    """

    def __init__(self, limits: HealthLimits | None = None) -> None:
        self.limits = limits or HealthLimits()
        self.counts = HealthCounts()
        self.refusal = GOOD
        self._last: npt.NDArray[Any] | None = None
        self._last_sequence: int | None = None
        self._last_good_ns: int | None = None
        self._last_seen_ns: int | None = None
        self._repeats_since_ns: int | None = None

    @property
    def frozen(self) -> bool:
        """Whether frames have repeated for longer than any shutter takes."""
        if self._repeats_since_ns is None or self._last_seen_ns is None:
            return False
        frozen_ns = self._last_seen_ns - self._repeats_since_ns
        return frozen_ns > self.limits.shutter_max_s * NS_PER_S

    def restart(self) -> None:
        """Forget the past frames after a reconnection; counts stay."""
        self._last = None
        self._last_sequence = None
        self._last_good_ns = None
        self._repeats_since_ns = None

    def judge(
        self, image: npt.NDArray[Any], arrived_ns: int, sequence: int | None = None
    ) -> FrameVerdict:
        """Decide whether a frame may be published, and count its faults.

        Parameters
        ----------
        image : (H, W) uint16 or (H, W, 3) uint8.
        arrived_ns : on the host's monotonic clock.
        sequence : the device's frame counter.
        """
        self._last_seen_ns = arrived_ns
        if self._is_duplicate(sequence):
            self.counts.duplicates += 1
            return FrameVerdict.DUPLICATE
        if self._last is not None and np.array_equal(image, self._last):
            self.counts.repeated += 1
            if self._repeats_since_ns is None:
                self._repeats_since_ns = self._last_good_ns
            return FrameVerdict.REPEATED
        found = judge_temperatures(image, self.limits.image) if image.ndim == 2 else GOOD
        if not found.accepted:
            self.refusal = found
            self.counts.corrupt += 1
            return FrameVerdict.CORRUPT
        self._note_shutter(image)
        self._last, self._last_good_ns = image, arrived_ns
        return FrameVerdict.GOOD

    def _is_duplicate(self, sequence: int | None) -> bool:
        """Whether this counter, or a later one, was seen before; also counts lost frames."""
        last = self._last_sequence
        if sequence is None:
            return False
        if last is not None and sequence <= last:
            return True
        if last is not None and sequence > last + 1:
            self.counts.gaps += 1
            self.counts.frames_lost += sequence - last - 1
        self._last_sequence = sequence
        return False

    def _note_shutter(self, image: npt.NDArray[Any]) -> None:
        """A freeze that ended, or a uniform step, is a shutter recalibration."""
        froze = self._repeats_since_ns is not None and not self.frozen
        stepped = False
        if image.ndim == 2 and self._last is not None and image.shape == self._last.shape:
            change_k = (image.astype(np.int32) - self._last) / 100.0
            step_k = float(np.median(change_k))
            spread_k = float(np.median(np.abs(change_k - step_k)))
            stepped = abs(step_k) > self.limits.shutter_step_k and abs(step_k) > 4 * spread_k
        if froze or stepped:
            self.counts.shutter_freezes += 1
        self._repeats_since_ns = None


class GapCounter:
    """Counts gaps by stamps, for devices without a frame counter.

    Parameters
    ----------
    period_s : nominal time between frames, used until the stream has shown its own.
    """

    _LEARN_FROM = 8

    def __init__(self, period_s: float) -> None:
        if period_s <= 0:
            raise ValueError(f"period_s: expected > 0, got {period_s}")
        self._nominal_ns = period_s * NS_PER_S
        self._intervals_ns: deque[int] = deque(maxlen=32)
        self._last_ns: int | None = None
        self.gaps = 0
        self.frames_lost = 0

    def note(self, stamp_ns: int) -> None:
        """Take the next stamp; a step over 1.5 usual periods is a gap."""
        if self._last_ns is not None and stamp_ns > self._last_ns:
            interval_ns = stamp_ns - self._last_ns
            periods = interval_ns / self._period_ns()
            if periods > 1.5:
                self.gaps += 1
                self.frames_lost += round(periods) - 1
            self._intervals_ns.append(interval_ns)
        self._last_ns = stamp_ns

    def _period_ns(self) -> float:
        if len(self._intervals_ns) < self._LEARN_FROM:
            return self._nominal_ns
        return float(np.median(self._intervals_ns))
