# SPDX-License-Identifier: Apache-2.0
"""Steps, from how the feet swing past each other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from thermal_pose.tug.signals import BodySignals, smooth

Array = npt.NDArray[np.float64]

#: Nobody walks with steps further apart in rate than this, /s.
STEP_RATES_HZ = (1.0, 3.0)


@dataclass(frozen=True)
class StepEstimate:
    """Steps over one phase.

    Attributes
    ----------
    rate_hz : steps a second; NaN where no rhythm was found.
    rate_sd_hz : its standard deviation.
    asymmetry : 0 for equal left and right steps, 1 where one is twice the other.
    clarity : share of the swing's variance that the rhythm explains, 0..1.
    """

    rate_hz: float
    rate_sd_hz: float
    asymmetry: float
    clarity: float


_NO_RHYTHM = StepEstimate(float("nan"), float("nan"), float("nan"), 0.0)


def estimate_steps(signals: BodySignals, start_s: float, end_s: float) -> StepEstimate:
    """Fit one rhythm to the ankles' rows between two times.

    The difference of the two ankles' rows swings once a stride, which is two steps. A sine
    with a slow trend is fitted by least squares at every rate in `STEP_RATES_HZ`; at 8 Hz this
    is sounder than counting peaks, of which each has two or three frames.
    """
    inside = (signals.stamps_s >= start_s) & (signals.stamps_s < end_s)
    inside &= np.isfinite(signals.ankle_gap)
    times_s = signals.stamps_s[inside]
    if times_s.size < 8 or np.ptp(times_s) < 1.0:
        return _NO_RHYTHM
    swing = signals.ankle_gap[inside]
    rates_hz = np.arange(STEP_RATES_HZ[0], STEP_RATES_HZ[1], 0.02)
    residuals, halves = [], []
    for rate_hz in rates_hz:
        explained, half = _fit(times_s, swing, float(rate_hz) / 2.0)
        residuals.append(explained)
        halves.append(half)
    base = float(np.sum((swing - _trend(times_s, swing)) ** 2))
    best = int(np.argmin(residuals))
    clarity = 1.0 - residuals[best] / max(base, 1e-12)
    if clarity < 0.25 or best in (0, len(rates_hz) - 1):
        return _NO_RHYTHM
    noise = residuals[best] / max(1, times_s.size - 6)
    span_s = float(np.ptp(times_s))
    # Rife and Boorstyn's bound on the frequency of a sine in white noise, times two for steps.
    bound = np.sqrt(6.0 * noise / max(halves[best] ** 2, 1e-12) / times_s.size) / (np.pi * span_s)
    return StepEstimate(
        float(rates_hz[best]), float(max(2.0 * bound, 0.01)), _asymmetry(times_s, swing), clarity
    )


def _design(times_s: Array, stride_hz: float) -> Array:
    angle = 2 * np.pi * stride_hz * times_s
    centred = times_s - times_s.mean()
    return np.stack(
        [np.ones_like(centred), centred, centred**2, np.sin(angle), np.cos(angle)], axis=1
    )


def _fit(times_s: Array, swing: Array, stride_hz: float) -> tuple[float, float]:
    design = _design(times_s, stride_hz)
    solution = np.linalg.lstsq(design, swing)[0]
    return float(np.sum((swing - design @ solution) ** 2)), float(np.hypot(*solution[3:5]))


def _trend(times_s: Array, swing: Array) -> Array:
    design = _design(times_s, 1.0)[:, :3]
    return np.asarray(design @ np.linalg.lstsq(design, swing)[0])


def _asymmetry(times_s: Array, swing: Array) -> float:
    """Relative difference of the times for which either foot leads."""
    level = smooth(swing - _trend(times_s, swing), times_s, 0.08)
    if not np.isfinite(level).all():
        return float("nan")
    changes = np.flatnonzero(np.diff(np.signbit(level)))
    if changes.size < 4:
        return float("nan")
    share = level[changes] / (level[changes] - level[changes + 1])
    crossings_s = times_s[changes] + share * (times_s[changes + 1] - times_s[changes])
    spans_s = np.diff(crossings_s)
    first, second = float(np.median(spans_s[::2])), float(np.median(spans_s[1::2]))
    return abs(first - second) / (0.5 * (first + second))
