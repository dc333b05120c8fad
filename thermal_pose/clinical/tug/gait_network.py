# SPDX-License-Identifier: Apache-2.0
"""Which foot is in the air when: a small temporal network in numpy.

Legend: T cells of 1/8 s, F features, S sub-cells of a cell (1/32 s).
The input is that of the segmentation network; for each sub-cell and leg it gives the probability
that the foot swings. Networks of one shape that learned from other random numbers are averaged,
each over the person and the mirror image. `lab/learning/tug/gait.py` holds one network in torch.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from thermal_pose.clinical.tug.features import (
    N_FEATURES,
    CellGrid,
    grid_features,
    mirrored_grid,
)
from thermal_pose.clinical.tug.network import SUB_CELLS, convolve, layer_norm
from thermal_pose.clinical.tug.weights import read_members
from thermal_pose.types import Float64Array


@dataclass(frozen=True)
class GaitNetwork:
    """Weights of one or more networks, and the uncertainty of their contact times.

    Attributes
    ----------
    members : of each network, name -> array as in torch, convolutions as `convolve` takes them.
    dilations : of the blocks.
    contact_sd_s : standard deviation of one foot contact's time, from people left out, s.
    """

    members: tuple[dict[str, Float64Array], ...]
    dilations: tuple[int, ...]
    contact_sd_s: float = 0.1

    def swinging(self, grid: CellGrid) -> Float64Array:
        """(T * S, 2) probabilities that the left and the right foot swing.

        A mirror swaps the legs and changes nothing else, so both views are averaged.
        """
        own, mirrored = (self(grid_features(view)) for view in (grid, mirrored_grid(grid)))
        return (own + mirrored[:, ::-1]) / 2.0

    def __call__(self, features: Float64Array) -> Float64Array:
        """Return (T * S, 2) probabilities that the left and the right foot swing, of one view.

        Parameters
        ----------
        features : (T, F), see `features.grid_features`.
        """
        return np.mean([self._member(weights, features) for weights in self.members], axis=0)

    def _member(self, w: dict[str, Float64Array], features: Float64Array) -> Float64Array:
        hidden = features @ w["stem.weight"].T + w["stem.bias"]
        for index, dilation in enumerate(self.dilations):
            prefix = f"blocks.{index}."
            normed = layer_norm(hidden, w[prefix + "norm.weight"], w[prefix + "norm.bias"])
            wide = convolve(normed, w[prefix + "conv.weight"], w[prefix + "conv.bias"], dilation)
            mixed = np.maximum(wide, 0.0) @ w[prefix + "mix.weight"].T + w[prefix + "mix.bias"]
            hidden = hidden + mixed
        hidden = layer_norm(hidden, w["norm.weight"], w["norm.bias"])
        logits = hidden @ w["head.weight"].T + w["head.bias"]
        by_leg = logits.reshape(len(features), 2, SUB_CELLS).transpose(0, 2, 1)
        return np.asarray(1.0 / (1.0 + np.exp(-by_leg.reshape(-1, 2))))


def load_gait_network(path: Path) -> GaitNetwork:
    """Read the network's weights (`.npz`).

    Raises
    ------
    ModelArtifactError
        If the file is missing, not of this kind, or made for other features.
    """
    members, meta = read_members(path, "gait network", n_features=N_FEATURES, sub_cells=SUB_CELLS)
    return GaitNetwork(members, tuple(meta["dilations"]), float(meta["contact_sd_s"]))


@lru_cache(maxsize=2)
def shipped_gait_network(name: str = "tug_gait.npz") -> GaitNetwork:
    """Return the network called `name` in the package's assets (read once per process)."""
    with as_file(files("thermal_pose") / "assets" / name) as path:
        return load_gait_network(path)
