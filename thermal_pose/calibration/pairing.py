# SPDX-License-Identifier: Apache-2.0
"""Pair thermal and RGB frames by their stamps, and report every frame without a partner."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from thermal_pose.errors import CalibrationError
from thermal_pose.types import NS_PER_S, Float64Array, Int64Array

#: Half a period at 8 Hz; beyond it, a neighbouring frame is nearer.
DEFAULT_TOLERANCE_S = 0.062


@dataclass(frozen=True)
class PairedStreams:
    """Two streams matched by their stamps.

    Attributes
    ----------
    thermal_index, rgb_index : (P,) frames of each pair, in order of time.
    offset_s : median of RGB stamp minus thermal stamp, removed for matching.
    residual_s : (P,) remaining difference of each pair, s.
    unmatched_thermal, unmatched_rgb : frames without a partner.
    """

    thermal_index: Int64Array
    rgb_index: Int64Array
    offset_s: float
    residual_s: Float64Array
    unmatched_thermal: int
    unmatched_rgb: int

    def __len__(self) -> int:
        return len(self.thermal_index)


def estimate_offset_s(thermal_ns: npt.ArrayLike, rgb_ns: npt.ArrayLike) -> float:
    """Estimate a constant offset of the RGB stamps from the nearest neighbours of thermal stamps.

    It is unambiguous only within half a period, because stamps do not reveal a whole period.
    The median is taken on the circle of one period, so that an offset near half a period does
    not split into two halves.

    Raises
    ------
    ValueError
        A stream has fewer than two frames.
    """
    thermal, rgb = _stamps(thermal_ns), _stamps(rgb_ns)
    if len(thermal) < 2 or len(rgb) < 2:
        raise ValueError(f"expected at least 2 frames each, got {len(thermal)}, {len(rgb)}")
    period_ns = float(np.median(np.diff(thermal)))
    differences = _nearest_difference(thermal, rgb).astype(np.float64)
    phases = np.exp(2j * np.pi * differences / period_ns)
    centre_ns = float(np.angle(phases.mean())) / (2 * np.pi) * period_ns
    around = (differences - centre_ns + period_ns / 2) % period_ns - period_ns / 2
    return (centre_ns + float(np.median(around))) / NS_PER_S


def pair_streams(
    thermal_ns: npt.ArrayLike,
    rgb_ns: npt.ArrayLike,
    tolerance_s: float = DEFAULT_TOLERANCE_S,
) -> PairedStreams:
    """Match each thermal frame with the nearest RGB frame, one to one.

    Parameters
    ----------
    thermal_ns, rgb_ns : (T,) and (R,) stamps in any order.
    tolerance_s : largest difference of a pair after the constant offset is removed.

    Raises
    ------
    ValueError
        A stream has fewer than two frames, or the tolerance is not positive.
    """
    if tolerance_s <= 0:
        raise ValueError(f"tolerance_s: expected > 0, got {tolerance_s}")
    offset_s = estimate_offset_s(thermal_ns, rgb_ns)
    thermal = np.asarray(thermal_ns, dtype=np.int64)
    rgb = np.asarray(rgb_ns, dtype=np.int64) - round(offset_s * NS_PER_S)
    candidates = _candidates(thermal, rgb, round(tolerance_s * NS_PER_S))
    pairs = _one_to_one(candidates)
    pairs.sort(key=lambda pair: thermal[pair[0]])
    thermal_index = np.array([pair[0] for pair in pairs], dtype=np.int64)
    rgb_index = np.array([pair[1] for pair in pairs], dtype=np.int64)
    return PairedStreams(
        thermal_index=thermal_index,
        rgb_index=rgb_index,
        offset_s=offset_s,
        residual_s=(rgb[rgb_index] - thermal[thermal_index]) / NS_PER_S,
        unmatched_thermal=len(thermal) - len(pairs),
        unmatched_rgb=len(rgb) - len(pairs),
    )


def pair_recording(
    path: Path,
    thermal_ns: Sequence[int],
    rgb_ns: Sequence[int],
    tolerance_s: float = DEFAULT_TOLERANCE_S,
) -> PairedStreams:
    """Apply `pair_streams` to a recording.

    Raises
    ------
    CalibrationError
        A camera has fewer than two images, or no two of them match.
    """
    if min(len(thermal_ns), len(rgb_ns)) < 2:
        raise CalibrationError(
            f"{path} holds {len(thermal_ns)} thermal and {len(rgb_ns)} RGB images, at least 2 of "
            "each are needed"
        )
    streams = pair_streams(thermal_ns, rgb_ns, tolerance_s)
    if len(streams) == 0:
        raise CalibrationError(f"{path}: no thermal image has an RGB image at its time")
    return streams


def _stamps(stamps_ns: npt.ArrayLike) -> Int64Array:
    return np.sort(np.asarray(stamps_ns, dtype=np.int64))


def _nearest_difference(thermal: Int64Array, rgb: Int64Array) -> Int64Array:
    """Nearest RGB stamp minus each thermal stamp; both are sorted."""
    after = np.clip(np.searchsorted(rgb, thermal), 1, len(rgb) - 1)
    options = np.stack([rgb[after - 1] - thermal, rgb[after] - thermal])
    return np.asarray(options[np.abs(options).argmin(axis=0), np.arange(len(thermal))])


def _candidates(
    thermal: Int64Array, rgb: Int64Array, tolerance_ns: int
) -> list[tuple[int, int, int]]:
    """(distance, thermal index, RGB index) of all pairs within the tolerance."""
    order = np.argsort(rgb, kind="stable")
    sorted_rgb = rgb[order]
    low = np.searchsorted(sorted_rgb, thermal - tolerance_ns)
    high = np.searchsorted(sorted_rgb, thermal + tolerance_ns, side="right")
    return [
        (abs(int(sorted_rgb[place]) - int(thermal[index])), index, int(order[place]))
        for index in range(len(thermal))
        for place in range(low[index], high[index])
    ]


def _one_to_one(candidates: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Choose pairs, the nearest first, with each frame at most once."""
    taken_thermal: set[int] = set()
    taken_rgb: set[int] = set()
    pairs = []
    for _, thermal, rgb in sorted(candidates):
        if thermal not in taken_thermal and rgb not in taken_rgb:
            taken_thermal.add(thermal)
            taken_rgb.add(rgb)
            pairs.append((thermal, rgb))
    return pairs
