# SPDX-License-Identifier: Apache-2.0
"""From one distribution a boundary to the only order a test has: an exact posterior.

The seven boundaries form a chain b1 < b2 < ... < b7. The network's distributions are taken as
the evidence for each; a chain whose neighbours keep their order and a shortest duration (a hidden
semi-Markov model with flat durations above that) gives each boundary's posterior by one
forward and one backward pass of cumulative sums.
"""

from itertools import combinations

import numpy as np
import numpy.typing as npt

from thermal_pose.types import Float64Array

#: No phase is shorter, s.
MIN_PHASE_S = 0.15
#: Share of a posterior whose mean is the boundary.
CENTRAL_SHARE = 0.95
#: A fine reading counts within this many standard deviations of a coarse boundary, plus this
#: much, s.
TRUSTED_SDS, TRUSTED_S = 3.0, 1.0
_FLOOR = 1e-12


def ordered_posteriors(
    density: Float64Array, step_s: float, min_phase_s: float = MIN_PHASE_S
) -> Float64Array:
    """(B, N) posterior of each boundary given that all are present and in order.

    Parameters
    ----------
    density : (B, N) evidence for each boundary in each bin; rows need not sum to 1.
    step_s : width of a bin, s.
    """
    if density.ndim != 2:
        raise ValueError(f"density: expected (B, N), got {density.shape}")
    n_boundaries, n_bins = density.shape
    lag = min(max(1, round(min_phase_s / step_s)), n_bins)
    evidence = density / np.maximum(density.sum(axis=1, keepdims=True), _FLOOR) + _FLOOR
    before = np.ones((n_boundaries, n_bins))
    after = np.ones((n_boundaries, n_bins))
    for k in range(1, n_boundaries):
        mass = np.cumsum(before[k - 1] * evidence[k - 1])
        before[k, :lag] = 0.0
        before[k, lag:] = mass[: n_bins - lag]
        before[k] /= max(before[k].max(), _FLOOR)
    for k in range(n_boundaries - 2, -1, -1):
        mass = np.cumsum((after[k + 1] * evidence[k + 1])[::-1])[::-1]
        after[k, n_bins - lag :] = 0.0
        after[k, : n_bins - lag] = mass[lag:]
        after[k] /= max(after[k].max(), _FLOOR)
    posterior = before * evidence * after
    return np.asarray(posterior / np.maximum(posterior.sum(axis=1, keepdims=True), _FLOOR))


def present_run(presence: Float64Array) -> npt.NDArray[np.int64]:
    """Which boundaries are in the recording: the likeliest run of consecutive ones.

    A recording may begin late or end early, but it does not lack the middle of what it holds;
    so one doubtful boundary between sure ones is there, too.

    Parameters
    ----------
    presence : (B,) probability that each boundary is there.
    """
    inside = np.log(np.clip(presence, _FLOOR, 1.0))
    outside = np.log(np.clip(1.0 - presence, _FLOOR, 1.0))
    gain = np.concatenate([[0.0], np.cumsum(inside - outside)])
    runs = [(0, 0), *combinations(range(len(gain)), 2)]
    first, last = max(runs, key=lambda run: gain[run[1]] - gain[run[0]])
    return np.arange(first, last)


def central_mean_s(posterior: Float64Array, start_s: float, step_s: float) -> Float64Array:
    """(B,) means of the central 95 % of each posterior (B, N), s.

    Durations are differences of boundaries. Means make them unbiased; medians do not, because
    posteriors are skewed. Leaving out both ends keeps small probabilities at distant times of a
    long recording from shifting the result.
    """
    edges = np.zeros((posterior.shape[0], posterior.shape[1] + 1))
    np.cumsum(posterior, axis=1, out=edges[:, 1:])
    edges /= np.maximum(edges[:, -1:], _FLOOR)
    kept = np.diff(np.clip(edges, (1 - CENTRAL_SHARE) / 2, (1 + CENTRAL_SHARE) / 2), axis=1)
    centres_s = start_s + step_s * (np.arange(posterior.shape[1]) + 0.5)
    return np.asarray(kept @ centres_s / CENTRAL_SHARE)


def posterior_sd_s(posterior: Float64Array, step_s: float) -> Float64Array:
    """(B,) standard deviation of each posterior (B, N), s, with the bin's own width."""
    bins = np.arange(posterior.shape[1])
    mean = posterior @ bins
    variance = posterior @ bins.astype(np.float64) ** 2 - mean**2
    return np.asarray(step_s * np.sqrt(np.maximum(variance, 0.0) + 1.0 / 12.0))


def refined(
    density: Float64Array,
    grid_s: tuple[float, float],
    coarse: Float64Array,
    coarse_grid_s: tuple[float, float],
) -> Float64Array:
    """(B, N) evidence of a fine reading near the boundaries of a coarse one.

    Probability that the fine reading places elsewhere, or nowhere, goes to the coarse reading.

    Parameters
    ----------
    density : (B, N) probabilities of the fine reading, rows summing to at most 1.
    coarse : (B, M) posteriors of the coarse reading, rows summing to 1.
    grid_s, coarse_grid_s : start of the first bin and width of a bin of each, s.
    """
    start_s, step_s = grid_s
    centres_s = start_s + step_s * (np.arange(density.shape[1]) + 0.5)
    mean_s = central_mean_s(coarse, *coarse_grid_s)
    reach_s = TRUSTED_SDS * posterior_sd_s(coarse, coarse_grid_s[1]) + TRUSTED_S
    near = np.where(np.abs(centres_s - mean_s[:, None]) <= reach_s[:, None], density, 0.0)
    rest = 1.0 - near.sum(axis=1, keepdims=True)
    return np.asarray(near + rest * rebinned(coarse, coarse_grid_s, grid_s, density.shape[1]))


def rebinned(
    posterior: Float64Array, old_s: tuple[float, float], new_s: tuple[float, float], n_bins: int
) -> Float64Array:
    """(B, `n_bins`) probabilities (B, N) on other bins; mass outside them is lost.

    Parameters
    ----------
    old_s, new_s : start of the first bin and width of a bin, s.
    """
    old_edges_s = old_s[0] + old_s[1] * np.arange(posterior.shape[1] + 1)
    new_edges_s = new_s[0] + new_s[1] * np.arange(n_bins + 1)
    cumulative = np.pad(np.cumsum(posterior, axis=1), ((0, 0), (1, 0)))
    rows = [np.interp(new_edges_s, old_edges_s, row) for row in cumulative]
    return np.diff(np.array(rows).reshape(-1, n_bins + 1), axis=1)


def state_posteriors(
    posterior: Float64Array, start_s: float, step_s: float, times_s: Float64Array
) -> Float64Array:
    """(M, B + 1) P(state at `times_s`): between which two boundaries each time lies."""
    edges = start_s + step_s * np.arange(posterior.shape[1] + 1)
    later = np.ones((len(times_s), len(posterior) + 2))
    for k, row in enumerate(posterior):
        cumulative = np.concatenate([[0.0], np.cumsum(row)])
        later[:, k + 1] = np.interp(times_s, edges, cumulative)
    later[:, -1] = 0.0
    falling: Float64Array = np.minimum.accumulate(later, axis=1)
    return falling[:, :-1] - falling[:, 1:]
