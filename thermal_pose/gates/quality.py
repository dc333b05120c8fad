# SPDX-License-Identifier: Apache-2.0
"""The gate for images: is this a new picture of a room, in centikelvin?

A real sensor never repeats an image bit for bit, since its noise does not. A repeated image is an
old picture under a new stamp: it counts as a missing frame. Values that are temperatures of no
room are named by their likely cause: another unit, the other byte order, telemetry in the first or
last rows, or automatic gain.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.gates.reasons import GOOD, Finding
from thermal_pose.types import BoolArray, Float64Array, ThermalFrame, TrialReason, UInt16Array

_ZERO_DEGC_CK: Final = 27315
#: Pixels looked at for the statistics of an image; larger images are sampled.
_SAMPLE_PX: Final = 6000
#: Telemetry takes at most this many rows at the top or the bottom of an image.
_MAX_TELEMETRY_ROWS: Final = 4
#: In an image with noise, fewer than this share of neighbouring pixels are equal.
_NOISY_SHARE: Final = 0.3
#: Images of another size or frame are another camera's, until this many have come in a row.
_ADOPT_AFTER: Final = 8
#: Units that cameras publish instead of 0.01 K: name, kelvin per count, offset in K.
_UNITS: Final = (
    ("0.1 K per count", 0.1, 0.0),
    ("1/64 K per count", 1.0 / 64.0, 0.0),
    ("0.04 K per count", 0.04, 0.0),
    ("hundredths of a degree Celsius", 0.01, 273.15),
    ("tenths of a degree Celsius", 0.1, 273.15),
    ("tenths of a degree Celsius above -100 degC", 0.1, 173.15),
    ("0.02 K per count", 0.02, 0.0),
)


@dataclass(frozen=True)
class InputLimits:
    """Bounds of what a thermal image of a room shows.

    Attributes
    ----------
    plausible_degc : temperatures outside are not a measurement.
    implausible_share : share of a row's pixels outside that makes the row corrupt.
    room_degc : range of an image's median; no room or yard is colder or hotter.
    unit_room_degc : narrower range that a median must fall in for a unit to be named.
    max_spread_k : an image spans less than this between its 5th and 95th percentile.
    max_range_k : an image that does not show a room and spans more than this is stretched to
        16 bits.
    band_step_k : a step between two rows in three quarters of all columns at once, K, that no
        scene at this resolution shows and a shifted or lost transfer does.
    """

    plausible_degc: tuple[float, float] = (-40.0, 300.0)
    implausible_share: float = 0.1
    room_degc: tuple[float, float] = (-30.0, 60.0)
    unit_room_degc: tuple[float, float] = (5.0, 45.0)
    max_spread_k: float = 120.0
    max_range_k: float = 400.0
    band_step_k: float = 8.0


class InputGate:
    """Judges the images of one stream in their order of arrival.

    Parameters
    ----------
    limits : see `InputLimits`.

    Attributes
    ----------
    resent : the image judged last was the one before it, sent again.
    """

    def __init__(self, limits: InputLimits | None = None) -> None:
        self.limits = limits or InputLimits()
        self.restart()

    def restart(self) -> None:
        """Forget the past images: the next one begins a new stream."""
        self._last: ThermalFrame | None = None
        self._source: tuple[tuple[int, ...], str] | None = None
        self._strangers = 0
        self.resent = False

    def judge(self, frame: ThermalFrame) -> Finding:
        """Decide whether an image may be used.

        The same image under the same stamp is the same message again, and is accepted.
        """
        other = self._other_camera(frame)
        if not other.accepted:
            return other
        last, self._last = self._last, frame
        self.resent = last is not None and same_image(frame, last)
        found = judge_temperatures(frame.centikelvin, self.limits)
        if not found.accepted or last is None or self.resent:
            return found
        if np.array_equal(frame.centikelvin, last.centikelvin):
            return Finding(TrialReason.FROZEN, "The image repeats the one before it bit for bit.")
        return GOOD

    def _other_camera(self, frame: ThermalFrame) -> Finding:
        source = (frame.centikelvin.shape, frame.frame_id)
        if self._source is None or source == self._source or self._strangers >= _ADOPT_AFTER:
            self._source, self._strangers = source, 0
            return GOOD
        self._strangers += 1
        old, new = (_describe(shape, name) for shape, name in (self._source, source))
        return Finding(TrialReason.OTHER_CAMERA, f"An image of {new} came between those of {old}.")


def same_image(one: ThermalFrame, other: ThermalFrame) -> bool:
    """Whether two frames are one, sent twice; a stamp alone may be a careless camera's."""
    return one.stamp_ns == other.stamp_ns and np.array_equal(one.centikelvin, other.centikelvin)


def _describe(shape: tuple[int, ...], frame_id: str) -> str:
    return f"{shape[1]} x {shape[0]} px in frame '{frame_id}'"


def judge_temperatures(centikelvin: UInt16Array, limits: InputLimits) -> Finding:
    """Decide whether an image holds room temperatures in 0.01 K; if not, name what it holds.

    Parameters
    ----------
    centikelvin : (H, W) uint16.
    """
    if not _shows_room(centikelvin, limits):
        return _name_misfit(_sample(centikelvin), limits)
    bad = corrupt_rows(centikelvin, limits)
    return _name_bad_rows(centikelvin, bad, limits) if bad.any() else GOOD


def _sample(centikelvin: UInt16Array) -> UInt16Array:
    """Return the image, or every n-th pixel of every n-th row if it is large."""
    step = int(np.sqrt(centikelvin.size / _SAMPLE_PX)) or 1
    return centikelvin[::step, ::step]


def _degc(counts: npt.ArrayLike) -> Float64Array:
    return (np.asarray(counts, dtype=np.float64) - _ZERO_DEGC_CK) / 100.0


def _quantiles(sample: UInt16Array, *shares: float) -> Float64Array:
    """Return quantiles without interpolation, by one partition, which is faster than a sort."""
    # numpy partitions 32-bit numbers three times as fast as 16-bit ones.
    flat = sample.ravel().astype(np.int32)
    ranks = [min(int(share * flat.size), flat.size - 1) for share in shares]
    return np.partition(flat, ranks)[ranks].astype(np.float64)


def _shows_room(centikelvin: UInt16Array, limits: InputLimits) -> bool:
    """Whether an image's quantiles are those of a room; nearly always its extremes tell."""
    low, high = _degc((centikelvin.min(), centikelvin.max()))
    within = limits.room_degc[0] <= low and high <= limits.room_degc[1]
    if within and high - low <= limits.max_spread_k:
        return True
    return _is_room(_sample(centikelvin), limits)


def _is_room(sample: UInt16Array, limits: InputLimits) -> bool:
    low, middle, high = _degc(_quantiles(sample, 0.05, 0.5, 0.95))
    return bool(
        limits.room_degc[0] <= middle <= limits.room_degc[1] and high - low <= limits.max_spread_k
    )


def _name_misfit(sample: UInt16Array, limits: InputLimits) -> Finding:
    """Name why values are not temperatures of a room: byte order, gain, unit, or none of these."""
    swapped = sample.byteswap()
    if _is_room(swapped, limits) and _roughness(swapped) < _roughness(sample):
        return Finding(TrialReason.BYTE_ORDER, "The bytes of each pixel come in the other order.")
    low, middle, high = _degc(_quantiles(sample, 0.0, 0.5, 1.0))
    if high - low > limits.max_range_k:
        return Finding(
            TrialReason.STRETCHED,
            f"As 0.01 K per count, the image spans {high - low:.0f} K: it is stretched to 16 bits.",
        )
    units = list(_fitting_units(sample, limits))
    if units:
        return Finding(
            TrialReason.WRONG_UNIT,
            f"As 0.01 K per count, the room would be at {middle:.0f} degC; the values fit "
            f"{' or '.join(units)}.",
        )
    if middle < limits.plausible_degc[0]:
        return Finding(
            TrialReason.WRONG_UNIT,
            f"As 0.01 K per count, the room would be at {middle:.0f} degC; the values are "
            "probably raw counts of the sensor.",
        )
    return Finding(
        TrialReason.IMPLAUSIBLE_TEMPERATURE,
        f"The image's median is {middle:.0f} degC: no room is at that temperature.",
    )


def _fitting_units(sample: UInt16Array, limits: InputLimits) -> Iterator[str]:
    """Yield the units in which the image would show a room, with a contrast that a room has."""
    low, middle, high = _quantiles(sample, 0.01, 0.5, 0.99)
    for name, scale_k, offset_k in _UNITS:
        degc = middle * scale_k + offset_k - 273.15
        spread_k = (high - low) * scale_k
        if limits.unit_room_degc[0] <= degc <= limits.unit_room_degc[1] and 1.5 <= spread_k <= 60.0:
            yield name


def _roughness(sample: UInt16Array) -> float:
    """Mean absolute step between neighbours in a row, counts."""
    if sample.shape[1] < 2:
        return 0.0
    return float(np.abs(np.diff(sample.astype(np.int32), axis=1)).mean())


def _name_bad_rows(centikelvin: UInt16Array, bad: BoolArray, limits: InputLimits) -> Finding:
    """Tell telemetry, which fills whole rows at an edge, from a damaged transfer."""
    height = len(centikelvin)
    for rows in range(1, min(_MAX_TELEMETRY_ROWS, height // 4) + 1):
        for where, kept in (("first", centikelvin[rows:]), ("last", centikelvin[:-rows])):
            if not corrupt_rows(kept, limits).any():
                return Finding(
                    TrialReason.TELEMETRY_ROWS,
                    f"The {where} {rows} of {height} rows hold no temperatures: telemetry, or "
                    "rows that the sensor does not have.",
                )
    return Finding(TrialReason.CORRUPT_ROWS, f"{int(bad.sum())} of {height} rows are damaged.")


def corrupt_rows(centikelvin: UInt16Array, limits: InputLimits) -> BoolArray:
    """Return which rows hold no measurement.

    Parameters
    ----------
    centikelvin : (H, W) uint16.

    Returns
    -------
    (H,) bool: rows with implausible values, bands without any variation in an image that has
    noise, and rows past a torn edge.
    """
    low, high = (round((degc + 273.15) * 100) for degc in limits.plausible_degc)
    lowest, highest = centikelvin.min(axis=1), centikelvin.max(axis=1)
    bad = _torn_rows(centikelvin, limits)
    if lowest.min() < low or highest.max() > high:
        outside = (centikelvin < low) | (centikelvin > high)
        bad |= outside.mean(axis=1) > limits.implausible_share
    constant = lowest == highest
    # One constant row can be a plain wall at a coarse resolution; two in a row are a lost band,
    # unless the image has no noise at all, as a simulator's may.
    if constant.any() and _has_noise(centikelvin[~constant]):
        bad |= constant & (np.roll(constant, 1) | np.roll(constant, -1))
    return bad


def _has_noise(rows: UInt16Array) -> bool:
    """Whether neighbouring pixels differ; an image of constant rows only is not one."""
    if rows.size == 0 or rows.shape[1] < 2:
        return True
    return bool((rows[:, 1:] == rows[:, :-1]).mean() < _NOISY_SHARE)


def _torn_rows(centikelvin: UInt16Array, limits: InputLimits) -> BoolArray:
    """Return rows whose step from the row above is large in three quarters of the columns."""
    torn = np.zeros(len(centikelvin), dtype=bool)
    if len(centikelvin) > 1:
        above, below = centikelvin[:-1], centikelvin[1:]
        steps = np.maximum(above, below) - np.minimum(above, below)  # never wraps, unlike a - b
        large = steps > math.floor(limits.band_step_k * 100)
        torn[1:] = large.sum(axis=1) > 0.75 * large.shape[1]
    return torn
