# SPDX-License-Identifier: Apache-2.0
"""Effect of smoothing on a recording's true joints: jitter removed and delay added."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.bags.reader import BagReader
from thermal_pose.tracking.smoothing import OneEuroFilter, OneEuroSettings
from thermal_pose.types import Float64Array, FloatArray

#: White noise put onto the true joints: about the median error of the shipped student.
NOISE_PX: Final = 0.3
_SETTLED: Final = 8
_LARGEST_DELAY: Final = 3.0


def measure_smoothing(recording: Path, settings: OneEuroSettings | None = None) -> dict[str, Any]:
    """Return `delay_ms`, `jitter_share` and mean errors of the subject's joints in px.

    Parameters
    ----------
    recording : of the simulated clinic, with truth.
    settings : of the filter; None: the nodes' defaults.

    Notes
    -----
    Delay: the shift of the true joints, in steps of 0.05 frames, that fits the filtered ones
    best. Jitter: mean change of the error from frame to frame, against that without a filter.
    """
    with BagReader(recording) as bag:
        frames = [frame for frame in bag.true_frames() if frame.persons]
    stamps_ns = np.array([frame.stamp_ns for frame in frames])
    truth = np.array([frame.persons[0].xy for frame in frames], dtype=np.float32)
    noise = np.random.default_rng(0).normal(0, NOISE_PX, truth.shape)
    raw = np.asarray(truth + noise, dtype=np.float32)
    smooth_one = OneEuroFilter(settings)
    smooth = np.array(
        [smooth_one(int(stamp), xy) for stamp, xy in zip(stamps_ns, raw, strict=True)]
    )
    step_ms = float(np.median(np.diff(stamps_ns))) / 1e6
    return {
        "delay_ms": round(best_shift(smooth, truth) * step_ms, 1),
        "jitter_share": round(_jitter(smooth - truth) / _jitter(raw - truth), 3),
        "error_px": {
            "raw": round(float(np.abs(raw - truth)[_SETTLED:].mean()), 3),
            "smoothed": round(float(np.abs(smooth - truth)[_SETTLED:].mean()), 3),
        },
        "noise_px": NOISE_PX,
    }


def best_shift(delayed: FloatArray, truth: FloatArray) -> float:
    """Return by how many frames `truth` (T, ...) must be delayed to fit `delayed` best."""
    shifts = np.arange(0.0, _LARGEST_DELAY, 0.05)
    times = np.arange(_SETTLED, len(truth))
    errors = [
        float(np.mean((delayed[_SETTLED:] - _at(truth, times - shift)) ** 2)) for shift in shifts
    ]
    return float(shifts[int(np.argmin(errors))])


def _at(values: FloatArray, times: Float64Array) -> FloatArray:
    """Return `values` at fractional frame numbers, linearly interpolated."""
    whole = np.clip(np.floor(times).astype(np.int64), 0, len(values) - 2)
    share = (times - whole).reshape(-1, *([1] * (values.ndim - 1)))
    return np.asarray((1 - share) * values[whole] + share * values[whole + 1], dtype=np.float32)


def _jitter(error: FloatArray) -> float:
    return float(np.abs(np.diff(error, axis=0))[_SETTLED:].mean())
