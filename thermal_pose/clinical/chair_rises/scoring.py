# SPDX-License-Identifier: Apache-2.0
"""The published rules that turn rises into a test's figure."""

from collections.abc import Sequence
from typing import Final

from thermal_pose.clinical.chair_rises.definitions import HALF_SHARE, ChairRise

#: Rises of the five-times sit-to-stand.
N_RISES: Final = 5
#: Length of the 30-second chair stand.
CHAIR_STAND_S: Final = 30.0


def five_times_s(rises: Sequence[ChairRise], start_s: float) -> float | None:
    """Time from the start to seat contact after the fifth complete stand.

    Returns None if the person did not stand up fully five times and sit down again.

    Notes
    -----
    Bohannon 2006 and Whitney 2005 stop the watch at seat contact; the Short Physical Performance
    Battery stops it at the fifth stand (`to_fifth_stand_s`).
    """
    complete = [rise for rise in rises if rise.complete]
    if len(complete) < N_RISES or complete[N_RISES - 1].seat_contact_s is None:
        return None
    end_s = complete[N_RISES - 1].seat_contact_s
    return None if end_s is None else end_s - start_s


def to_fifth_stand_s(rises: Sequence[ChairRise], start_s: float) -> float | None:
    """Time from the start to the fifth complete stand; None if there is none."""
    complete = [rise for rise in rises if rise.complete]
    return complete[N_RISES - 1].stand_s - start_s if len(complete) >= N_RISES else None


def stands_in_30s(rises: Sequence[ChairRise], start_s: float) -> int:
    """Complete stands within 30 s of the start.

    A rise under way at 30 s counts if the person is more than half-way up (Jones 1999; CDC
    STEADI).

    >>> rise = ChairRise(29.0, 29.9, 30.4, 31.0, 31.8, 1.0)
    >>> stands_in_30s([rise], start_s=0.0)
    1
    >>> stands_in_30s([rise.shifted(0.2)], start_s=0.0)
    0
    """
    end_s = start_s + CHAIR_STAND_S
    return sum(
        rise.complete and rise.half_up_s <= end_s and rise.height_share > HALF_SHARE
        for rise in rises
    )
