# SPDX-License-Identifier: Apache-2.0
"""Steps, from the rhythm in which limbs and trunk swing.

A walk of three metres has some two strides, and each limb of a person 24 pixels tall swings by a
pixel or two: no single curve tells the rhythm. It is the same for ankles, knees, wrists and the
sway of the trunk, and about the same on the way out and back, so that one rate is sought which
explains all of them best.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thermal_pose.clinical.tug.signals import BodySignals, bridge, smooth
from thermal_pose.types import Float64Array

#: Rates that are tried, steps per second.
RATES_HZ = np.arange(0.8, 3.0, 0.02)
#: Usual cadence: 105 steps per minute, give or take 30 % (all of the evidence is below that).
USUAL_HZ, USUAL_SPREAD = 1.75, 0.3
#: How much the rate differs between the walk out and the walk back.
SAME_SPREAD = 0.05
#: Swings of neighbouring frames and limbs are not independent: their evidence is worth less.
EVIDENCE_SHARE = 0.3
#: Least share of the posterior within 10 % of its peak.
MIN_CLARITY = 0.5
#: Least number of steps over which left and right are compared.
MIN_STEPS_TO_COMPARE = 8


@dataclass(frozen=True)
class StepEstimate:
    """Steps over one phase.

    Attributes
    ----------
    rate_hz : steps per second; NaN where no rhythm was found.
    rate_sd_hz : its standard deviation.
    asymmetry : 0 for equal left and right steps, 1 where one is twice the other; NaN where
        there were too few.
    clarity : share of the posterior near its peak, 0..1.
    """

    rate_hz: float
    rate_sd_hz: float
    asymmetry: float
    clarity: float


NO_RHYTHM = StepEstimate(float("nan"), float("nan"), float("nan"), 0.0)


def estimate_steps(
    signals: BodySignals, walks_s: Sequence[tuple[float, float]]
) -> list[StepEstimate]:
    """Find the rhythm of walks of one trial, which is about the same for all of them.

    Parameters
    ----------
    walks_s : start and end of each, s since the first frame.
    """
    evidence = [_evidence(signals, *walk_s) for walk_s in walks_s]
    usual = -0.5 * (np.log(RATES_HZ / USUAL_HZ) / USUAL_SPREAD) ** 2
    common = usual + sum((found for found in evidence if found is not None), np.zeros_like(usual))
    if all(found is None for found in evidence) or _near_peak(common) < MIN_CLARITY:
        return [NO_RHYTHM] * len(walks_s)
    about_hz = float(RATES_HZ[int(np.argmax(common))])
    near = -0.5 * (np.log(RATES_HZ / about_hz) / SAME_SPREAD) ** 2
    return [
        NO_RHYTHM if found is None else _estimate(signals, walk_s, found + near)
        for walk_s, found in zip(walks_s, evidence, strict=True)
    ]


def _estimate(
    signals: BodySignals, walk_s: tuple[float, float], log_share: Float64Array
) -> StepEstimate:
    share = np.exp(log_share - log_share.max())
    share /= share.sum()
    mean_hz = float(share @ RATES_HZ)
    spread_hz = float(np.hypot(np.sqrt(share @ (RATES_HZ - mean_hz) ** 2), SAME_SPREAD * mean_hz))
    inside = (signals.stamps_s >= walk_s[0]) & (signals.stamps_s < walk_s[1])
    times_s = signals.stamps_s[inside]
    gap = bridge(signals.swings[inside, 0], times_s)
    return StepEstimate(mean_hz, spread_hz, _asymmetry(times_s, gap), _near_peak(log_share))


def _near_peak(log_share: Float64Array) -> float:
    share = np.exp(log_share - log_share.max())
    peak_hz = RATES_HZ[int(np.argmax(share))]
    return float(share[np.abs(RATES_HZ / peak_hz - 1.0) <= 0.1].sum() / share.sum())


def _evidence(signals: BodySignals, start_s: float, end_s: float) -> Float64Array | None:
    """Log-likelihood of each rate, up to a constant; None where too little was seen.

    Each swing is fitted by least squares with a slow trend and a sine of the stride (two
    steps); the noise of each is unknown and estimated with it.
    """
    inside = (signals.stamps_s >= start_s) & (signals.stamps_s < end_s)
    times_s = signals.stamps_s[inside]
    if times_s.size < 8 or np.ptp(times_s) < 1.0:
        return None
    swings = np.stack([bridge(column, times_s) for column in signals.swings[inside].T], axis=1)
    swings = swings[:, np.isfinite(swings).all(axis=0)]
    if not swings.shape[1]:
        return None
    swings = swings - swings.mean(axis=0)
    power = (swings**2).sum(axis=0) + 1e-9
    rest = [power - _explained(_trend(times_s), swings)]
    for rate_hz in RATES_HZ:
        angle = np.pi * rate_hz * times_s
        wave = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        design = np.concatenate([_trend(times_s), wave], axis=1)
        rest.append(power - _explained(design, swings))
    residuals = np.maximum(np.stack(rest), 1e-6 * power)
    gain = 0.5 * times_s.size * np.log(residuals[0] / residuals[1:]).sum(axis=1)
    return np.asarray(EVIDENCE_SHARE * gain)


def _trend(times_s: Float64Array) -> Float64Array:
    centred = times_s - times_s.mean()
    return np.stack([np.ones_like(centred), centred, centred**2], axis=1)


def _explained(design: Float64Array, swings: Float64Array) -> Float64Array:
    """(S,) sum of squares of each swing (N, S) that the columns of the design explain."""
    basis = np.linalg.qr(design)[0]
    return np.asarray(((basis.T @ swings) ** 2).sum(axis=0))


def _asymmetry(times_s: Float64Array, gap: Float64Array) -> float:
    """Relative difference of the times for which either foot leads."""
    trend = _trend(times_s)
    level = smooth(gap - trend @ np.linalg.lstsq(trend, gap)[0], times_s, 0.08)
    if not np.isfinite(level).all():
        return float("nan")
    changes = np.flatnonzero(np.diff(np.signbit(level)))
    if changes.size <= MIN_STEPS_TO_COMPARE:
        return float("nan")
    share = level[changes] / (level[changes] - level[changes + 1])
    crossings_s = times_s[changes] + share * (times_s[changes + 1] - times_s[changes])
    spans_s = np.diff(crossings_s)
    first, second = float(np.median(spans_s[::2])), float(np.median(spans_s[1::2]))
    return abs(first - second) / (0.5 * (first + second))
