# SPDX-License-Identifier: Apache-2.0
"""When a person begins to lean forward before a rise, from how long the trunk looks.

The first movement of a rise is a forward lean: it is over before the hips leave the seat, and how
long it takes differs between people. Seen from the front, the leaning trunk becomes shorter in the
picture. The time at which most of that has happened places the first movement more closely than
the hips do.
"""

from typing import Final

import numpy as np

from thermal_pose.clinical.chair_rises.curves import RiseCurves
from thermal_pose.clinical.tug.signals import smooth

#: Smoothing of the trunk's length, s (standard deviation of the Gaussian).
_SMOOTH_S: Final = 0.1
#: The lean is looked for from this long before the hips have risen by a quarter, s.
_WINDOW_S: Final = 2.2
#: Part of the shortening at which the time is taken.
_PART: Final = 0.7
#: A trunk that shortens by less than this share of its length shows no lean.
MIN_SHORTENING: Final = 0.05


def lean_s(curves: RiseCurves, quarter_s: float, half_s: float) -> float | None:
    """Return when the trunk has shortened by most of what it does in a rise, s.

    Parameters
    ----------
    quarter_s, half_s : when the hips have risen by a quarter and by half of their way.

    Returns
    -------
    Seconds since the first frame; None if the trunk was not seen or shows no lean.
    """
    times_s = curves.times_s
    trunk = smooth(curves.trunk_px, times_s, _SMOOTH_S)
    rows = np.flatnonzero(
        (times_s >= quarter_s - _WINDOW_S) & (times_s <= half_s) & np.isfinite(trunk)
    )
    if rows.size < 4:
        return None
    deepest = int(np.argmin(trunk[rows]))
    before = rows[: deepest + 1]
    longest, shortest = float(trunk[before].max()), float(trunk[before[-1]])
    if longest - shortest < MIN_SHORTENING * max(longest, 1.0):
        return None
    level = longest - _PART * (longest - shortest)
    above = np.flatnonzero(trunk[before] >= level)
    last, after = before[above[-1]], before[min(above[-1] + 1, deepest)]
    step = float(trunk[last] - trunk[after])
    within = (float(trunk[last]) - level) / step if step > 0 else 0.0
    return float(times_s[last] + within * (times_s[after] - times_s[last]))
