# SPDX-License-Identifier: Apache-2.0
"""Whether the hands pushed off: both chair-rise tests ask for arms crossed over the chest.

A picture of 80 x 60 pixels shows a forearm with two or three of them, and the keypoint networks
place wrists poorly when arms are crossed. So no single joint decides: a logistic model weighs where
elbows and wrists are found at each rise, how high, how far aside and how surely, before it, during
it, while the person stands and while they sit down. Hands may push off in some rises only, so it
sees the median of all rises and how far the largest lies above it. The model belongs to the
keypoint networks it was fitted on; with any other the check is not made, and the report says so.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from thermal_pose.clinical.chair_rises.curves import RiseCurves
from thermal_pose.clinical.chair_rises.cycles import Cycle
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.errors import ModelArtifactError
from thermal_pose.skeleton import Joint
from thermal_pose.types import BoolArray, Float64Array

MODEL_PATH: Final = Path(__file__).resolve().parents[2] / "assets" / "chair_rises_arms.json"
_ARM: Final = (Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW, Joint.LEFT_WRIST, Joint.RIGHT_WRIST)
#: Elbows and wrists in `_ARM`.
_JOINTS: Final = (slice(0, 2), slice(2, 4))
_PER_STRETCH: Final = 7
#: Four stretches of a rise (before it, rising, standing, sitting down), each as median and largest.
N_FEATURES: Final = 2 * 4 * _PER_STRETCH
#: The hands are placed this long before the hips have risen by a quarter, s.
_PLACED_S: Final = 0.6
#: A rise begins this long before the hips have risen by a quarter, s.
_BEGUN_S: Final = 0.1
#: Standing lasts at least this long for somebody who is not seen to sit down, s.
_STANDS_S: Final = 0.5


@dataclass(frozen=True)
class ArmsModel:
    """Weights of the standardized features, and what they were fitted on.

    Attributes
    ----------
    mean, scale, weights : (N_FEATURES,).
    bias : log-odds at the mean of all features.
    threshold : log-odds above which the arms were used.
    models : names of the keypoint networks, the first part of their `model_id`.
    """

    mean: Float64Array
    scale: Float64Array
    weights: Float64Array
    bias: float
    threshold: float
    models: tuple[str, ...]

    def log_odds(self, features: Float64Array) -> float:
        """Return the log-odds that the arms were used."""
        return float(((features - self.mean) / self.scale) @ self.weights + self.bias)

    def knows(self, model_id: str) -> bool:
        """Whether the model was fitted on keypoints of this network."""
        return model_id in self.models


@lru_cache(maxsize=4)
def arms_model(path: Path = MODEL_PATH) -> ArmsModel:
    """Read the shipped model.

    Raises
    ------
    ModelArtifactError
        If the file is missing or does not have `N_FEATURES` weights.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        mean, scale, weights = (np.array(document[k]) for k in ("mean", "scale", "weights"))
        if {len(mean), len(scale), len(weights)} != {N_FEATURES}:
            raise ValueError(f"weights: expected {N_FEATURES}, got {len(weights)}")
        return ArmsModel(
            mean,
            scale,
            weights,
            float(document["bias"]),
            float(document["threshold"]),
            tuple(document["models"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelArtifactError(f"{path}: not a model of arm use: {error}") from error


def arm_features(
    track: SubjectTrack, curves: RiseCurves, cycles: tuple[Cycle, ...]
) -> Float64Array:
    """(N_FEATURES,) what elbows and wrists do: median over the rises, and largest above it.

    What is not seen in a rise is taken from the other rises, and is 0 if it is never seen.
    """
    rows = np.array([_rise_features(track, curves, cycle) for cycle in cycles])
    if not rows.size:
        return np.zeros(N_FEATURES)
    known = np.isfinite(rows)
    never = ~known.any(axis=0)
    usual = np.nanmedian(np.where(never, 0.0, rows), axis=0)
    filled = np.where(known, rows, usual)
    return np.concatenate([usual, filled.max(axis=0) - usual])


def _rise_features(track: SubjectTrack, curves: RiseCurves, cycle: Cycle) -> Float64Array:
    quarter_s, _, last_s = cycle.up_s
    end_s = cycle.down_s[0] if cycle.down_s else last_s + _STANDS_S
    spans_s = [(quarter_s - _PLACED_S, quarter_s), (quarter_s - _BEGUN_S, last_s), (last_s, end_s)]
    spans_s.append((cycle.down_s[0], cycle.down_s[2]) if cycle.down_s else (1.0, 0.0))
    times_s = curves.times_s
    rows = [(times_s >= first_s) & (times_s <= until_s) for first_s, until_s in spans_s]
    return np.concatenate([_stretch_features(track, chosen) for chosen in rows])


def _stretch_features(track: SubjectTrack, rows: BoolArray) -> Float64Array:
    """(7,) of elbows and wrists in units of the trunk; NaN where not seen."""
    xy, scores = track.xy[rows], track.scores[rows]
    hips = (xy[:, Joint.LEFT_HIP] + xy[:, Joint.RIGHT_HIP]) / 2
    shoulders = (xy[:, Joint.LEFT_SHOULDER] + xy[:, Joint.RIGHT_SHOULDER]) / 2
    span = np.maximum(np.hypot(*(hips - shoulders).T), 1.0)[:, None, None]
    arm = (xy[:, list(_ARM)] - hips[:, None]) / span
    seen = np.isfinite(arm).all(axis=(1, 2))
    if not seen.any():
        return np.full(_PER_STRETCH, np.nan)
    arm, scores = arm[seen], scores[seen][:, list(_ARM)]
    aside, level = np.abs(arm[..., 0]), arm[..., 1]
    means = [
        aside.max(axis=1),
        *(values[:, joints].mean(axis=1) for values in (aside, level) for joints in _JOINTS),
        *(scores[:, joints].mean(axis=1) for joints in _JOINTS),
    ]
    return np.median(means, axis=1)
