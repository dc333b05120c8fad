# SPDX-License-Identifier: Apache-2.0
"""Finds each rise and each descent in the curve of hip height.

The curve's turning points separate rises from descents. Within each, the times at which a quarter
and three quarters of the way are passed place the events that cannot be seen in so small a
picture: first movement, standing, start of sitting down, seat contact. How far these lie from the
crossings was fitted on development seeds (`events.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from thermal_pose.clinical.chair_rises.curves import RiseCurves
from thermal_pose.clinical.chair_rises.definitions import ATTEMPT_SHARE, HALF_SHARE, ChairRise
from thermal_pose.clinical.chair_rises.events import event_offsets
from thermal_pose.types import Float64Array

#: A turning point counts if the curve goes back by this share of the range after it.
REVERSAL_SHARE: Final = 0.22
#: Who does not come below this share between two peaks did not sit down.
SEATED_SHARE: Final = 0.4
#: Who has risen by half has moved for less than this, s.
REST_BEFORE_S: Final = 1.5
#: A range of heights smaller than this share of the standing height is a person at rest.
MIN_RANGE_SHARE: Final = 0.2


#: Time from rise to rise that is assumed where there is one rise only, and its limits, s.
PERIOD_S: Final = (1.5, 4.0, 8.0)


@dataclass(frozen=True)
class Cycle:
    """One rise and the descent after it, as seen in the curve of height.

    Attributes
    ----------
    low_s, peak_s, end_s : turning points; `end_s` None if the recording ends first.
    up_s : times at which 25, 50 and 75 % of the way up are passed.
    down_s : times at which 75, 50 and 25 % of the way down are passed; () if unfinished.
    share : height of the peak between the seated rest (0) and the trial's standing height (1).
    """

    low_s: float
    peak_s: float
    end_s: float | None
    up_s: tuple[float, float, float]
    down_s: tuple[float, ...]
    share: float


def height_shares(curves: RiseCurves) -> Float64Array:
    """(N,) height of the hips between the seat (0) and standing (1); NaN where not seen."""
    known = curves.height_px[np.isfinite(curves.height_px)]
    if known.size < 5:
        return np.full(len(curves.times_s), np.nan)
    low, high = _levels(known)
    return np.asarray((curves.height_px - low) / max(high - low, 1e-6))


def find_cycles(curves: RiseCurves) -> tuple[Cycle, ...]:
    """Return all rises in the curve, in order of time."""
    known = np.flatnonzero(np.isfinite(curves.height_px))
    if known.size < 5:
        return ()
    times_s, height = curves.times_s[known], curves.height_px[known]
    low, high = _levels(height)
    if high - low < MIN_RANGE_SHARE * max(high, 1.0):
        return ()
    share = (height - low) / (high - low)
    found = []
    turns = _seated_turns(_turning_points(share, REVERSAL_SHARE), share)
    seated = _seated_share(times_s, share)
    least = seated + ATTEMPT_SHARE * (1.0 - seated)
    for index, (row, is_peak) in enumerate(turns):
        if not is_peak or share[row] < least:
            continue
        before = turns[index - 1][0] if index else None
        after = turns[index + 1][0] if index + 1 < len(turns) else None
        if before is None or share[before] > SEATED_SHARE:
            continue
        cycle = _cycle(times_s, share, (before, row, after))
        found.append(replace(cycle, share=(cycle.share - seated) / (1.0 - seated)))
    return tuple(found)


def _seated_share(times_s: Float64Array, share: Float64Array) -> float:
    """Height of the hips at rest before the first rise, between the lowest (0) and standing (1).

    Who leans forward to rise brings the hips lower in the picture than who sits back: sitting back
    between two rises is not an attempt to rise.
    """
    rising = np.flatnonzero(share > HALF_SHARE)
    if not rising.size:
        return 0.0
    before = share[times_s < times_s[rising[0]] - REST_BEFORE_S]
    return float(np.clip(np.median(before), 0.0, HALF_SHARE)) if before.size >= 4 else 0.0


def _levels(height: Float64Array) -> tuple[float, float]:
    """Height at the seat and standing, px: of the lowest and the highest turning points."""
    low, high = (float(value) for value in np.percentile(height, [4, 97]))
    rough = (height - low) / max(high - low, 1e-6)
    turns = _turning_points(rough, REVERSAL_SHARE)
    lows = [height[row] for row, is_peak in turns if not is_peak and rough[row] < SEATED_SHARE]
    peaks = [height[row] for row, is_peak in turns if is_peak and rough[row] > HALF_SHARE]
    seat = float(np.median(lows)) if lows else low
    standing = float(np.percentile(peaks, 95)) if peaks else high
    return min(seat, standing - 1e-6), standing


def _turning_points(curve: Float64Array, reversal: float) -> list[tuple[int, bool]]:
    """Alternating low and high points, (row, is a peak), that the curve leaves by `reversal`."""
    turns: list[tuple[int, bool]] = []
    low = high = 0
    rising: bool | None = None
    for row, value in enumerate(curve):
        low = row if value < curve[low] else low
        high = row if value > curve[high] else high
        if rising is not False and value < curve[high] - reversal:
            if rising is None:
                low = row
            turns.append((high, True))
            rising, low = False, row
        elif rising is not True and value > curve[low] + reversal:
            turns.append((low, False))
            rising, high = True, row
    if rising is not None:
        turns.append((high, True) if rising else (low, False))
    return turns


def _seated_turns(turns: list[tuple[int, bool]], share: Float64Array) -> list[tuple[int, bool]]:
    """The turning points without dips between two peaks that do not come down to the seat."""
    kept: list[tuple[int, bool]] = []
    for row, is_peak in turns:
        if is_peak and kept and kept[-1][1]:
            # The dip between the two was left out: the higher peak stands for both.
            kept[-1] = max(kept[-1], (row, True), key=lambda turn: share[turn[0]])
        elif is_peak or share[row] <= SEATED_SHARE or not kept:
            kept.append((row, is_peak))
    return kept


def _cycle(times_s: Float64Array, share: Float64Array, rows: tuple[int, int, int | None]) -> Cycle:
    before, peak, after = rows
    up = _passes(times_s, share, before, peak, (0.25, 0.5, 0.75))
    down: tuple[float, ...] = ()
    end_s = None
    if after is not None and share[after] <= SEATED_SHARE:
        down = _passes(times_s, share, peak, after, (0.75, 0.5, 0.25))
        end_s = float(times_s[after])
    return Cycle(
        float(times_s[before]),
        float(times_s[peak]),
        end_s,
        (up[0], up[1], up[2]),
        down,
        float(share[peak]),
    )


def _passes(
    times_s: Float64Array, share: Float64Array, first: int, last: int, parts: Sequence[float]
) -> tuple[float, ...]:
    """When the curve passes parts of the way between its two ends, the higher end being 1.

    Of several passes, the one nearest to the peak's side of the steep part counts.
    """
    seat, top = min(share[first], share[last]), max(share[first], share[last])
    rising = share[last] >= share[first]
    stretch = share[first : last + 1] if rising else share[first : last + 1][::-1]
    clock = times_s[first : last + 1] if rising else times_s[first : last + 1][::-1]
    passes = []
    for part in parts:
        level = seat + part * (top - seat)
        below = np.flatnonzero(stretch <= level)
        row = int(below[-1]) if below.size else 0
        row = min(row, len(stretch) - 2)
        step = stretch[row + 1] - stretch[row]
        within = (level - stretch[row]) / step if step > 0 else 0.0
        passes.append(float(clock[row] + np.clip(within, 0, 1) * (clock[row + 1] - clock[row])))
    return tuple(sorted(passes))


def rises_of_cycles(
    cycles: Sequence[Cycle], first_lean_s: float | None = None
) -> tuple[ChairRise, ...]:
    """Place the events of all cycles, in order of time.

    Parameters
    ----------
    first_lean_s : of the first rise (`lean.lean_s`), which starts from rest; None: not seen.
    """
    rises: list[ChairRise] = []
    free_from_s, period_s = 0.0, period_of(cycles)
    for cycle in cycles:
        contact = "last_contact" if cycle is cycles[-1] else "seat_contact"
        rise = rise_of(cycle, free_from_s, period_s, None if rises else first_lean_s, contact)
        rises.append(rise)
        free_from_s = cycle.up_s[0] if rise.seat_contact_s is None else rise.seat_contact_s
    return tuple(rises)


def period_of(cycles: Sequence[Cycle]) -> float:
    """Return the median time from rise to rise, within limits, s."""
    least, usual, most = PERIOD_S
    if len(cycles) < 2:
        return usual
    steps_s = np.diff([cycle.up_s[1] for cycle in cycles])
    return float(np.clip(np.median(steps_s), least, most))


def rise_of(
    cycle: Cycle,
    free_from_s: float,
    period_s: float,
    lean_s: float | None = None,
    contact_event: str = "seat_contact",
) -> ChairRise:
    """Place the events of a cycle.

    Parameters
    ----------
    free_from_s : seat contact of the rise before; the first movement cannot come earlier.
    period_s : of all rises of the trial (`period_of`).
    lean_s : when the trunk leaned forward, for the first rise; None: from the hips alone.
    contact_event : `last_contact` for the last rise.
    """
    offsets = event_offsets()
    up_s = cycle.up_s[2] - cycle.up_s[0]
    if lean_s is None:
        start = offsets["rise_start"].at(cycle.up_s[0], up_s, period_s)
    else:
        start = offsets["first_start"].at(lean_s, up_s, period_s)
    half = offsets["half_up"].at(cycle.up_s[1], up_s, period_s)
    half = min(max(half, cycle.up_s[0]), cycle.up_s[2])
    stand = max(offsets["stand"].at(cycle.up_s[2], up_s, period_s), half)
    sit = contact = None
    if cycle.down_s:
        down_s = cycle.down_s[2] - cycle.down_s[0]
        sit = offsets["sit_start"].at(cycle.down_s[0], down_s, period_s)
        if sit < stand:
            stand = sit = (sit + stand) / 2
        contact = max(offsets[contact_event].at(cycle.down_s[2], down_s, period_s), sit)
    start = min(max(start, free_from_s), half)
    stand = max(stand, half)
    sit = None if sit is None else max(sit, stand)
    contact = None if contact is None or sit is None else max(contact, sit)
    return ChairRise(start, half, stand, sit, contact, cycle.share)
