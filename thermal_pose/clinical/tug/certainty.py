# SPDX-License-Identifier: Apache-2.0
"""Which boundaries are too uncertain for what lies beside them to be given."""

from collections.abc import Sequence

import numpy as np

from thermal_pose.types import BoolArray, Float64Array

#: Largest standard deviation of a boundary whose phases are still worth printing, as a share of the
#: total. Durations and measures beside a less certain one are withheld.
MAX_BOUNDARY_SD_SHARE = 0.11


def unsure_boundaries(boundaries_s: Float64Array, sds_s: Float64Array) -> BoolArray:
    """(7,) bool: boundaries too uncertain for the phases beside them to be given."""
    limit_s = MAX_BOUNDARY_SD_SHARE * float(boundaries_s[-1] - boundaries_s[0])
    return np.asarray(sds_s > limit_s)


def withheld_because(boundaries_s: Float64Array, sds_s: Float64Array, needed: Sequence[int]) -> str:
    """Return why a figure that depends on some boundaries is not given; '' if it is.

    Parameters
    ----------
    boundaries_s, sds_s : (7,) times and standard deviations of a valid trial.
    needed : their indices.
    """
    unsure = unsure_boundaries(boundaries_s, sds_s)
    doubtful = [k for k in needed if unsure[k]]
    if not doubtful:
        return ""
    return f"Where it begins or ends is uncertain by {float(sds_s[doubtful].max()):.1f} s."
