# SPDX-License-Identifier: Apache-2.0
"""Accuracy of timing: from cohorts of keypoint files to the figures of `docs/validation.md`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, cast
from zlib import crc32

import numpy as np

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.jobs import map_jobs
from thermal_pose.lab.evaluation.tug.gait import true_gait
from thermal_pose.lab.evaluation.tug.measures import measure_agreement, true_measures
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, read_keypoints
from thermal_pose.lab.metrics.agreement import (
    TrialPair,
    agreement,
    boundaries_s,
    estimate_on_truth_clock,
    live_right,
)
from thermal_pose.pipeline.session import TrialSession
from thermal_pose.types import NS_PER_S, BoolArray, Float64Array, FrameKeypoints

#: Settings of the disturbance curves.
DROPOUT_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3)
KEPT_OF_FRAMES = (1, 2, 3)
NOISE_PX = (0.0, 0.5, 1.0, 1.5, 2.0)
#: Settings evaluated for the curves; the undisturbed one belongs to all three.
N_CURVE_POINTS = len(DROPOUT_SHARES) + len(KEPT_OF_FRAMES) + len(NOISE_PX) - 2
DISTANCE_BINS_M = (5.5, 6.0, 6.5, 7.1)
VIEW_BINS_DEG = (0.0, 10.0, 20.0, 30.0, 46.0)


@dataclass(frozen=True)
class Disturbance:
    """A disturbance of cached keypoints before the analysis.

    Attributes
    ----------
    dropout : share of frames lost at random.
    every : keep only every n-th frame (a slower camera).
    noise_px : standard deviation added to each joint.
    """

    dropout: float = 0.0
    every: int = 1
    noise_px: float = 0.0

    def __call__(self, frames: Sequence[FrameKeypoints], name: str) -> list[FrameKeypoints]:
        """Return the disturbed frames; deterministic per trial name."""
        rng = np.random.default_rng(crc32(name.encode()))
        kept = list(frames[:: self.every])
        if self.dropout:
            lost = rng.random(len(kept)) < self.dropout
            kept = [frame for frame, gone in zip(kept, lost, strict=True) if not gone]
        if self.noise_px:
            kept = [_shaken(frame, self.noise_px, rng) for frame in kept]
        return kept


def _shaken(frame: FrameKeypoints, noise_px: float, rng: np.random.Generator) -> FrameKeypoints:
    persons = tuple(
        replace(
            person, xy=(person.xy + rng.normal(0, noise_px, person.xy.shape)).astype(np.float32)
        )
        for person in frame.persons
    )
    return replace(frame, persons=persons)


@dataclass(frozen=True)
class EvaluatedTrial:
    """One analyzed trial: truth, estimate, and recording conditions.

    `measures` holds value and standard deviation by name; `live_right` is, for the counted frames
    of a valid trial, whether the live phase was right within two frames; `remarks` are those of
    the report.
    """

    pair: TrialPair
    name: str
    conditions: dict[str, Any]
    sds_s: tuple[float, ...] = field(default=())
    true_measures: Mapping[str, float | str] = field(default_factory=dict)
    measures: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    live_right: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    remarks: tuple[str, ...] = ()

    @property
    def total_error_s(self) -> float:
        """Total of a timed trial minus the true one, s."""
        return float(self.pair.estimate.total_s or 0.0) - float(self.pair.truth.total_s or 0.0)


def evaluate_trial(trial: KeypointTrial, params: TugParams, change: Disturbance) -> EvaluatedTrial:
    """Analyze one trial as every caller does, by a `TrialSession`."""
    frames = change(trial.frames, trial.name)
    session = TrialSession(with_scale(params, trial.conditions), films=False)
    phases = np.array([int(session.keypoints(frame).phase) for frame in frames], dtype=np.int64)
    result = cast(TrialResult, session.finish().result)
    stamps_ns = np.array([frame.stamp_ns for frame in trial.frames], dtype=np.int64)
    pair = TrialPair(trial.truth, result.timing, stamps_ns, trial.subject)
    truth: dict[str, float | str] = {}
    if pair.timed and trial.joints_m is not None:
        times_s = (stamps_ns - trial.truth.origin_ns) / NS_PER_S
        joints_m = trial.joints_m.astype(np.float64)
        truth = true_measures(times_s, joints_m, boundaries_s(trial.truth))
        truth.update(true_gait(trial))
    found = {row.name: (row.value, row.uncertainty) for row in result.measures}
    right: BoolArray = np.zeros(0, np.bool_)
    if pair.truth.valid and len(frames) > 1:
        seen_ns = np.array([frame.stamp_ns for frame in frames], dtype=np.int64)
        right = live_right(replace(pair, stamps_ns=seen_ns), phases)
    return EvaluatedTrial(
        pair,
        trial.name,
        trial.conditions,
        result.boundary_sds_s,
        truth,
        found,
        right,
        result.remarks,
    )


def with_scale(params: TugParams, conditions: Mapping[str, Any]) -> TugParams:
    """The person's height and the lens, which a clinic would enter and calibrate."""
    focal_px = float(conditions.get("focal_px", 0.0))
    return replace(params, focal_px=focal_px, height_m=float(conditions.get("stature_m", 0.0)))


def _evaluate_file(path: Path, params: TugParams, change: Disturbance) -> EvaluatedTrial:
    return evaluate_trial(read_keypoints(path), params, change)


def evaluate_tug_files(
    paths: Sequence[Path],
    params: TugParams,
    change: Disturbance | None = None,
    jobs: int = 1,
) -> Iterator[EvaluatedTrial]:
    """Analyze keypoint files in their order, on `jobs` processes."""
    calls = [(path, params, change or Disturbance()) for path in paths]
    return map_jobs(_evaluate_file, calls, jobs, ordered=True)


def cohort_figures(trials: Sequence[EvaluatedTrial]) -> dict[str, Any]:
    """Figures of one cohort, with how honest the uncertainties are."""
    document = agreement([trial.pair for trial in trials])
    live = np.concatenate([np.zeros(0, np.bool_), *(trial.live_right for trial in trials)])
    document["live_within_two_frames"] = round(float(live.mean()), 4) if live.size else None
    timed = [trial for trial in trials if trial.pair.timed]
    if timed:
        errors = np.stack(
            [estimate_on_truth_clock(t.pair) - boundaries_s(t.pair.truth) for t in timed]
        )
        inside = np.abs(errors) <= 1.96 * np.stack([t.sds_s for t in timed])
        document["within_two_sd"] = round(float(inside.mean()), 4)
        document |= _total_figures(errors, np.stack([t.sds_s for t in timed]))
        document["measures"] = measures_of(trials)
    return document


def measures_of(trials: Sequence[EvaluatedTrial]) -> dict[str, dict[str, Any]]:
    """How the measures of timed trials agree with their truth, by name."""
    return measure_agreement([(t.true_measures, t.measures) for t in trials if t.pair.timed])


#: A total wrong by more than the first with a printed SD under the second is misleading, s.
MISLEADING_ERROR_S, MISLEADING_SD_S = 0.5, 0.2


def _total_figures(errors: Float64Array, sds_s: Float64Array) -> dict[str, Any]:
    """How honest the printed uncertainty of the totals is, from errors and SDs (K, 7)."""
    total_errors, total_sds = errors[:, 6] - errors[:, 0], np.hypot(sds_s[:, 0], sds_s[:, 6])
    misleading = (np.abs(total_errors) > MISLEADING_ERROR_S) & (total_sds < MISLEADING_SD_S)
    return {
        "total_within_196_sd": round(float((np.abs(total_errors) <= 1.96 * total_sds).mean()), 4),
        "worst_total_error_s": round(float(np.abs(total_errors).max()), 4),
        "misleading_totals": int(misleading.sum()),
        "median_total_sd_s": round(float(np.median(total_sds)), 4),
    }


Curve = list[dict[str, Any]]


def disturbance_curves(
    paths: Sequence[Path],
    params: TugParams,
    jobs: int = 1,
    done: Callable[[], object] = lambda: None,
) -> dict[str, Curve]:
    """Leading figures of valid trials against frame dropout, frame rate and keypoint noise."""
    settings: dict[str, list[tuple[float, Disturbance]]] = {
        "dropout": [(share, Disturbance(dropout=share)) for share in DROPOUT_SHARES],
        "rate_hz": [(8.0 / every, Disturbance(every=every)) for every in KEPT_OF_FRAMES],
        "noise_px": [(noise, Disturbance(noise_px=noise)) for noise in NOISE_PX],
    }
    # The undisturbed trials are one point of every curve.
    changes = list(dict.fromkeys(change for points in settings.values() for _, change in points))
    calls = [(path, params, change) for change in changes for path in paths]
    trials = map_jobs(_evaluate_file, calls, jobs, ordered=True)
    figures: dict[Disturbance, dict[str, Any]] = {}
    for change in changes:
        figures[change] = _leading(list(islice(trials, len(paths))))
        done()
    return {
        name: [{"value": value} | figures[change] for value, change in points]
        for name, points in settings.items()
    }


def condition_curves(trials: Sequence[EvaluatedTrial]) -> dict[str, Curve]:
    """Leading figures of valid trials against the camera's distance and the angle of view."""
    return {
        "distance_m": _binned(trials, DISTANCE_BINS_M, lambda c: float(c["distance_m"])),
        "view_deg": _binned(trials, VIEW_BINS_DEG, lambda c: abs(float(c["view_deg"]))),
    }


def _binned(
    trials: Sequence[EvaluatedTrial],
    edges: Sequence[float],
    value_of: Callable[[dict[str, Any]], float],
) -> Curve:
    rows: Curve = []
    for low, high in pairwise(edges):
        inside = [t for t in trials if low <= value_of(t.conditions) < high]
        rows.append({"from": low, "to": high} | _leading(inside))
    return rows


def _leading(trials: Sequence[EvaluatedTrial]) -> dict[str, Any]:
    figures = agreement([trial.pair for trial in trials if trial.pair.truth.valid])
    names = ("n_valid", "detected", "total_mae_s", "total_bias_s", "boundary_mae_s")
    return {name: figures.get(name) for name in (*names, "frame_accuracy")}


def error_rows(trials: Sequence[EvaluatedTrial]) -> list[dict[str, Any]]:
    """One row per trial: the estimate and its error, for plots and inspection."""
    rows = []
    for trial in trials:
        truth, estimate = trial.pair.truth, trial.pair.estimate
        row: dict[str, Any] = {
            "name": trial.name,
            "truth": str(truth.reason),
            "estimate": str(estimate.reason),
            "true_total_s": _rounded(truth.total_s),
            "total_s": _rounded(estimate.total_s),
        }
        if trial.pair.timed:
            errors = estimate_on_truth_clock(trial.pair) - boundaries_s(truth)
            row["errors_s"] = [_rounded(float(error)) for error in errors]
        rows.append(row)
    return rows


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
