# SPDX-License-Identifier: Apache-2.0
"""Per-trial rows, so that outsiders can recompute every figure of docs/validation.md."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thermal_pose.clinical.phases import BOUNDARY_KEYS
from thermal_pose.files import write_whole
from thermal_pose.lab.evaluation.tug.trials import EvaluatedTrial
from thermal_pose.lab.metrics.agreement import boundaries_s, estimate_on_truth_clock


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
    }
    for k, name in enumerate(BOUNDARY_KEYS):
        row[f"true_{name}_s"] = None if truth is None else round(float(truth[k]), 4)
        row[f"found_{name}_s"] = None if found is None else round(float(found[k]), 4)
        row[f"sd_{name}_s"] = None if found is None else round(float(trial.sds_s[k]), 4)
    return row


def write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write rows of one shape as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.getvalue())
