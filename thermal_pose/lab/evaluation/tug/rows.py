# SPDX-License-Identifier: Apache-2.0
"""Per-trial rows, so that outsiders can recompute every figure of docs/validation.md.

A row holds the boundaries, counts of frames, and each measure beside its truth. Sums of the counts
give the shares of frames and the F1 scores; boundaries give all other errors.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thermal_pose.clinical.phases import BOUNDARY_KEYS
from thermal_pose.files import write_whole
from thermal_pose.lab.evaluation.tug.trials import EvaluatedTrial
from thermal_pose.lab.metrics.agreement import (
    TrialPair,
    boundaries_s,
    estimate_on_truth_clock,
    frame_labels,
    template_estimate,
)
from thermal_pose.types import TIMED_PHASES, Float64Array, Phase


def trial_row(trial: EvaluatedTrial) -> dict[str, Any]:
    """One evaluated trial: truth, result, and standard deviations, in the truth's seconds."""
    pair = trial.pair
    truth = boundaries_s(pair.truth) if pair.truth.valid else None
    found = estimate_on_truth_clock(pair) if pair.timed else None
    row: dict[str, Any] = {
        "trial": trial.name,
        "person": pair.subject,
        "view_deg": round(float(trial.conditions.get("view_deg", 0.0)), 2),
        "truth": str(pair.truth.reason),
        "result": str(pair.estimate.reason),
        "remarks": " ".join(trial.remarks),
    }
    for k, name in enumerate(BOUNDARY_KEYS):
        row[f"true_{name}_s"] = None if truth is None else round(float(truth[k]), 4)
        row[f"found_{name}_s"] = None if found is None else round(float(found[k]), 4)
        row[f"sd_{name}_s"] = None if found is None else round(float(trial.sds_s[k]), 4)
    return row | _frame_counts(trial, found) | _measures(trial)


def cohort_rows(trials: Sequence[EvaluatedTrial]) -> list[dict[str, Any]]:
    """One row per trial of a cohort, with the frames that the template of the others has right."""
    rows = [trial_row(trial) for trial in trials]
    valid = [k for k, trial in enumerate(trials) if trial.pair.truth.valid]
    truths = [boundaries_s(trials[k].pair.truth) for k in valid]
    people = [trials[k].pair.subject for k in valid]
    for k, edges in zip(valid, template_estimate(truths, people) if valid else (), strict=True):
        rows[k]["frames_right_template"] = _n_right(trials[k].pair, edges)
    return rows


def _n_right(pair: TrialPair, estimate_s: Float64Array | None) -> int:
    truth, found = frame_labels(pair, estimate_s)
    return int((truth == found).sum())


def _frame_counts(trial: EvaluatedTrial, found_s: Float64Array | None) -> dict[str, int]:
    """Counted frames of a valid trial: in all, right, and of each phase in truth and result."""
    if not trial.pair.truth.valid:
        return {}
    truth, found = frame_labels(trial.pair, found_s)
    counts = {"frames": len(truth), "frames_right": int((truth == found).sum())}
    for phase in (Phase.SEATED, *TIMED_PHASES):
        name = phase.name.lower()
        counts[f"frames_true_{name}"] = int((truth == phase).sum())
        counts[f"frames_found_{name}"] = int((found == phase).sum())
        counts[f"frames_both_{name}"] = int(((truth == phase) & (found == phase)).sum())
    live = trial.live_right
    return counts | {"frames_live": live.size, "frames_right_live": int(live.sum())}


def _measures(trial: EvaluatedTrial) -> dict[str, Any]:
    """Each measure with a known truth: truth, value and standard deviation; none if omitted."""
    row: dict[str, Any] = {}
    for name in sorted(trial.true_measures):
        value, spread = trial.measures.get(name, (None, None))
        row[f"true_{name}"] = _rounded(trial.true_measures[name])
        row[f"found_{name}"] = _rounded(value)
        row[f"sd_{name}"] = _rounded(spread)
    return row


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write rows as CSV with the columns of all of them; a cell is empty where a row has none."""
    text = io.StringIO()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.getvalue())
