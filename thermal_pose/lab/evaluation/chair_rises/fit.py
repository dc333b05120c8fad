# SPDX-License-Identifier: Apache-2.0
"""Fits what the chair-rise tests take from development seeds: event offsets and the arms model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from thermal_pose.clinical.chair_rises.arms import arm_features
from thermal_pose.clinical.chair_rises.cycles import Cycle, period_of
from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.clinical.chair_rises.events import EVENTS
from thermal_pose.clinical.chair_rises.lean import lean_s
from thermal_pose.clinical.chair_rises.reading import PersonReading, read_rises
from thermal_pose.files import write_whole
from thermal_pose.lab.evaluation.chair_rises.cases import RiseRecording, read_recording
from thermal_pose.types import Float64Array, TrialReason

MIN_SCORE = 0.05
RIDGE = 0.03
#: Share of valid trials that may be refused for their arms: a wrong figure is worse than none.
FALSE_ALARMS = 0.1


#: Trials whose rises are those of the test, whatever the hands do.
_SOUND = (TrialReason.VALID, TrialReason.ARMS_USED)


def fit_event_offsets(paths: Sequence[Path], out: Path) -> dict[str, dict[str, float]]:
    """Fit the offset of each event (`EventOffset`) by robust least squares; write them."""
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in EVENTS}
    for path in paths:
        recording = read_recording(path)
        subject = read_rises(recording.frames, MIN_SCORE).subject
        cycles = subject.cycles
        if recording.reason in _SOUND and len(cycles) == len(recording.rises) > 0:
            period_s = period_of(cycles)
            _first_row(rows, subject, recording.rises[0], period_s)
            for cycle, rise in zip(cycles, recording.rises, strict=True):
                _event_rows(rows, cycle, rise, period_s)
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
) -> None:
    up_s = cycle.up_s[2] - cycle.up_s[0]
    rows["rise_start"].append((rise.rise_start_s - cycle.up_s[0], up_s, period_s))
    rows["half_up"].append((rise.half_up_s - cycle.up_s[1], up_s, period_s))
    rows["stand"].append((rise.stand_s - cycle.up_s[2], up_s, period_s))
    if cycle.down_s and rise.sit_start_s is not None and rise.seat_contact_s is not None:
        down_s = cycle.down_s[2] - cycle.down_s[0]
        rows["sit_start"].append((rise.sit_start_s - cycle.down_s[0], down_s, period_s))
        rows["seat_contact"].append((rise.seat_contact_s - cycle.down_s[2], down_s, period_s))


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


def fit_arms(paths: Sequence[Path], out: Path) -> dict[str, Any]:
    """Fit the model of arm use on valid trials and trials with arms used; write it.

    Returns
    -------
    What leave-one-subject-out shows: trials, share caught, share of false alarms.
    """
    recordings = [read_recording(path) for path in paths]
    kinds = (TrialReason.VALID, TrialReason.ARMS_USED)
    chosen = [recording for recording in recordings if recording.reason in kinds]
    features = np.stack([_features(recording) for recording in chosen])
    used = np.array([recording.reason is TrialReason.ARMS_USED for recording in chosen])
    subjects = np.array([recording.subject + recording.name[:5] for recording in chosen])
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    standard = (features - mean) / scale
    scores = np.zeros(len(used))
    for subject in np.unique(subjects):
        held = subjects == subject
        weights = _logistic(standard[~held], used[~held])
        scores[held] = _with_one(standard[held]) @ weights
    weights = _logistic(standard, used)
    threshold = round(float(np.quantile(scores[~used], 1.0 - FALSE_ALARMS)), 3)
    document = {
        "what": "logistic model of arm use (clinical/chair_rises/arms.py)",
        "models": sorted({recording.frames[0].model_id for recording in chosen}),
        "threshold": threshold,
        "bias": float(weights[-1]),
        "mean": mean.tolist(),
        "scale": scale.tolist(),
        "weights": weights[:-1].tolist(),
    }
    write_whole(out, json.dumps(document, indent=1) + "\n")
    return {
        "trials": len(used),
        "caught": round(float((scores[used] > threshold).mean()), 3),
        "false_alarms": round(float((scores[~used] > threshold).mean()), 3),
    }


def _features(recording: RiseRecording) -> Float64Array:
    subject = read_rises(recording.frames, MIN_SCORE).subject
    return arm_features(subject.track, subject.curves, subject.cycles)


def _with_one(rows: Float64Array) -> Float64Array:
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def _logistic(rows: Float64Array, labels: Float64Array) -> Float64Array:
    """Weights and bias of a ridge-regularized logistic regression."""
    design, sign = _with_one(rows), 2.0 * labels - 1.0
    # Both kinds of trials weigh the same, however many there are.
    balance = np.where(labels, 0.5 / labels.mean(), 0.5 / (1.0 - labels.mean()))

    def loss(weights: Float64Array) -> float:
        margin = (design @ weights) * sign
        losses = balance * np.logaddexp(0, -margin)
        return float(losses.mean() + RIDGE * (weights[:-1] ** 2).sum())

    def slope(weights: Float64Array) -> Float64Array:
        margin = (design @ weights) * sign
        gradient = design.T @ (-balance * sign / (1.0 + np.exp(margin))) / len(labels)
        gradient[:-1] += 2.0 * RIDGE * weights[:-1]
        return np.asarray(gradient)

    return np.asarray(minimize(loss, np.zeros(design.shape[1]), jac=slope).x)
