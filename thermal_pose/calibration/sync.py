# SPDX-License-Identifier: Apache-2.0
"""The pairs of a recording, matched by stamps and judged by images, for `thermal-pose sync`."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.asynchrony import (
    PairVerdict,
    Synchrony,
    judge_pairs,
    rgb_row,
    thermal_rows,
)
from thermal_pose.calibration.pairing import DEFAULT_TOLERANCE_S, PairedStreams, pair_recording
from thermal_pose.errors import ConfigError


@dataclass(frozen=True)
class SyncReport:
    """Pairs of one recording with their verdicts.

    Attributes
    ----------
    thermal_stamps_ns : (P,) stamps of the pairs' thermal frames.
    verdicts : one per pair.
    """

    streams: PairedStreams
    thermal_stamps_ns: tuple[int, ...]
    verdicts: tuple[PairVerdict, ...]

    def usable(self) -> list[int]:
        """Indices of the pairs that are not asynchronous."""
        return [
            index
            for index, verdict in enumerate(self.verdicts)
            if verdict.outcome is not Synchrony.ASYNCHRONOUS
        ]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        counts = Counter(verdict.outcome.value for verdict in self.verdicts)
        return {
            "pairs": len(self.verdicts),
            **{outcome.value: counts[outcome.value] for outcome in Synchrony},
            "offset_s": round(self.streams.offset_s, 6),
            "residual_sd_s": round(float(np.std(self.streams.residual_s)), 6),
            "unmatched_thermal": self.streams.unmatched_thermal,
            "unmatched_rgb": self.streams.unmatched_rgb,
            "discarded": [
                {
                    "thermal_stamp_ns": stamp_ns,
                    "older": verdict.older,
                    "age_periods": round(verdict.age_periods, 2),
                    "score": round(verdict.score, 2),
                }
                for stamp_ns, verdict in zip(self.thermal_stamps_ns, self.verdicts, strict=True)
                if verdict.outcome is Synchrony.ASYNCHRONOUS
            ],
        }


def check_sync(path: Path, tolerance_s: float = DEFAULT_TOLERANCE_S) -> SyncReport:
    """Match and judge the pairs of a recording.

    Raises
    ------
    BagError
        The recording is damaged or lacks a topic.
    CalibrationError
        No two images match.
    ConfigError
        `tolerance_s` is not positive.
    """
    if not 0 < tolerance_s < np.inf:
        raise ConfigError(f"tolerance = {tolerance_s}: expected a positive number of seconds")
    with BagReader(path) as bag:
        thermal = list(bag.thermal_frames())
        stamps, rows = [], []
        for frame in bag.rgb_frames():
            stamps.append(frame.stamp_ns)
            rows.append(rgb_row(frame.bgr))
    streams = pair_recording(path, [frame.stamp_ns for frame in thermal], stamps, tolerance_s)
    verdicts = judge_pairs(
        thermal_rows([thermal[index].centikelvin for index in streams.thermal_index]),
        np.concatenate([rows[index] for index in streams.rgb_index]),
    )
    return SyncReport(
        streams,
        tuple(thermal[index].stamp_ns for index in streams.thermal_index),
        tuple(verdicts),
    )
