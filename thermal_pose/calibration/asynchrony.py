# SPDX-License-Identifier: Apache-2.0
"""Find pairs with matching stamps in which one of the two images is older than the other.

The paper discarded such pairs (about 1 %) manually. Here the time of each image is estimated from
its own stream: the image is compared with linear interpolations between its neighbours, in the
pixels that change. An image taken in time lies half-way between its neighbours. An older image lies
further back, where the residual is hardly above the noise. A shift in only one stream is
asynchrony; a shift in both is a person who returns to an earlier posture (rocking, turning back).

This needs no registration, calibration or pose. If no one moves, an older image looks the same, and
the pair is reported as undecidable, never as synchronous.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import cv2
import numpy as np

from thermal_pose.types import FloatArray, Int64Array, UInt8Array, UInt16Array

#: Size of reduced colour images; limbs remain visible, and noise averages out.
RGB_WH = (256, 144)
#: Number of neighbours considered before and after an image.
_BEFORE, _AFTER = 6, 3
#: Approximate greatest age of an older image, in frame periods.
_MAX_AGE_PERIODS = 5
#: Beyond half a period (62 ms at 8 Hz) an image belongs to another moment.
_IN_TIME_PERIODS = 0.5
#: Share of pixels that are compared: those that change most among the neighbours of an image.
_PIXEL_SHARE = 0.06
#: The estimated noise floor is raised by this factor; residuals below it are not compared.
_FLOOR_MARGIN = 1.3
#: Mean square difference of the quieter half of standard normal pixels.
_QUIET_HALF = 0.1426


class Synchrony(StrEnum):
    """Verdict on a pair."""

    SYNCHRONOUS = "synchronous"
    ASYNCHRONOUS = "asynchronous"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True)
class PairVerdict:
    """One pair.

    Attributes
    ----------
    outcome : see `Synchrony`.
    older : the older image, 'thermal' or 'rgb'; '' unless asynchronous.
    age_periods : age of that image, in frame periods; 0 unless asynchronous.
    score : difference of the two streams' log likelihood ratios.
    """

    outcome: Synchrony
    older: str = ""
    age_periods: float = 0.0
    score: float = 0.0


@dataclass(frozen=True)
class AsynchronyThresholds:
    """Thresholds of the verdicts, tuned on simulated trials of development seeds.

    Attributes
    ----------
    score : least difference between the streams, natural logarithm.
    own : least log ratio of the older stream itself.
    other_share : greatest log ratio of the other stream, as a share of that of the older one.
    motion : least change over the neighbours of an image for a verdict, in multiples of the noise
        floor.
    in_time : greatest log ratio of both streams for a synchronous pair.
    """

    score: float = 1.2
    own: float = 0.2
    other_share: float = 0.35
    motion: float = 3.0
    in_time: float = -0.15


@dataclass(frozen=True)
class _Place:
    """Time of an image: log ratio 'older' to 'in time', its age, and the motion."""

    log_ratio: float
    age_periods: float
    motion: float


class _Stream:
    """The images of one stream as rows, without images known to be older."""

    def __init__(self, rows: FloatArray) -> None:
        self._rows = rows
        self._floor = _noise_floor(rows)
        self.older: set[int] = set()
        self._places: dict[int, _Place | None] = {}

    def place(self, index: int) -> _Place | None:
        """None at the ends of the stream, which lack neighbours."""
        if index not in self._places:
            self._places[index] = self._compute(index)
        return self._places[index]

    def leave_out(self, index: int) -> None:
        """Mark an image as older, and place its neighbours again without it."""
        self.older.add(index)
        for near in range(index - _AFTER, index + _BEFORE + 1):
            if near != index:
                self._places.pop(near, None)

    def _compute(self, index: int) -> _Place | None:
        first, last = max(0, index - _BEFORE), min(len(self._rows), index + _AFTER + 1)
        near = [j for j in range(first, last) if j != index and j not in self.older]
        before, after = [j for j in near if j < index], [j for j in near if j > index]
        if len(before) < 2 or not after:
            return None
        pixels = _changing_pixels(self._rows[near])
        images = {j: self._rows[j, pixels] for j in (*near, index)}
        left, right = before[-1], after[0]
        split = max(left, index - _IN_TIME_PERIODS)
        in_time, _ = self._residual(
            images, index, (left, right), (split, min(right, index + _IN_TIME_PERIODS))
        )
        older = [
            self._residual(images, index, (a, b), (a, b))
            for a, b in pairwise(before)
            if index - a <= _MAX_AGE_PERIODS
        ]
        older.append(self._residual(images, index, (left, right), (left, split)))
        best, at = min(older)
        change = float(np.mean((images[right] - images[left]) ** 2))
        return _Place(float(np.log(in_time / best)), index - at, change / self._floor)

    def _residual(
        self,
        images: dict[int, FloatArray],
        index: int,
        ends: tuple[int, int],
        between: tuple[float, float],
    ) -> tuple[float, float]:
        """Least mean square difference to interpolations between two images, and their time.

        Only times within `between` count; differences below the noise floor are raised to it.
        """
        start, stop = ends
        along = images[stop] - images[start]
        offset = images[index] - images[start]
        span = stop - start
        low, high = ((time - start) / span for time in between)
        share = float(np.clip((along @ offset) / (along @ along + 1e-9), low, high))
        rest = offset - share * along
        return max(float(np.mean(rest**2)), self._floor), start + share * span


def _noise_floor(rows: FloatArray) -> float:
    """Mean square difference of two images of a static scene."""
    squares = np.stack([(b - a) ** 2 for a, b in pairwise(rows)])
    half = squares.shape[1] // 2
    quiet = np.partition(squares, half, axis=1)[:, :half].mean(axis=1) / _QUIET_HALF
    return max(float(np.percentile(quiet, 20)) * _FLOOR_MARGIN, 1e-9)


def _changing_pixels(rows: FloatArray) -> Int64Array:
    """Indices of the pixels that change most from image to image.

    The variance is no criterion: it is largest for an edge that passes in the middle of the images,
    whereas an edge that passes last distinguishes an image from its predecessor.
    """
    change = (np.diff(rows, axis=0) ** 2).sum(axis=0)
    count = max(8, int(_PIXEL_SHARE * change.size))
    return np.argpartition(change, -count)[-count:]


def thermal_rows(frames: Sequence[UInt16Array]) -> FloatArray:
    """Images as rows (N, pixels), K, without the drift and the column stripes of the sensor."""
    images = np.stack(frames).astype(np.float32) / 100.0
    images -= np.median(images, axis=(1, 2), keepdims=True)
    images -= np.median(images, axis=1, keepdims=True)
    return images.reshape(len(images), -1)


def rgb_row(bgr: UInt8Array) -> FloatArray:
    """A colour image (H, W, 3) as a reduced grey row (1, pixels)."""
    small = cv2.resize(bgr, RGB_WH, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32).mean(axis=-1).reshape(1, -1)


def judge_pairs(
    thermal: FloatArray,
    rgb: FloatArray,
    thresholds: AsynchronyThresholds | None = None,
) -> list[PairVerdict]:
    """Judge all pairs of one recording.

    Parameters
    ----------
    thermal, rgb : (N, pixels) rows of `thermal_rows` and `rgb_row`; row i of each form pair i,
        and the pairs follow each other at a constant rate.
    thresholds : thresholds of the verdicts.

    Raises
    ------
    ValueError
        The streams differ in length.
    """
    if len(thermal) != len(rgb):
        raise ValueError(f"expected streams of one length, got {len(thermal)} and {len(rgb)}")
    limits = thresholds or AsynchronyThresholds()
    if len(thermal) < _BEFORE:
        return [PairVerdict(Synchrony.UNDECIDABLE)] * len(thermal)
    streams = (_Stream(thermal), _Stream(rgb))
    # The clearest first: while it is among the neighbours of others it spoils their places.
    while (worst := _clearest(streams, len(thermal), limits)) is not None:
        index, older = worst
        streams[older].leave_out(index)
    return [_verdict(streams, index, limits) for index in range(len(thermal))]


def _clearest(
    streams: tuple[_Stream, _Stream], count: int, limits: AsynchronyThresholds
) -> tuple[int, int] | None:
    best, found = 0.0, None
    for index in range(count):
        if any(index in stream.older for stream in streams):
            continue
        older = _older_stream(streams, index, limits)
        if older is not None and older[1] > best:
            best, found = older[1], (index, older[0])
    return found


def _older_stream(
    streams: tuple[_Stream, _Stream], index: int, limits: AsynchronyThresholds
) -> tuple[int, float] | None:
    """(stream, score) if one of the two is clearly older."""
    places = streams[0].place(index), streams[1].place(index)
    if places[0] is None or places[1] is None:
        return None
    ratios = [place.log_ratio for place in places if place is not None]
    older = int(np.argmax(ratios))
    score = ratios[older] - ratios[1 - older]
    moved = min(places[0].motion, places[1].motion) >= limits.motion
    # If the other stream looks older too, the person has returned to an earlier place.
    other_limit = max(limits.own, limits.other_share * ratios[older])
    alone = ratios[older] > limits.own and ratios[1 - older] < other_limit
    clear = score > limits.score and alone
    return (older, score) if clear and moved else None


def _verdict(
    streams: tuple[_Stream, _Stream], index: int, limits: AsynchronyThresholds
) -> PairVerdict:
    thermal, rgb = (stream.place(index) for stream in streams)
    if thermal is None or rgb is None or min(thermal.motion, rgb.motion) < limits.motion:
        return PairVerdict(Synchrony.UNDECIDABLE)
    older = _older_stream(streams, index, limits)
    if older is None:
        in_time = max(thermal.log_ratio, rgb.log_ratio) < limits.in_time
        outcome = Synchrony.SYNCHRONOUS if in_time else Synchrony.UNDECIDABLE
        return PairVerdict(outcome, score=abs(thermal.log_ratio - rgb.log_ratio))
    name, place = (("thermal", thermal), ("rgb", rgb))[older[0]]
    return PairVerdict(Synchrony.ASYNCHRONOUS, name, place.age_periods, older[1])
