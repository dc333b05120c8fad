# SPDX-License-Identifier: Apache-2.0
"""The paper's person detector on the folds of leave-one-subject-out (extra `torchvision`).

Each is Faster R-CNN ResNet-50 trained on all subjects but one, exported as ONNX with a card, so
that the live detector and `thermal-pose loso --detector` run it on onnxruntime.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from thermal_pose.digest import sha256_of
from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.base import RuntimeOptions
from thermal_pose.inference.detector_card import DetectorCard
from thermal_pose.inference.network_detector import NetworkDetector
from thermal_pose.inference.onnxruntime_engine import OnnxRuntimeEngine
from thermal_pose.lab.learning.detector.augment import CLIP, SCALE_K
from thermal_pose.lab.learning.detector.data import DetectorData, load_detector_data
from thermal_pose.lab.learning.detector.export import detect_all, figures_of
from thermal_pose.lab.learning.detector.faster_rcnn import save_faster_rcnn, train_faster_rcnn
from thermal_pose.lab.learning.detector.fit import DetectorTraining
from thermal_pose.lab.learning.detector.network import INPUT_WH
from thermal_pose.lab.learning.networks.onnx.traced import export_traced
from thermal_pose.lab.learning.paper.cohort import split_folds
from thermal_pose.lab.learning.pose_data import PoseData, save_shard
from thermal_pose.types import IntArray

_THRESHOLD: Final = 0.5
_TOLERANCE_PX: Final = 0.05
_SUBJECT: Final = "{subject}"


def card_of(pattern: str, subject: str) -> str:
    """Return the detector trained without a subject, given a name that contains '{subject}'."""
    return pattern.replace(_SUBJECT, subject.replace("/", "_"))


def is_per_fold(detector: str) -> bool:
    """Whether a detector's name contains '{subject}', that is one detector per fold."""
    return _SUBJECT in detector


def train_fold_detector(
    data: PoseData,
    fold: int,
    settings: DetectorTraining,
    folder: Path,
    command: str = "",
    report: Callable[[int, float, dict[str, float]], None] = lambda step, share, parts: None,
) -> Path:
    """Train one fold's detector, evaluate it on the left-out subject, write it; return its card.

    Raises
    ------
    MissingExtraError
        torchvision is not installed, or does not load beside this torch.
    ModelArtifactError
        The exported graph and the network give different boxes or scores.
    """
    parts = split_folds(data)[fold]
    network = train_faster_rcnn(_frames(data, parts.rows.train), settings, report)
    name = parts.subject.replace("/", "_")
    save_faster_rcnn(network, folder / f"{name}.pt")
    about = {
        "hash": data.fingerprint(),
        "left_out": parts.subject,
        "frames": len(np.unique(data.frame_of[parts.rows.train])),
        "simulated": data.simulated,
    }
    card = export_faster_rcnn(network, folder, name)
    detector = NetworkDetector(
        OnnxRuntimeEngine(folder / card.file, RuntimeOptions("onnxruntime", "cpu")), card
    )
    found = detect_all(detector, _frames(data, parts.test))
    figures = {"left_out_subject": figures_of(found, _THRESHOLD)}
    path = folder / f"{name}.json"
    replace(card, data=about, command=command, figures=figures).save(path)
    return path


def _frames(data: PoseData, rows: IntArray) -> DetectorData:
    """Return the frames of some rows as detectors are trained on them."""
    with TemporaryDirectory() as folder:
        save_shard(data.select(rows), Path(folder) / "rows.npz")
        return load_detector_data(Path(folder))


class _Exported(nn.Module):
    """`boxes` (M, 4) and `scores` (M,) of one (1, 3, H, W) picture in 0..1."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, thermal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.network([thermal[0]])[0]
        return found["boxes"], found["scores"]


def export_faster_rcnn(network: Any, folder: Path, name: str) -> DetectorCard:
    """Write `<name>.onnx` and return its card, which the caller completes and saves.

    Raises
    ------
    ModelArtifactError
        The file and the network give different boxes or scores.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, model = folder / f"{name}.onnx", _Exported(network).eval()
    low, high = CLIP
    example = torch.full((1, 3, INPUT_WH[1], INPUT_WH[0]), -low / (high - low))
    example[..., 12:50, 20:32] = 1.0
    export_traced(model, example, path, ["boxes", "scores"])
    card = DetectorCard(
        name=f"faster_rcnn-{name}",
        file=path.name,
        sha256=sha256_of(path),
        input_wh=INPUT_WH,
        channels=3,
        scale_k=SCALE_K,
        clip_min=low,
        clip_max=high,
        gain=1 / (high - low),
        offset=-low / (high - low),
        origin="corner",
        score_threshold=_THRESHOLD,
        limits=("Trained on simulated people, for comparison.", "Never tried on real patients."),
    )
    _check(path, model, example)
    return card


@torch.no_grad()
def _check(path: Path, model: nn.Module, example: torch.Tensor) -> None:
    answer = OnnxRuntimeEngine(path, RuntimeOptions(device="cpu")).run(example.numpy())
    boxes, scores = (part.numpy() for part in model(example))
    same = answer["boxes"].shape == boxes.shape
    worst = float(np.abs(answer["boxes"] - boxes).max(initial=0.0)) if same else float("inf")
    apart = float(np.abs(answer["scores"] - scores).max(initial=0.0)) if same else float("inf")
    if not max(worst, apart) <= _TOLERANCE_PX:
        raise ModelArtifactError(
            f"{path}: {len(answer['boxes'])} boxes for the network's {len(boxes)}, "
            f"differing by {worst:.2e} px; allowed: {_TOLERANCE_PX}"
        )
