# SPDX-License-Identifier: Apache-2.0
"""The segmentation network in numpy: a dilated temporal convolutional network.

Legend: T cells, F features, C channels, B = 7 boundaries, S sub-cells of a cell.
Blocks are layer norm, dilated convolution, ReLU, linear, added to their input (after the TCN of
Bai et al., arXiv 1803.01271, but looking both ways). For each boundary the head gives one logit a
sub-cell and one for 'not in this recording'; a softmax over all of them is its distribution.
Everything runs in float64, so that the last digits printed do not depend on the machine.
`lab/learning/tug/segmenter.py` holds the same network in torch; a test holds the two together.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from thermal_pose.clinical.tug.features import N_FEATURES
from thermal_pose.clinical.tug.result import N_BOUNDARIES
from thermal_pose.clinical.tug.weights import read_members
from thermal_pose.digest import short_key
from thermal_pose.types import Float64Array

#: Sub-cells a cell: the network's own resolution is 1/32 s.
SUB_CELLS = 4
KERNEL = 5
_EPS = 1e-5


@dataclass(frozen=True)
class SegmenterNetwork:
    """Weights of one or more networks of the same shape, whose distributions are averaged.

    Attributes
    ----------
    members : of each network, name -> array (names and shapes as in torch, but convolutions
        as `convolve` takes them).
    dilations : of the blocks.
    name : of the file and the first 12 hex digits of its sha256.
    sd_floor_s : (7,) uncertainty of each boundary that the distributions do not know of, s: added
        in squares to their own. Fitted by leaving people out (`lab/learning/tug/calibrate.py`).
    """

    members: tuple[dict[str, Float64Array], ...]
    dilations: tuple[int, ...]
    name: str
    sd_floor_s: tuple[float, ...] = (0.0,) * N_BOUNDARIES

    def __call__(self, features: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return where each boundary lies.

        Parameters
        ----------
        features : (T, F), see `features.grid_features`.

        Returns
        -------
        density : (B, T * S) probabilities of each sub-cell.
        absent : (B,) probability that the boundary is not in the recording; the two sum to 1.

        Raises
        ------
        ValueError
            If the features have another width.
        """
        if features.ndim != 2 or features.shape[1] != N_FEATURES:
            raise ValueError(f"features: expected (T, {N_FEATURES}), got {features.shape}")
        outputs = [self._member(weights, features) for weights in self.members]
        density = np.mean([output[0] for output in outputs], axis=0)
        return density, np.mean([output[1] for output in outputs], axis=0)

    def _member(
        self, weights: dict[str, Float64Array], features: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        hidden = features @ weights["stem.weight"].T + weights["stem.bias"]
        for index, dilation in enumerate(self.dilations):
            prefix = f"blocks.{index}."
            normed = layer_norm(
                hidden, weights[prefix + "norm.weight"], weights[prefix + "norm.bias"]
            )
            wide = convolve(
                normed, weights[prefix + "conv.weight"], weights[prefix + "conv.bias"], dilation
            )
            hidden = hidden + (
                np.maximum(wide, 0.0) @ weights[prefix + "mix.weight"].T
                + weights[prefix + "mix.bias"]
            )
        hidden = layer_norm(hidden, weights["norm.weight"], weights["norm.bias"])
        logits = hidden @ weights["head.weight"].T + weights["head.bias"]
        pooled = np.concatenate([hidden.mean(axis=0), hidden.max(axis=0)])
        absent = pooled @ weights["absent.weight"].T + weights["absent.bias"]
        # (T, B * S) -> (B, T * S): sub-cells of a cell are neighbours in time.
        by_boundary = logits.reshape(-1, N_BOUNDARIES, SUB_CELLS).transpose(1, 0, 2)
        flat = np.concatenate([by_boundary.reshape(N_BOUNDARIES, -1), absent[:, None]], axis=1)
        flat = np.exp(flat - flat.max(axis=1, keepdims=True))
        flat /= flat.sum(axis=1, keepdims=True)
        return flat[:, :-1], flat[:, -1]


def layer_norm(values: Float64Array, weight: Float64Array, bias: Float64Array) -> Float64Array:
    """Normalise each row (T, C) to mean 0 and variance 1, then scale and shift."""
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + _EPS)
    return np.asarray(centred / spread * weight + bias)


def convolve(
    values: Float64Array, weight: Float64Array, bias: Float64Array, dilation: int
) -> Float64Array:
    """Dilated convolution over time, zero padded to the same length.

    Parameters
    ----------
    values : (T, C); weight : (K, C, D); bias : (D,).
    """
    n_cells, kernel = len(values), len(weight)
    reach = dilation * (kernel // 2)
    padded = np.pad(values, ((reach, reach), (0, 0)))
    result = np.tile(bias, (n_cells, 1))
    for tap in range(kernel):
        result += padded[tap * dilation : tap * dilation + n_cells] @ weight[tap]
    return result


def load_network(path: Path) -> SegmenterNetwork:
    """Read the network's weights (`.npz`).

    Raises
    ------
    ModelArtifactError
        If the file is missing, not of this kind, or made for other features.
    """
    members, meta = read_members(
        path, "segmentation network", n_features=N_FEATURES, sub_cells=SUB_CELLS
    )
    digest = short_key(path.read_bytes(), 12)
    floor_s = tuple(float(value) for value in meta.get("sd_floor_s", (0.0,) * N_BOUNDARIES))
    return SegmenterNetwork(members, tuple(meta["dilations"]), f"{path.stem}-{digest}", floor_s)


@lru_cache(maxsize=4)
def shipped_network(name: str) -> SegmenterNetwork:
    """Return the network called `name` in the package's assets (read once per process)."""
    with as_file(files("thermal_pose") / "assets" / name) as path:
        return load_network(path)
