# SPDX-License-Identifier: Apache-2.0
"""Whether the hands pushed off: both chair-rise tests ask for arms crossed over the chest.

A picture of 80 x 60 pixels shows a forearm with two or three of them, and the keypoint networks
place wrists poorly when arms are crossed. So no single joint decides: a logistic model weighs
where shoulders, elbows, wrists and knees are found from shortly before a rise until shortly after
its descent, and how surely (`arm_features.py`). Hands may push off in some rises only, so every
rise is judged by itself, and against the rise of the same person that looks least like pushing:
arms that stay crossed look much the same at all rises. The model belongs to the keypoint networks
it was fitted on; with any other the check is not made, and the report says so.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from thermal_pose.clinical.chair_rises.arm_features import N_FEATURES
from thermal_pose.errors import ModelArtifactError
from thermal_pose.types import Float64Array

MODEL_PATH: Final = Path(__file__).resolve().parents[2] / "assets" / "chair_rises_arms.json"
#: Standardized features are limited to this: an odd rise cannot outvote all else by one number.
_LIMIT: Final = 5.0
#: Weight of a rise's difference from the person's lowest one; 0.3 to 0.7 do as well.
_CONTRAST: Final = 0.5


@dataclass(frozen=True)
class ArmsModel:
    """Weights of the standardized features of a rise, and what they were fitted on.

    Attributes
    ----------
    mean, scale, weights : (N_FEATURES,).
    bias : log-odds at the mean of all features.
    threshold : score (`scores`) above which the hands pushed off at a rise.
    models : the `model_id` of the keypoint networks it was fitted on or checked with.
    """

    mean: Float64Array
    scale: Float64Array
    weights: Float64Array
    bias: float
    threshold: float
    models: tuple[str, ...]

    def log_odds(self, features: Float64Array) -> Float64Array:
        """(R,) log-odds that the hands pushed off at each rise; unseen features are ignored.

        Parameters
        ----------
        features : (R, N_FEATURES) of `arm_features`.
        """
        standardized = np.nan_to_num((features - self.mean) / self.scale)
        return np.asarray(np.clip(standardized, -_LIMIT, _LIMIT) @ self.weights + self.bias)

    def scores(self, features: Float64Array) -> Float64Array:
        """(R,) log-odds, raised by how far each rise lies above the person's lowest one."""
        odds = self.log_odds(features)
        return odds + _CONTRAST * (odds - odds.min(initial=np.inf))

    def pushed(self, features: Float64Array) -> list[int]:
        """Return the numbers of the rises, from 1, at which the hands pushed off."""
        return [int(row) + 1 for row in np.flatnonzero(self.scores(features) > self.threshold)]

    def knows(self, model_id: str) -> bool:
        """Whether the model was fitted on, or checked with, keypoints of this network."""
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
