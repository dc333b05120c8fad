# SPDX-License-Identifier: Apache-2.0
"""When a rise from a chair begins and ends, stated once, on exact kinematics.

The simulated clinic computes its truth here from 3-D joints, and motion capture can do the same.
The events are those of the Timed Up and Go (`clinical/tug/definitions.py`), for any number of
rises on the spot.
"""

from dataclasses import dataclass

import numpy as np

from thermal_pose.clinical.tug.definitions import (
    STANDING_SHARE,
    Curve,
    TugKinematics,
    crossings,
    onset_s,
)

#: Share of the way from the seat to standing that a rise must reach to be a complete stand.
FULL_SHARE = 0.85
#: An excursion that reaches less than this share is fidgeting, not an attempt to stand.
ATTEMPT_SHARE = 0.3
#: Share of the way at which someone is half-way up (rule of the 30-second chair stand).
HALF_SHARE = 0.5


@dataclass(frozen=True)
class ChairRise:
    """One rise and the descent after it; times in seconds since the trial's first frame.

    Attributes
    ----------
    rise_start_s : first movement of the trunk.
    half_up_s : half-way between seat and standing; for a lower rise, half-way to its peak.
    stand_s : standing begins (95 % of standing pelvis height); the peak of an incomplete rise.
    sit_start_s : sitting down begins; None if the recording ends first.
    seat_contact_s : the pelvis meets the seat again; None if the recording ends first.
    height_share : highest point, 0 at the seat, 1 at full standing height.
    """

    rise_start_s: float
    half_up_s: float
    stand_s: float
    sit_start_s: float | None
    seat_contact_s: float | None
    height_share: float

    def __post_init__(self) -> None:
        known = [
            value
            for value in (
                self.rise_start_s,
                self.half_up_s,
                self.stand_s,
                self.sit_start_s,
                self.seat_contact_s,
            )
            if value is not None
        ]
        if not np.all(np.isfinite(known)) or np.any(np.diff(known) < 0):
            raise ValueError(f"expected finite times in rising order, got {known} s")

    @property
    def complete(self) -> bool:
        """Whether the person stood up fully."""
        return self.height_share >= FULL_SHARE

    @property
    def rise_s(self) -> float:
        """Duration of standing up, s."""
        return self.stand_s - self.rise_start_s

    @property
    def descent_s(self) -> float | None:
        """Duration of sitting down, s; None if the recording ends first."""
        if self.sit_start_s is None or self.seat_contact_s is None:
            return None
        return self.seat_contact_s - self.sit_start_s

    def shifted(self, by_s: float) -> "ChairRise":
        """Return the same rise, later by some seconds."""
        return ChairRise(
            self.rise_start_s + by_s,
            self.half_up_s + by_s,
            self.stand_s + by_s,
            None if self.sit_start_s is None else self.sit_start_s + by_s,
            None if self.seat_contact_s is None else self.seat_contact_s + by_s,
            self.height_share,
        )


def rises_of(
    kinematics: TugKinematics, seat_height_m: float, standing_height_m: float
) -> tuple[ChairRise, ...]:
    """Return every rise of a motion, in order of time.

    Parameters
    ----------
    kinematics : curves at 100 Hz or more.
    seat_height_m, standing_height_m : height of the pelvis at seated rest and standing upright.

    Raises
    ------
    ValueError
        If the standing height is not above the seated one.
    """
    if not standing_height_m > seat_height_m:
        raise ValueError(
            f"standing_height_m: expected more than {seat_height_m} m, got {standing_height_m} m"
        )
    share = (kinematics.pelvis_height_m - seat_height_m) / (standing_height_m - seat_height_m)
    standing = (STANDING_SHARE * standing_height_m - seat_height_m) / (
        standing_height_m - seat_height_m
    )
    contact = kinematics.seat_contact.astype(np.int8)
    off = np.flatnonzero(np.diff(contact) == -1)
    on = np.flatnonzero(np.diff(contact) == 1)
    rises: list[ChairRise] = []
    free_from_s = float(kinematics.times_s[0])
    for first in off:
        after = on[on > first]
        last = int(after[0]) if after.size else len(contact) - 1
        rise = _rise(kinematics, share, standing, slice(int(first), last + 1), free_from_s)
        if rise is None:
            continue
        if not after.size:
            rise = ChairRise(
                rise.rise_start_s, rise.half_up_s, rise.stand_s, None, None, rise.height_share
            )
        rises.append(rise)
        free_from_s = float(kinematics.times_s[last])
    return tuple(rises)


def _rise(
    kinematics: TugKinematics, share: Curve, standing: float, off: slice, free_from_s: float
) -> ChairRise | None:
    """One excursion off the seat; None if it is too low to be an attempt."""
    times_s, height = kinematics.times_s[off], share[off]
    top = float(height.max())
    if top < ATTEMPT_SHARE or len(times_s) < 3:
        return None
    level = standing if top >= FULL_SHARE else 0.999 * top
    ups = crossings(times_s, height, level, rising=True)
    downs = crossings(times_s, height, level, rising=False)
    half = crossings(times_s, height, min(HALF_SHARE, 0.5 * top / FULL_SHARE), rising=True)
    stand_s = float(ups[0]) if ups.size else float(times_s[int(np.argmax(height))])
    return ChairRise(
        rise_start_s=_onset_s(kinematics, float(times_s[0]), free_from_s),
        half_up_s=min(float(half[0]) if half.size else stand_s, stand_s),
        stand_s=stand_s,
        sit_start_s=max(float(downs[-1]) if downs.size else stand_s, stand_s),
        seat_contact_s=float(times_s[-1]),
        height_share=top,
    )


def _onset_s(kinematics: TugKinematics, seat_off_s: float, free_from_s: float) -> float:
    """Start of the lean that ends in the rise, not before the last descent has ended."""
    start_s = onset_s(kinematics.times_s, kinematics.trunk_pitch_rad, seat_off_s)
    return max(free_from_s, 0.0 if start_s is None else start_s)
