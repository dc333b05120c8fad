# SPDX-License-Identifier: Apache-2.0
"""Fits where the events of a rise lie from what is seen of it, on development seeds."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thermal_pose.clinical.chair_rises.cycles import Cycle, period_of
from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.clinical.chair_rises.events import EVENTS
from thermal_pose.clinical.chair_rises.lean import lean_s
from thermal_pose.clinical.chair_rises.reading import PersonReading, read_rises
from thermal_pose.files import write_whole
from thermal_pose.lab.evaluation.chair_rises.cases import read_recording
from thermal_pose.types import Float64Array, TrialReason

MIN_SCORE = 0.05


def fit_event_offsets(paths: Sequence[Path], out: Path) -> dict[str, dict[str, float]]:
    """Fit the offset of each event (`EventOffset`) by robust least squares; write them.

    Only valid trials count: hands on the thighs move the joints found.
    """
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in EVENTS}
    for path in paths:
        recording = read_recording(path)
        subject = read_rises(recording.frames, MIN_SCORE).subject
        cycles = subject.cycles
        valid = recording.reason is TrialReason.VALID
        if valid and len(cycles) == len(recording.rises) > 0:
            period_s = period_of(cycles)
            _first_row(rows, subject, recording.rises[0], period_s)
            for cycle, rise in zip(cycles, recording.rises, strict=True):
                contact = "last_contact" if cycle is cycles[-1] else "seat_contact"
                _event_rows(rows, cycle, rise, period_s, contact)
    offsets = {name: _line(np.array(found)) for name, found in rows.items()}
    document = {
        "what": "offsets of the events of a rise (clinical/chair_rises/events.py)",
        "models": sorted({read_recording(path).frames[0].model_id for path in paths[:1]}),
        "offsets": offsets,
    }
    write_whole(out, json.dumps(document, indent=1) + "\n")
    return offsets


def _first_row(
    rows: dict[str, list[tuple[float, float, float]]],
    subject: PersonReading,
    rise: ChairRise,
    period_s: float,
) -> None:
    quarter_s, half_s, last_s = subject.cycles[0].up_s
    lean = lean_s(subject.curves, quarter_s, half_s)
    if lean is not None:
        rows["first_start"].append((rise.rise_start_s - lean, last_s - quarter_s, period_s))


def _event_rows(
    rows: dict[str, list[tuple[float, float, float]]],
    cycle: Cycle,
    rise: ChairRise,
    period_s: float,
    contact: str,
) -> None:
    up_s = cycle.up_s[2] - cycle.up_s[0]
    rows["rise_start"].append((rise.rise_start_s - cycle.up_s[0], up_s, period_s))
    rows["half_up"].append((rise.half_up_s - cycle.up_s[1], up_s, period_s))
    rows["stand"].append((rise.stand_s - cycle.up_s[2], up_s, period_s))
    if cycle.down_s and rise.sit_start_s is not None and rise.seat_contact_s is not None:
        down_s = cycle.down_s[2] - cycle.down_s[0]
        rows["sit_start"].append((rise.sit_start_s - cycle.down_s[0], down_s, period_s))
        rows[contact].append((rise.seat_contact_s - cycle.down_s[2], down_s, period_s))


def _line(rows: Float64Array) -> dict[str, float]:
    design = np.stack([np.ones(len(rows)), rows[:, 1], rows[:, 2]], axis=1)
    weights: Float64Array = np.ones(len(rows))
    line: Float64Array = np.zeros(3)
    for _ in range(10):
        fitted = np.linalg.lstsq(design * weights[:, None], rows[:, 0] * weights, rcond=None)
        line = np.asarray(fitted[0])
        error = rows[:, 0] - design @ line
        weights = 1.0 / np.sqrt(np.maximum(1.0, np.abs(error) / 0.1))
    error = rows[:, 0] - design @ line
    return {
        "base_s": round(float(line[0]), 3),
        "per_span": round(float(line[1]), 3),
        "per_period": round(float(line[2]), 3),
        "sd_s": round(float(error.std()), 3),
    }
