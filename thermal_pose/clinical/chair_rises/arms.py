# SPDX-License-Identifier: Apache-2.0
"""Whether the hands pushed off: both chair-rise tests ask for arms crossed over the chest.

A picture of 80 x 60 pixels shows a forearm with two or three of them, and the keypoint networks
place wrists poorly when arms are crossed. So no single joint decides: a logistic model weighs where
elbows and wrists are found, how far they move and how sure the network is of them, at every rise
and every stand. It belongs to the keypoint networks it was fitted on; with any other the check is
not made, and the report says so.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.chair_rises.curves import RiseCurves
from thermal_pose.clinical.chair_rises.cycles import Cycle
from thermal_pose.clinical.tug.signals import Array
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.errors import ModelArtifactError
from thermal_pose.skeleton import Joint

MODEL_PATH: Final = Path(__file__).resolve().parents[2] / "assets" / "chair_rises_arms.json"
_ARM: Final = (Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW, Joint.LEFT_WRIST, Joint.RIGHT_WRIST)
_ELBOWS, _WRISTS = slice(0, 2), slice(2, 4)
_PER_STRETCH: Final = 9
_PER_REACH: Final = 4
#: Four of a stretch twice (median and largest), and the reach of four joints in three stretches.
N_FEATURES: Final = 4 * _PER_STRETCH + 3 * len(_ARM) * _PER_REACH
#: How long before a rise its preparation, and the rest before the first one end, s.
_PREPARE_S, _REST_S = 0.5, 1.2


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

    mean: Array
    scale: Array
    weights: Array
    bias: float
    threshold: float
    models: tuple[str, ...]

    def log_odds(self, features: Array) -> float:
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


def arm_features(track: SubjectTrack, curves: RiseCurves, cycles: tuple[Cycle, ...]) -> Array:
    """(N_FEATURES,) what elbows and wrists do per rise and over all of them."""
    return np.concatenate(
        [_over_cycles(track, curves, cycles), _reach_features(track, curves, cycles)]
    )


def _reach_features(track: SubjectTrack, curves: RiseCurves, cycles: tuple[Cycle, ...]) -> Array:
    """How far elbows and wrists get from the shoulders while rising, standing and at rest."""
    if not cycles:
        return np.zeros(3 * len(_ARM) * _PER_REACH)
    times_s = curves.times_s
    rising, standing = np.zeros(len(times_s), dtype=bool), np.zeros(len(times_s), dtype=bool)
    for cycle in cycles:
        end_s = cycle.down_s[0] if cycle.down_s else cycle.up_s[2] + 0.5
        rising |= (times_s >= cycle.up_s[0] - _PREPARE_S) & (times_s <= cycle.up_s[1])
        standing |= (times_s >= cycle.up_s[2]) & (times_s <= end_s)
    rest = times_s < cycles[0].up_s[0] - _REST_S
    return np.concatenate([_reach(track, rows) for rows in (rising, standing, rest)])


def _reach(track: SubjectTrack, rows: npt.NDArray[np.bool_]) -> Array:
    """(16,) per joint: aside, lowest, highest, in units of the trunk, and the median score."""
    xy, scores = track.xy[rows], track.scores[rows][:, list(_ARM)]
    hips = (xy[:, Joint.LEFT_HIP] + xy[:, Joint.RIGHT_HIP]) / 2
    shoulders = (xy[:, Joint.LEFT_SHOULDER] + xy[:, Joint.RIGHT_SHOULDER]) / 2
    span = np.maximum(np.hypot(*(hips - shoulders).T), 1.0)[:, None, None]
    arm = (xy[:, list(_ARM)] - shoulders[:, None]) / span
    seen = np.isfinite(arm).all(axis=(1, 2))
    if not seen.any():
        return np.zeros(len(_ARM) * _PER_REACH)
    aside, level = np.abs(arm[seen][..., 0]), arm[seen][..., 1]
    return np.stack(
        [
            np.percentile(aside, 80, axis=0),
            np.percentile(level, 80, axis=0),
            np.percentile(level, 20, axis=0),
            np.median(scores[seen], axis=0),
        ],
        axis=1,
    ).ravel()


def _over_cycles(track: SubjectTrack, curves: RiseCurves, cycles: tuple[Cycle, ...]) -> Array:
    """(36,) per stretch of a rise: median over the rises, and largest above it."""
    rows = np.array([_cycle_features(track, curves, cycle) for cycle in cycles])
    if not len(rows):
        return np.zeros(4 * _PER_STRETCH)
    known = np.isfinite(rows)
    filled = np.where(known, rows, np.nanmedian(np.where(known, rows, np.nan), axis=0))
    filled = np.nan_to_num(filled)
    middle = np.median(filled, axis=0)
    return np.concatenate([middle, filled.max(axis=0) - middle])


def _cycle_features(track: SubjectTrack, curves: RiseCurves, cycle: Cycle) -> Array:
    end_s = cycle.down_s[0] if cycle.down_s else cycle.up_s[2] + 0.5
    rising = (curves.times_s >= cycle.up_s[0] - 0.4) & (curves.times_s <= cycle.up_s[2])
    standing = (curves.times_s >= cycle.up_s[2]) & (curves.times_s <= end_s)
    return np.concatenate([_stretch_features(track, rows) for rows in (rising, standing)])


def _stretch_features(track: SubjectTrack, rows: npt.NDArray[np.bool_]) -> Array:
    """(9,) of elbows and wrists in units of the trunk; NaN where not seen."""
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
    wrist_level, wrist_aside = level[:, _WRISTS].mean(axis=1), aside[:, _WRISTS].mean(axis=1)
    return np.array(
        [
            np.median(aside.max(axis=1)),
            np.median(aside[:, _ELBOWS].mean(axis=1)),
            np.median(level[:, _ELBOWS].mean(axis=1)),
            np.median(wrist_level),
            np.median(wrist_aside),
            np.median(scores[:, _ELBOWS].mean(axis=1)),
            np.median(scores[:, _WRISTS].mean(axis=1)),
            np.std(wrist_level),
            np.std(wrist_aside),
        ]
    )
