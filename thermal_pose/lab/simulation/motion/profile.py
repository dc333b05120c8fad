# SPDX-License-Identifier: Apache-2.0
"""Smooth curves that motions are put together from, sampled on one even time axis."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

#: Rate of the time axis that motions are planned on; poses in between are interpolated, Hz.
GRID_HZ = 200.0
STEP_S = 1.0 / GRID_HZ


def time_grid(duration_s: float) -> Array:
    """Times from 0 to the duration, `STEP_S` apart."""
    return np.arange(int(np.ceil(duration_s * GRID_HZ)) + 1) * STEP_S


def ease(times_s: Array | float, start_s: float, end_s: float) -> Array:
    """0 before the start, 1 after the end, between them of least jerk (Flash & Hogan 1985)."""
    share = np.clip((np.asarray(times_s) - start_s) / max(end_s - start_s, 1e-6), 0.0, 1.0)
    return share**3 * (10 - 15 * share + 6 * share**2)


def ramp(times_s: Array, start_s: float, end_s: float, rounding: float) -> Array:
    """0 to 1 at an even rate, its two ends rounded over a share of the time each."""
    share = np.clip((times_s - start_s) / max(end_s - start_s, 1e-6), 0.0, 1.0)
    rate = 1.0 / (1.0 - rounding)

    def rise(part: Array) -> Array:
        # Integral of a rate that eases in by smoothstep over `rounding`.
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
    """Gaussian low-pass of (T,) or (T, K) samples without delay; the ends are held."""
    reach = int(np.ceil(3.5 * sigma_s / STEP_S))
    offsets = np.arange(-reach, reach + 1) * STEP_S
    kernel = np.exp(-0.5 * (offsets / sigma_s) ** 2)
    kernel /= kernel.sum()
    columns = curve.reshape(len(curve), -1)
    padded = np.pad(columns, ((reach, reach), (0, 0)), mode="edge")
    filtered = [np.convolve(column, kernel, mode="valid") for column in padded.T]
    return np.stack(filtered, axis=-1).reshape(curve.shape)


def below(curve: Array, reach_s: float) -> Array:
    """A smooth curve that is nowhere above the given one: least value around, then averaged."""
    reach = int(np.ceil(reach_s / STEP_S))
    width = 2 * reach + 1
    padded = np.pad(curve, 2 * reach, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(padded, width).min(axis=-1)
    window = np.hanning(width + 2)[1:-1]
    return np.convolve(least, window / window.sum(), mode="valid")


def noise(rng: np.random.Generator, n_times: int, correlation_s: float, sd: float) -> Array:
    """Smooth random wandering (T,) of a standard deviation and correlation time."""
    raw = smooth_curve(rng.standard_normal(n_times), correlation_s)
    # Standard deviation that white noise keeps under this Gaussian.
    kept = np.sqrt(STEP_S / (2 * np.sqrt(np.pi) * correlation_s))
    return sd * raw / kept


def soft_floor(drop: Array, softness: float = 0.02) -> Array:
    """min(drop, 1), its corner rounded: a fall that a cushion ends."""
    return -softness * np.logaddexp(-drop / softness, -1.0 / softness)
