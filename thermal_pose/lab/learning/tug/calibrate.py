# SPDX-License-Identifier: Apache-2.0
"""Makes the printed uncertainties of boundaries true, on trials that nothing was fitted to.

The network's distributions know how well keypoints tell a boundary. They know nothing of how real
people differ from simulated ones. What is missing is one number per boundary: a standard deviation
that is added in squares, just large enough for 95 % of the errors to lie within 1.96 SDs. Errors of
the first and the last boundary are not independent, so both get what the total lacks then.
"""

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.tug.result import N_BOUNDARIES
from thermal_pose.types import Float64Array

#: Share of errors, of boundaries and of totals, that shall lie within 1.96 standard deviations.
COVERAGE = 0.95
#: Floors that are tried, s.
FLOORS_S = np.arange(0.0, 0.6, 0.005)


def fitted_floor_s(errors_s: Float64Array, sds_s: Float64Array) -> Float64Array:
    """(7,) least floor of each boundary that covers its errors.

    Parameters
    ----------
    errors_s, sds_s : (K, 7) of timed trials; the SDs without any floor.

    Raises
    ------
    ValueError
        If shapes differ or there is no trial.
    """
    if errors_s.shape != sds_s.shape or errors_s.ndim != 2 or errors_s.shape[1] != N_BOUNDARIES:
        raise ValueError(
            f"errors_s, sds_s: expected two (K, {N_BOUNDARIES}), got {errors_s.shape} and "
            f"{sds_s.shape}"
        )
    if not len(errors_s):
        raise ValueError("errors_s: expected at least one trial, got none")
    spread = np.hypot(sds_s[..., None], FLOORS_S)
    covered = (np.abs(errors_s)[..., None] <= 1.96 * spread).mean(axis=0)
    floor_s = np.array([_least(c, COVERAGE) for c in covered])
    total_sd_s = np.hypot(*np.hypot(sds_s, floor_s)[:, [0, -1]].T)
    # Half of the variance that the total lacks goes to either end.
    spread = np.hypot(total_sd_s[:, None], np.sqrt(2.0) * FLOORS_S)
    error = np.abs(errors_s[:, -1] - errors_s[:, 0])[:, None]
    further_s = _least((error <= 1.96 * spread).mean(axis=0), COVERAGE)
    floor_s[[0, -1]] = np.hypot(floor_s[[0, -1]], further_s)
    return floor_s


def _least(covered: Float64Array, wanted: float) -> float:
    """The least of `FLOORS_S` that covers as much as wanted; the largest if none does."""
    enough = covered >= wanted
    return float(FLOORS_S[int(np.argmax(enough)) if enough.any() else -1])


def left_out_coverage(
    errors_s: Float64Array, sds_s: Float64Array, people: npt.NDArray[np.str_]
) -> tuple[float, float]:
    """Shares of boundaries and of totals within 1.96 SDs, each person's floor from the others.

    Parameters
    ----------
    errors_s, sds_s : (K, 7); people : (K,) whose trial each is.
    """
    inside, totals = [], []
    for person in np.unique(people):
        own = people == person
        floor_s = fitted_floor_s(errors_s[~own], sds_s[~own])
        spread = np.hypot(sds_s[own], floor_s)
        inside.append(np.abs(errors_s[own]) <= 1.96 * spread)
        error = errors_s[own][:, -1] - errors_s[own][:, 0]
        totals.append(np.abs(error) <= 1.96 * np.hypot(spread[:, 0], spread[:, -1]))
    return float(np.concatenate(inside).mean()), float(np.concatenate(totals).mean())
