# SPDX-License-Identifier: Apache-2.0
"""Fits the model of arm use, on the rises of development trials.

The simulated clinic knows at which rises the hands push off, so each rise is an example. How many
trials are caught and how many valid ones are refused is counted on people left out of the fit, and
the threshold is chosen there.

Legend: R rises, F features.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize

from thermal_pose.clinical.chair_rises.arm_features import arm_features
from thermal_pose.clinical.chair_rises.arms import ArmsModel
from thermal_pose.clinical.chair_rises.reading import read_rises
from thermal_pose.files import write_whole
from thermal_pose.lab.evaluation.chair_rises.cases import read_recording
from thermal_pose.types import BoolArray, Float64Array, TrialReason

#: Weight of the squared weights beside the mean loss of a rise; a third or three times as much
#: changes next to nothing.
RIDGE: Final = 0.003
#: Share of valid trials that may be refused for their arms.
FALSE_ALARMS: Final = 0.04
_MIN_SCORE: Final = 0.05
_N_FOLDS: Final = 10
#: Least standard deviation of a feature, in lengths of the trunk.
_LEAST_SCALE: Final = 1e-3
_DIGITS: Final = 5


@dataclass(frozen=True)
class ArmsTrial:
    """The rises of one development trial.

    Attributes
    ----------
    subject : name of the person.
    features : (R, F) of `arm_features`.
    pushed : (R,) whether the hands push off.
    """

    subject: str
    features: Float64Array
    pushed: BoolArray


def fit_arms(paths: Sequence[Path], out: Path) -> dict[str, Any]:
    """Fit on valid trials and trials with arms used; write the model.

    Returns
    -------
    What people left out of the fit show: trials, share caught, share of false alarms.
    """
    trials, models = _read(paths)
    largest = _left_out(trials)
    used = np.array([bool(trial.pushed.any()) for trial in trials])
    threshold = round(float(np.quantile(largest[~used], 1.0 - FALSE_ALARMS)), 3)
    model = _fitted(trials, threshold, models)
    document = {
        "what": "logistic model of arm use at a rise (clinical/chair_rises/arms.py)",
        "models": list(models),
        "threshold": threshold,
        "bias": _short(model.bias),
        **{key: [_short(x) for x in getattr(model, key)] for key in ("mean", "scale", "weights")},
    }
    write_whole(out, json.dumps(document, indent=1) + "\n")
    return {
        "trials": len(trials),
        "people": len({trial.subject for trial in trials}),
        "caught": round(float((largest[used] > threshold).mean()), 3),
        "false_alarms": round(float((largest[~used] > threshold).mean()), 3),
    }


def _read(paths: Sequence[Path]) -> tuple[list[ArmsTrial], tuple[str, ...]]:
    """The trials whose rises were all found, and the keypoint networks that saw them."""
    trials, models = [], set()
    for path in paths:
        recording = read_recording(path)
        if recording.reason not in (TrialReason.VALID, TrialReason.ARMS_USED):
            continue
        subject = read_rises(recording.frames, _MIN_SCORE).subject
        if len(subject.cycles) == len(recording.rises) > 0:
            features = arm_features(subject.track, subject.curves, subject.cycles)
            trials.append(ArmsTrial(recording.subject, features, np.array(recording.pushed)))
            models.add(recording.frames[0].model_id)
    return trials, tuple(sorted(models))


def _left_out(trials: Sequence[ArmsTrial]) -> Float64Array:
    """The largest score of each trial's rises, by a model that has not seen the person."""
    people = sorted({trial.subject for trial in trials})
    fold_of = {person: number % _N_FOLDS for number, person in enumerate(people)}
    folds = np.array([fold_of[trial.subject] for trial in trials])
    largest = np.zeros(len(trials))
    for fold in np.unique(folds):
        model = _fitted([t for t, k in zip(trials, folds, strict=True) if k != fold])
        for row in np.flatnonzero(folds == fold):
            largest[row] = model.scores(trials[row].features).max()
    return largest


def _fitted(
    trials: Sequence[ArmsTrial], threshold: float = 0.0, models: tuple[str, ...] = ()
) -> ArmsModel:
    """The model fitted on all rises of some trials."""
    features = np.concatenate([trial.features for trial in trials])
    mean = np.nanmean(features, axis=0)
    scale = np.maximum(np.nanstd(features, axis=0), _LEAST_SCALE)
    unit = ArmsModel(mean, scale, np.eye(features.shape[1]), 0.0, threshold, models)
    fitted = _logistic(unit.log_odds(features), np.concatenate([trial.pushed for trial in trials]))
    return ArmsModel(mean, scale, fitted[:-1], float(fitted[-1]), threshold, models)


def _logistic(rows: Float64Array, labels: BoolArray) -> Float64Array:
    """(F + 1,) weights and bias of a ridge-regularized logistic regression of rows (R, F)."""
    design, sign = np.concatenate([rows, np.ones((len(rows), 1))], axis=1), 2.0 * labels - 1.0
    # Both kinds of rises weigh the same, however many there are.
    balance = np.where(labels, 0.5 / labels.mean(), 0.5 / (1.0 - labels.mean()))

    def loss(weights: Float64Array) -> tuple[float, Float64Array]:
        margin = (design @ weights) * sign
        losses = balance * np.logaddexp(0, -margin)
        slope = design.T @ (-balance * sign * np.exp(-np.logaddexp(0, margin))) / len(labels)
        slope[:-1] += 2.0 * RIDGE * weights[:-1]
        return float(losses.mean() + RIDGE * (weights[:-1] ** 2).sum()), slope

    start = np.zeros(design.shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
