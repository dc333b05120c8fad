# SPDX-License-Identifier: Apache-2.0
"""Recorded motion of real people on simulated bodies: how well the whole pipeline times it.

Legend: K trials, 7 boundaries. The truth is computed by `clinical.tug.definitions` from the
simulated body's joints; hand labels are what observers marked in the recording.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.phases import BOUNDARY_KEYS
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.lab.evaluation.tug.floor import NO_FLOOR_S, boundary_errors_s, floor_figures
from thermal_pose.lab.evaluation.tug.rows import cohort_rows
from thermal_pose.lab.evaluation.tug.trials import (
    Disturbance,
    EvaluatedTrial,
    cohort_figures,
    evaluate_trial,
)
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, read_keypoints
from thermal_pose.lab.metrics.agreement import boundaries_s, estimate_on_truth_clock
from thermal_pose.types import Float64Array

#: Boundaries that observers label: all but the start of sitting down.
LABELLED = (0, 1, 2, 3, 4, 6)


@dataclass(frozen=True)
class MotionResult:
    """One evaluated recording.

    `labels_s` are its hand labels in the truth's seconds, None if there are none; `model_id` is
    of the keypoints.
    """

    evaluated: EvaluatedTrial
    labels_s: Float64Array | None
    model_id: str = ""

    @property
    def estimate_s(self) -> Float64Array | None:
        """(7,) boundaries found, in the truth's seconds; None if refused."""
        pair = self.evaluated.pair
        return estimate_on_truth_clock(pair) if pair.timed else None


def evaluate_motion(paths: Sequence[Path], params: TugParams) -> list[MotionResult]:
    """Analyze keypoint files of recorded motion, in their order."""
    return [_evaluated(read_keypoints(path), params) for path in paths]


def _evaluated(trial: KeypointTrial, params: TugParams) -> MotionResult:
    labels = trial.conditions.get("hand_labels_s")
    evaluated = evaluate_trial(trial, params, Disturbance())
    return MotionResult(
        evaluated,
        None if labels is None else np.array(labels, dtype=np.float64),
        trial.frames[0].model_id if trial.frames else "",
    )


def motion_document(
    trials: Sequence[MotionResult], command: str, floor_s: Sequence[float] = NO_FLOOR_S
) -> dict[str, Any]:
    """The figures with what they were measured on.

    Parameters
    ----------
    floor_s : (7,) the network's floor of the uncertainties, which was fitted to recorded motion:
        shares of people left out are given beside those with it.
    """
    models = sorted({trial.model_id for trial in trials})
    return {
        "data": "recorded motion of real people on simulated bodies, rendered by the simulated "
        "clinic; no real camera",
        "command": command,
        "models": models,
        **motion_figures(trials),
        **floor_figures([trial.evaluated for trial in trials], floor_s),
    }


def motion_figures(trials: Sequence[MotionResult]) -> dict[str, Any]:
    """All figures of recorded motion, in the shape of `docs/results/tug_real_motion.json`."""
    evaluated = [trial.evaluated for trial in trials]
    timed = [trial for trial in trials if trial.estimate_s is not None]
    document = {
        "n_recordings": len({t.conditions["recording"] for t in evaluated}),
        "n_people": len({t.pair.subject for t in evaluated}),
        **cohort_figures(evaluated),
    }
    if len(timed) < 3:
        return document
    errors = np.stack([boundary_errors_s(trial.evaluated) for trial in timed])
    sds = np.stack([np.array(trial.evaluated.sds_s) for trial in timed])
    document |= {
        "boundary_bias_s": _named(errors.mean(axis=0)),
        "boundary_within_196_sd": _named((np.abs(errors) <= 1.96 * sds).mean(axis=0)),
        "contact_sensitivity": _contact_sensitivity(timed),
    }
    labelled = [trial for trial in timed if trial.labels_s is not None]
    if len({trial.evaluated.pair.subject for trial in labelled}) > 1:
        document["hand_labels"] = label_figures(labelled)
    return document


def _named(values: Float64Array) -> dict[str, float]:
    return dict(zip(BOUNDARY_KEYS, (round(float(v), 4) for v in values), strict=True))


def _contact_sensitivity(timed: Sequence[MotionResult]) -> dict[str, dict[str, float]]:
    """Error of the total for each seat-contact threshold of the truth, by threshold in m."""
    figures = {}
    for key in timed[0].evaluated.conditions["totals_by_contact_s"]:
        rows = []
        for trial in timed:
            truth_s = trial.evaluated.conditions["totals_by_contact_s"][key]
            if truth_s is not None:
                rows.append((trial.evaluated.pair.estimate.total_s or 0.0) - truth_s)
        errors = np.array(rows)
        figures[key] = {
            "total_mae_s": round(float(np.abs(errors).mean()), 4),
            "total_bias_s": round(float(errors.mean()), 4),
        }
    return figures


def label_figures(timed: Sequence[MotionResult]) -> dict[str, Any]:
    """Agreement with hand labels, after one constant offset per boundary.

    The offsets of a person are the means over the other people's trials. The truth by our
    definitions is compared with the labels in the same way, which shows how far labels themselves
    can be reproduced.
    """
    labels = np.stack([trial.labels_s for trial in timed if trial.labels_s is not None])
    people = np.array([trial.evaluated.pair.subject for trial in timed])
    columns = list(LABELLED)
    found = np.stack(
        [boundary_errors_s(t.evaluated) + boundaries_s(t.evaluated.pair.truth) for t in timed]
    )
    truth = np.stack([boundaries_s(trial.evaluated.pair.truth) for trial in timed])
    names = [f"{BOUNDARY_KEYS[column]}_s" for column in columns]
    figures: dict[str, Any] = {}
    for name, edges in (("estimate", found), ("truth", truth)):
        difference = edges[:, columns] - labels
        left = _offsets_removed(difference, people)
        totals = difference[:, -1:] - difference[:, :1]
        figures[name] = {
            "offset_s": dict(
                zip(names, np.round(difference.mean(axis=0), 4).tolist(), strict=True)
            ),
            "boundary_mae_s": round(float(np.abs(left).mean()), 4),
            "boundary_mae_each_s": dict(
                zip(names, np.round(np.abs(left).mean(axis=0), 4).tolist(), strict=True)
            ),
            "total_mae_s": round(float(np.abs(_offsets_removed(totals, people)).mean()), 4),
        }
    return figures


def _offsets_removed(difference: Float64Array, people: npt.NDArray[np.str_]) -> Float64Array:
    left = np.empty_like(difference)
    for person in np.unique(people):
        own = people == person
        left[own] = difference[own] - difference[~own].mean(axis=0)
    return left


def motion_rows(trials: Sequence[MotionResult]) -> list[dict[str, Any]]:
    """One row per trial: what is needed to recompute every figure but those of hand labels.

    The labels themselves belong to the people who recorded the motion, and are not written.
    """
    evaluated = [trial.evaluated for trial in trials]
    return [_row(trial, row) for trial, row in zip(evaluated, cohort_rows(evaluated), strict=True)]


def _row(trial: EvaluatedTrial, own: dict[str, Any]) -> dict[str, Any]:
    conditions = trial.conditions
    row = {"recording": conditions["recording"], "room": conditions["case"]["room"], **own}
    for key, total_s in conditions["totals_by_contact_s"].items():
        row[f"true_total_contact_{key}_m"] = None if total_s is None else round(total_s, 4)
    return row
