# SPDX-License-Identifier: Apache-2.0
"""Smooth curves that motions consist of, sampled on a common time axis."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

#: Sampling rate of planned motions; poses in between are interpolated, Hz.
GRID_HZ = 200.0
STEP_S = 1.0 / GRID_HZ


def time_grid(duration_s: float) -> Array:
    """Times (T,) from 0 to the duration, `STEP_S` apart."""
    return np.arange(int(np.ceil(duration_s * GRID_HZ)) + 1) * STEP_S


def ease(times_s: Array | float, start_s: float, end_s: float) -> Array:
    """Minimum-jerk transition from 0 at the start to 1 at the end (Flash & Hogan 1985).

    >>> ease(np.array([0.0, 1.0, 1.5, 3.0]), 1.0, 2.0)
    array([0. , 0. , 0.5, 1. ])
    """
    share = np.clip((np.asarray(times_s) - start_s) / max(end_s - start_s, 1e-6), 0.0, 1.0)
    return share**3 * (10 - 15 * share + 6 * share**2)


def ramp(times_s: Array, start_s: float, end_s: float, rounding: float) -> Array:
    """Transition from 0 to 1 at a constant rate, rounded over a share of the time at both ends."""
    share = np.clip((times_s - start_s) / max(end_s - start_s, 1e-6), 0.0, 1.0)
    rate = 1.0 / (1.0 - rounding)

    def rise(part: Array) -> Array:
        # Integral of a rate that rises as a smoothstep over `rounding`.
        u = np.clip(part / rounding, 0.0, 1.0)
        return rate * rounding * (u**3 - u**4 / 2)

    middle = rate * np.clip(share - rounding, 0.0, 1.0 - 2 * rounding)
    last = rate * rounding / 2 - rise(np.minimum(1.0 - share, rounding))
    return np.where(
        share < rounding,
        rise(share),
        np.where(
            share <= 1 - rounding, rate * rounding / 2 + middle, 1 - rate * rounding / 2 + last
        ),
    )


def smooth_curve(curve: Array, sigma_s: float) -> Array:
    """Low-pass (T,) or (T, K) samples with a Gaussian, without delay; end values are repeated."""
    reach = int(np.ceil(3.5 * sigma_s / STEP_S))
    offsets = np.arange(-reach, reach + 1) * STEP_S
    kernel = np.exp(-0.5 * (offsets / sigma_s) ** 2)
    kernel /= kernel.sum()
    columns = curve.reshape(len(curve), -1)
    padded = np.pad(columns, ((reach, reach), (0, 0)), mode="edge")
    filtered = [np.convolve(column, kernel, mode="valid") for column in padded.T]
    return np.stack(filtered, axis=-1).reshape(curve.shape)


def ahead_of(curve: Array, samples: int) -> Array:
    """The curve (T,) shifted ahead in time by a number of samples; its last value is repeated."""
    return np.concatenate([curve[samples:], np.full(samples, curve[-1])])


def below(curve: Array, reach_s: float) -> Array:
    """A smooth curve (T,) nowhere above the given one: averages of the least value within reach."""
    reach = int(np.ceil(reach_s / STEP_S))
    width = 2 * reach + 1
    padded = np.pad(curve, 2 * reach, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(padded, width).min(axis=-1)
    window = np.hanning(width + 2)[1:-1]
    return np.convolve(least, window / window.sum(), mode="valid")


def noise(rng: np.random.Generator, n_times: int, correlation_s: float, sd: float) -> Array:
    """Smooth random noise (T,) with a correlation time and a standard deviation."""
    raw = smooth_curve(rng.standard_normal(n_times), correlation_s)
    # Standard deviation of white noise after this Gaussian.
    kept = np.sqrt(STEP_S / (2 * np.sqrt(np.pi) * correlation_s))
    return sd * raw / kept


def soft_floor(drop: Array, softness: float = 0.02) -> Array:
    """min(drop, 1) with a rounded corner, as when a cushion stops a fall."""
    return -softness * np.logaddexp(-drop / softness, -1.0 / softness)
