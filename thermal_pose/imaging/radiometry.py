# SPDX-License-Identifier: Apache-2.0
"""Centikelvin counts, degrees Celsius, and the background temperature of one frame."""

from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.types import FloatArray, UInt8Array, UInt16Array

K_PER_COUNT: Final = 0.01
ZERO_DEGC_K: Final = 273.15
_ZERO_DEGC_COUNTS: Final = 27315


def to_degc(centikelvin: npt.ArrayLike) -> FloatArray:
    """Convert counts of 0.01 K to degrees Celsius, float32, of the same shape."""
    counts = np.asarray(centikelvin, dtype=np.int32) - _ZERO_DEGC_COUNTS
    return np.asarray(counts * np.float32(K_PER_COUNT), dtype=np.float32)


def to_centikelvin(degc: npt.ArrayLike) -> UInt16Array:
    """Convert degrees Celsius to counts of 0.01 K, rounded, uint16.

    Raises
    ------
    ValueError
        A temperature is not finite or outside the 16-bit range (-273.15 to 382.20 degC).
    """
    counts = np.rint(np.asarray(degc, dtype=np.float64) * 100.0) + _ZERO_DEGC_COUNTS
    if not np.isfinite(counts).all() or counts.min(initial=0) < 0 or counts.max(initial=0) > 65535:
        raise ValueError("degc: expected finite temperatures from -273.15 to 382.20 degC")
    return np.asarray(counts, dtype=np.uint16)


def relative_k(centikelvin: UInt16Array, scale_k: float = 1.0) -> FloatArray:
    """Return the temperatures (H, W) above the frame's median, divided by `scale_k`.

    The median is that of the room, because people cover less than half of a frame; unlike the
    mean, it does not depend on a hot lamp.
    """
    if centikelvin.ndim != 2 or centikelvin.dtype != np.uint16:
        raise ValueError(
            f"centikelvin: expected (H, W) uint16, got {centikelvin.shape} {centikelvin.dtype}"
        )
    counts = centikelvin.astype(np.float32)
    background = frame_median(centikelvin)
    return np.asarray((counts - background) * np.float32(K_PER_COUNT / scale_k), dtype=np.float32)


def frame_median(centikelvin: UInt16Array) -> np.float32:
    """Return the upper median of all counts, by one partition instead of a full sort."""
    # numpy partitions 32-bit numbers three times as fast as 16-bit ones.
    flat = centikelvin.ravel().astype(np.int32)
    if not flat.size:
        raise ValueError(f"centikelvin: expected at least one pixel, got {centikelvin.shape}")
    middle = flat.size // 2
    return np.float32(np.partition(flat, middle)[middle])


def to_mono8(
    centikelvin: UInt16Array, low_degc: float | None = None, high_degc: float | None = None
) -> UInt8Array:
    """Stretch a frame to 8 bits for display.

    Parameters
    ----------
    centikelvin : (H, W).
    low_degc, high_degc : temperatures shown as 0 and 255; by default the 1st and the 99.5th
        percentile of the frame, at least 2 K apart to keep the noise of an empty room dark.
    """
    degc = to_degc(centikelvin)
    low, high = np.percentile(degc, [1.0, 99.5])
    low = low if low_degc is None else low_degc
    high = max(high, low + 2.0) if high_degc is None else high_degc
    if not high > low:
        raise ValueError(f"low_degc, high_degc: expected low < high, got {low}, {high}")
    return np.asarray(np.clip((degc - low) * (255.0 / (high - low)), 0, 255), dtype=np.uint8)
