# SPDX-License-Identifier: Apache-2.0
"""Run a pose network over crops and decode, for teachers, students and baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from thermal_pose.codecs.heatmap import DECODERS, HeatmapGeometry, decode_dark
from thermal_pose.inference.card import DecodeRule
from thermal_pose.lab.learning.fitting import crops
from thermal_pose.lab.learning.fitting.tasks import CropSource
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.types import FloatArray

_BATCH: Final = 128


@dataclass(frozen=True)
class Predictions:
    """Joints of N rows. `xy` (N, 17, 2) frame px; `peaks` (N, 17) raw heatmap maxima."""

    xy: FloatArray
    peaks: FloatArray

    @property
    def scores(self) -> FloatArray:
        """Mean peak of each row: only good for ranking rows of one network."""
        return np.asarray(self.peaks.mean(axis=1), dtype=np.float32)


def choose_device(name: str = "auto") -> torch.device:
    """Return the named device, or a GPU where there is one for 'auto'.

    Raises
    ------
    ValueError
        'cuda' is requested but unavailable.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("device: expected a CUDA device, this machine has none")
    if name.startswith("cuda"):
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """Return the device's name for results."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def autocast(device: torch.device) -> Any:
    """Return bf16 autocast on a GPU, nothing elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def decode(heatmaps: FloatArray, rule: DecodeRule) -> tuple[FloatArray, FloatArray]:
    """Decode (N, 17, 64, 48) into crop pixels (N, 17, 2) and peaks (N, 17)."""
    if rule.kind == "dark":
        xy, peaks = decode_dark(heatmaps, rule.blur)
    else:
        xy, peaks = DECODERS[rule.kind](heatmaps)
    geometry: HeatmapGeometry = rule.geometry()
    return geometry.to_crop(xy), peaks


def _heatmaps(network: PoseNetwork, image: torch.Tensor, flip_test: bool) -> torch.Tensor:
    heatmaps = network(image).heatmaps
    if not flip_test:
        return heatmaps
    mirrored = network(image.flip(-1)).heatmaps.flip(-1)
    every = torch.ones(len(image), dtype=torch.bool, device=image.device)
    return (heatmaps + crops.mirror_joints(mirrored, every)) / 2


@torch.no_grad()
def predict(
    network: PoseNetwork,
    source: CropSource,
    rows: npt.NDArray[np.integer],
    rule: DecodeRule,
    flip_test: bool = False,
    also: Sequence[CropSource] = (),
) -> Predictions:
    """Run the network over the plain crops of `rows` of a source.

    Parameters
    ----------
    flip_test : average with the mirrored crop's heatmaps, mirrored back.
    also : further sources of the same rows, whose heatmaps are averaged in.
    """
    network.eval()
    device = source.regions.device
    xy: list[FloatArray] = [np.zeros((0, 17, 2), np.float32)]
    peaks: list[FloatArray] = [np.zeros((0, 17), np.float32)]
    for chunk in torch.split(torch.as_tensor(rows, dtype=torch.int64, device=device), _BATCH):
        inputs = source.draw(chunk, None)
        inputs["affine"] = crops.crop_affine(source.regions[chunk])
        with autocast(device):
            each = [_heatmaps(network, one.images(inputs), flip_test) for one in (source, *also)]
        heatmaps = torch.stack(each).mean(0)
        crop_xy, peak = decode(heatmaps.float().cpu().numpy(), rule)
        points = torch.from_numpy(crop_xy).to(device)
        xy.append(crops.apply_affine(inputs["affine"], points).cpu().numpy())
        peaks.append(peak)
    return Predictions(np.concatenate(xy), np.concatenate(peaks))
