# SPDX-License-Identifier: Apache-2.0
"""Agreement of timed trials with the truth: errors, ICC(A,1), limits of agreement, frame scores.

Legend: K trials, 7 boundaries, 6 timed phases. Errors are estimate minus truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thermal_pose.types import (
    TIMED_PHASES,
    BoolArray,
    Float64Array,
    Int64Array,
    Phase,
    TrialReason,
    TugTiming,
)

#: Frames count from this time before the true start to this time after the true end, s.
MARGIN_S = 1.0


@dataclass(frozen=True)
class TrialPair:
    """Truth and estimate of one trial.

    Attributes
    ----------
    truth, estimate : timings; each counts seconds from its own `origin_ns`.
    stamps_ns : (N,) stamps of the frames.
    subject : person; the template of a trial leaves out all trials of the same person.
    """

    truth: TugTiming
    estimate: TugTiming
    stamps_ns: Int64Array
    subject: str

    @property
    def timed(self) -> bool:
        """Whether both truth and estimate are valid."""
        return self.truth.valid and self.estimate.valid


def boundaries_s(timing: TugTiming) -> Float64Array:
    """Boundaries (7,): starts of the six timed phases and end of the last, s.

    Raises
    ------
    ValueError
        If the timing does not have exactly the six phases in their order.
    """
    if tuple(p.phase for p in timing.phases) != TIMED_PHASES:
        raise ValueError(
            f"phases: expected {[p.name for p in TIMED_PHASES]}, "
            f"got {[p.phase.name for p in timing.phases]}"
        )
    return np.array([*(p.start_s for p in timing.phases), timing.phases[-1].end_s])


def labels_at(times_s: Float64Array, edges_s: Float64Array) -> Int64Array:
    """Phase (N,) of each time, from seven boundaries; SEATED before and after."""
    order = np.array([Phase.SEATED, *TIMED_PHASES, Phase.SEATED], dtype=np.int64)
    return order[np.searchsorted(edges_s, times_s, side="right")]


def icc_a1(*measurements: Float64Array) -> float:
    """Return ICC(A,1): two-way, absolute agreement, single measurement.

    Parameters
    ----------
    measurements : two or more (K,) arrays, the same K >= 3 trials measured each time.

    Notes
    -----
    McGraw and Wong (1996) call it ICC(A,1), Shrout and Fleiss (1979) ICC(2,1).

    Examples
    --------
    >>> first = np.array([8.0, 10.0, 13.0])
    >>> icc_a1(first, first)
    1.0
    """
    shapes = [each.shape for each in measurements]
    if len(shapes) < 2 or len(set(shapes)) > 1 or len(shapes[0]) != 1 or shapes[0][0] < 3:
        raise ValueError(f"measurements: expected two or more (K,) with K >= 3, got {shapes}")
    scores = np.stack(measurements, axis=1)
    n, k = scores.shape
    grand = scores.mean()
    rows = k * np.sum((scores.mean(axis=1) - grand) ** 2) / (n - 1)
    columns = n * np.sum((scores.mean(axis=0) - grand) ** 2) / (k - 1)
    residual = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + grand
    error = np.sum(residual**2) / ((n - 1) * (k - 1))
    spread = rows + (k - 1) * error + k * (columns - error) / n
    # All values are the same: there is nothing to tell apart, and nothing disagrees.
    return float((rows - error) / spread) if spread > 0 else 1.0


def macro_f1(truth: Int64Array, estimate: Int64Array) -> float:
    """Mean over the seven phases of the F1 score of frames."""
    scores = []
    for phase in (Phase.SEATED, *TIMED_PHASES):
        hits = np.sum((truth == phase) & (estimate == phase))
        named = np.sum(truth == phase) + np.sum(estimate == phase)
        scores.append(2.0 * hits / named if named else 1.0)
    return float(np.mean(scores))


def template_estimate(
    truths: Sequence[Float64Array], subjects: Sequence[str]
) -> list[Float64Array]:
    """Boundaries (7,) of each trial from the mean phase fractions of the other subjects.

    Start and end are the true ones. This is the trivial baseline.
    """
    fractions = np.stack([(edges - edges[0]) / (edges[-1] - edges[0]) for edges in truths])
    names = np.array(subjects)
    estimates = []
    for edges, name in zip(truths, subjects, strict=True):
        others = fractions[names != name]
        mean = (others if len(others) else fractions).mean(axis=0)
        estimates.append(edges[0] + mean * (edges[-1] - edges[0]))
    return estimates


def frame_labels(pair: TrialPair, estimate_s: Float64Array | None) -> tuple[Int64Array, Int64Array]:
    """True and estimated phase of the counted frames; UNKNOWN throughout without an estimate.

    Parameters
    ----------
    estimate_s : (7,) boundaries on the truth's clock, s; None if the trial was refused.
    """
    edges = boundaries_s(pair.truth)
    times_s = (pair.stamps_ns - pair.truth.origin_ns) / 1e9
    counted = (times_s >= edges[0] - MARGIN_S) & (times_s < edges[-1] + MARGIN_S)
    truth = labels_at(times_s[counted], edges)
    if estimate_s is None:
        return truth, np.full_like(truth, Phase.UNKNOWN)
    return truth, labels_at(times_s[counted], estimate_s)


def live_right(pair: TrialPair, phases: Int64Array, n_frames: int = 2) -> BoolArray:
    """Return, per counted frame, whether the live phase is right within `n_frames` frames.

    Parameters
    ----------
    phases : (N,) live phase at each of the pair's frames.
    """
    edges = boundaries_s(pair.truth)
    times_s = (pair.stamps_ns - pair.truth.origin_ns) / 1e9
    counted = (times_s >= edges[0] - MARGIN_S) & (times_s < edges[-1] + MARGIN_S)
    reach_s = n_frames * float(np.median(np.diff(times_s)))
    times_s, phases = times_s[counted], phases[counted]
    around = np.arange(-n_frames, n_frames + 1) / n_frames * reach_s
    near = np.stack([labels_at(times_s + shift_s, edges) for shift_s in around])
    return np.asarray((near == phases).any(axis=0))


def estimate_on_truth_clock(pair: TrialPair) -> Float64Array:
    """Estimated boundaries (7,) on the clock of the truth, s."""
    shift_s = (pair.estimate.origin_ns - pair.truth.origin_ns) / 1e9
    return boundaries_s(pair.estimate) + shift_s


@dataclass(frozen=True)
class _Errors:
    truth: Float64Array  # (K, 7)
    estimate: Float64Array  # (K, 7)

    @property
    def boundary(self) -> Float64Array:
        return self.estimate - self.truth

    @property
    def phase(self) -> Float64Array:
        return np.diff(self.estimate, axis=1) - np.diff(self.truth, axis=1)

    @property
    def totals(self) -> tuple[Float64Array, Float64Array]:
        return self.truth[:, -1] - self.truth[:, 0], self.estimate[:, -1] - self.estimate[:, 0]


def agreement(pairs: Sequence[TrialPair]) -> dict[str, Any]:
    """All figures of one cohort, in the shape of `docs/results/tug_agreement.json`.

    Times are compared over the valid trials that were timed. Frames of refused valid trials count
    as wrong. A figure is None if there are too few trials.
    """
    valid = [pair for pair in pairs if pair.truth.valid]
    timed = [pair for pair in valid if pair.estimate.valid]
    invalid = [pair for pair in pairs if not pair.truth.valid]
    document: dict[str, Any] = {
        "n_valid": len(valid),
        "n_invalid": len(invalid),
        "n_timed": len(timed),
        "detected": len(timed) / len(valid) if valid else None,
        "invalid_timed": sum(pair.estimate.valid for pair in invalid),
        "refused": _reasons(invalid),
        "wrongly_refused": _reasons([pair for pair in valid if not pair.estimate.valid]),
        "reason_accuracy": (
            float(np.mean([p.estimate.reason is p.truth.reason for p in invalid]))
            if invalid
            else None
        ),
    }
    if len(timed) >= 3:
        errors = _Errors(
            np.stack([boundaries_s(pair.truth) for pair in timed]),
            np.stack([estimate_on_truth_clock(pair) for pair in timed]),
        )
        document |= _time_figures(errors) | _frame_figures(valid, errors)
        document["template"] = _template_figures(valid)
    return _rounded(document)


def _reasons(pairs: Sequence[TrialPair]) -> dict[str, int]:
    names = [str(pair.estimate.reason) for pair in pairs]
    return {str(reason): names.count(reason) for reason in TrialReason if reason in names}


def _time_figures(errors: _Errors) -> dict[str, Any]:
    truth_s, estimate_s = errors.totals
    total = estimate_s - truth_s
    phases = np.diff(errors.truth, axis=1), np.diff(errors.estimate, axis=1)
    mid, final = TIMED_PHASES.index(Phase.TURN), TIMED_PHASES.index(Phase.TURN_TO_SIT)
    names = [phase.name for phase in TIMED_PHASES]
    spread = float(total.std(ddof=1))
    return {
        "total_mae_s": float(np.abs(total).mean()),
        "total_bias_s": float(total.mean()),
        "total_icc": icc_a1(truth_s, estimate_s),
        "total_limits_s": [total.mean() - 1.96 * spread, total.mean() + 1.96 * spread],
        "total_mdc95_s": 1.96 * spread,
        "total_p95_error_s": float(np.percentile(np.abs(total), 95)),
        "boundary_mae_s": float(np.abs(errors.boundary).mean()),
        "boundary_mae_each_s": dict(
            zip(
                [*(f"{name}_start" for name in names), "STAND_TO_SIT_end"],
                np.abs(errors.boundary).mean(axis=0).tolist(),
                strict=True,
            )
        ),
        "boundary_bias_each_s": errors.boundary.mean(axis=0).tolist(),
        "phase_mae_s": float(np.abs(errors.phase).mean()),
        "phase_mae_each_s": dict(
            zip(names, np.abs(errors.phase).mean(axis=0).tolist(), strict=True)
        ),
        "turn_icc": {
            "mid": icc_a1(phases[0][:, mid], phases[1][:, mid]),
            "final": icc_a1(phases[0][:, final], phases[1][:, final]),
        },
        "confidence95": _bootstrap(errors),
    }


def _bootstrap(errors: _Errors, n_draws: int = 1000) -> dict[str, list[float]]:
    """95 % percentile intervals of the main figures over resampled trials."""
    rng = np.random.default_rng(0)
    truth_s, estimate_s = errors.totals
    total, boundary = estimate_s - truth_s, np.abs(errors.boundary).mean(axis=1)
    rows = rng.integers(0, len(total), (n_draws, len(total)))
    draws = {
        "total_mae_s": np.abs(total)[rows].mean(axis=1),
        "total_bias_s": total[rows].mean(axis=1),
        "boundary_mae_s": boundary[rows].mean(axis=1),
    }
    return {name: np.percentile(values, [2.5, 97.5]).tolist() for name, values in draws.items()}


def _frame_figures(valid: Sequence[TrialPair], errors: _Errors) -> dict[str, Any]:
    timed = iter(errors.estimate)
    rows = [frame_labels(pair, next(timed) if pair.estimate.valid else None) for pair in valid]
    return _label_figures(rows)


def _label_figures(rows: Sequence[tuple[Int64Array, Int64Array]]) -> dict[str, Any]:
    truth = np.concatenate([row[0] for row in rows])
    estimate = np.concatenate([row[1] for row in rows])
    return {
        "frame_accuracy": float(np.mean(truth == estimate)),
        "macro_f1": macro_f1(truth, estimate),
    }


def _template_figures(valid: Sequence[TrialPair]) -> dict[str, Any]:
    truths = [boundaries_s(pair.truth) for pair in valid]
    estimates = template_estimate(truths, [pair.subject for pair in valid])
    rows = [frame_labels(pair, edges) for pair, edges in zip(valid, estimates, strict=True)]
    errors = _Errors(np.stack(truths), np.stack(estimates))
    return _label_figures(rows) | {
        "boundary_mae_s": float(np.abs(errors.boundary[:, 1:-1]).mean()),
        "phase_mae_s": float(np.abs(errors.phase).mean()),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(float(value), 5) if isinstance(value, float) else value
