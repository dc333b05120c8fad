# SPDX-License-Identifier: Apache-2.0
"""The causal network in numpy: one gated recurrent unit that sees each frame once.

Legend: F features, H hidden values, 8 ordered states (seated, six phases, seated again).
The unit is that of Cho et al. (arXiv 1406.1078) in torch's form; a linear layer and a softmax
give the probability of each state. A step costs some 50 us.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from thermal_pose.clinical.tug.weights import read_weights
from thermal_pose.skeleton import N_JOINTS, Joint
from thermal_pose.types import Float64Array

N_STATES = 8
#: Joints (x, y), scores, hips' place, five ratios, interval, whether seen.
N_LIVE_FEATURES = 3 * N_JOINTS + 2 + 5 + 2
_SIZE_MEMORY_S = 0.6


@dataclass
class LiveFeatures:
    """Turns each frame's joints into features, holding what was known last for what is missing.

    Attributes
    ----------
    image_wh : of the frames, px.
    """

    image_wh: tuple[int, int]
    _xy: Float64Array | None = field(default=None, repr=False)
    _size: float = field(default=0.0, repr=False)

    def step(
        self, xy: Float64Array | None, scores: Float64Array | None, step_s: float
    ) -> Float64Array:
        """Return (F,) features.

        Parameters
        ----------
        xy, scores : (17, 2) px with NaN where unknown, and (17,); None if no person was seen.
        step_s : since the frame before, s.
        """
        row = np.zeros(N_LIVE_FEATURES)
        row[-2] = min(step_s, 1.0) * 4.0
        if xy is None or scores is None:
            xy, scores = np.full((N_JOINTS, 2), np.nan), np.zeros(N_JOINTS)
        known = np.isfinite(xy[:, 0] + xy[:, 1])
        if self._xy is None and not known.any():
            return row
        centre = np.array([self.image_wh[0] - 1.0, self.image_wh[1] - 1.0]) / 2.0
        placed = (xy - centre) * (80.0 / self.image_wh[0])
        if self._xy is None:
            self._xy = np.tile(placed[known].mean(axis=0), (N_JOINTS, 1))
        self._xy = np.where(known[:, None], placed, self._xy)
        hips = (self._xy[Joint.LEFT_HIP] + self._xy[Joint.RIGHT_HIP]) / 2
        relative = (self._xy - hips) / 10.0
        row[: 2 * N_JOINTS] = relative.ravel()
        row[2 * N_JOINTS : 3 * N_JOINTS] = np.where(known, scores, 0.0)
        row[3 * N_JOINTS : 3 * N_JOINTS + 2] = hips / (40.0, 30.0)
        row[3 * N_JOINTS + 2 : -2] = self._ratios(relative, step_s)
        row[-1] = float(known.any())
        return np.clip(row, -5.0, 5.0)

    def _ratios(self, relative: Float64Array, step_s: float) -> tuple[float, ...]:
        shoulders = (relative[5] + relative[6]) / 2
        knee_y = (relative[13, 1] + relative[14, 1]) / 2
        ankle_y = (relative[15, 1] + relative[16, 1]) / 2
        size = max(float(np.hypot(*shoulders)) + abs(ankle_y - knee_y), 0.3)
        keep = float(np.exp(-step_s / _SIZE_MEMORY_S)) if self._size else 0.0
        self._size = keep * self._size + (1.0 - keep) * size
        return (
            float(np.log(self._size)),
            float(knee_y / self._size),
            float(ankle_y / self._size),
            float((relative[5, 0] - relative[6, 0]) / self._size),
            float((relative[11, 0] - relative[12, 0]) / self._size),
        )


@dataclass
class LiveNetwork:
    """Weights of the recurrent network; `step` is a function of features and hidden values.

    Attributes
    ----------
    weights : name -> array, named as in torch (`gru.weight_ih_l0` ..., `head.weight`).
    """

    weights: dict[str, Float64Array]

    @property
    def n_hidden(self) -> int:
        """H."""
        return int(self.weights["gru.weight_hh_l0"].shape[1])

    def step(
        self, features: Float64Array, hidden: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Return (8,) state probabilities and the new hidden values (H,)."""
        w = self.weights
        given = w["gru.weight_ih_l0"] @ features + w["gru.bias_ih_l0"]
        kept = w["gru.weight_hh_l0"] @ hidden + w["gru.bias_hh_l0"]
        n = self.n_hidden
        gates = 1.0 / (1.0 + np.exp(-(given[: 2 * n] + kept[: 2 * n])))
        candidate = np.tanh(given[2 * n :] + gates[:n] * kept[2 * n :])
        hidden = (1.0 - gates[n:]) * candidate + gates[n:] * hidden
        logits = w["head.weight"] @ hidden + w["head.bias"]
        shares = np.exp(logits - logits.max())
        return shares / shares.sum(), hidden


def load_live_network(path: Path) -> LiveNetwork:
    """Read the network's weights (`.npz`).

    Raises
    ------
    ModelArtifactError
        If the file is missing, not of this kind, or made for other features.
    """
    weights, _ = read_weights(path, "live network", n_live_features=N_LIVE_FEATURES)
    return LiveNetwork(weights)


@lru_cache(maxsize=4)
def shipped_live_network(name: str) -> LiveNetwork:
    """Return the network called `name` in the package's assets (read once per process)."""
    with as_file(files("thermal_pose") / "assets" / name) as path:
        return load_live_network(path)
