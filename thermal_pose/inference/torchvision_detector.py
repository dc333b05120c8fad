# SPDX-License-Identifier: Apache-2.0
"""The paper's Faster R-CNN ResNet-50 FPN with two classes (extra `torchvision`, on use)."""

from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.digest import sha256_of
from thermal_pose.errors import MissingExtraError, ModelArtifactError
from thermal_pose.imaging.radiometry import relative_k
from thermal_pose.inference.base import RuntimeInfo, RuntimeOptions
from thermal_pose.types import FloatArray, PersonBox, UInt16Array

_PERSON = 1
_SCALE_K, _CLIP_MIN, _CLIP_MAX = 5.0, -2.0, 3.0


class FasterRcnnDetector:
    """Faster R-CNN as the learning commands train it.

    Parameters
    ----------
    weights : a state dict saved by them.
    options : device and threads; the engine is torch.

    Notes
    -----
    Frames are enlarged so that the shorter side has 240 px, the smallest size at which the
    feature pyramid still separates people 20 px tall; torchvision's default of 800 px takes
    more than ten times as long. The input is kelvin above the frame's median over 5, clipped
    to -2..3 and mapped to 0..1, repeated over three channels.
    """

    def __init__(
        self, weights: Path, options: RuntimeOptions, score_threshold: float = 0.5
    ) -> None:
        try:
            import torch
            import torchvision
        except (ImportError, RuntimeError) as error:
            raise MissingExtraError(
                "the Faster R-CNN detector", "torchvision", "torchvision"
            ) from error
        if not weights.is_file():
            raise ModelArtifactError(f"{weights}: no such weights")
        self._torch = torch
        torch.set_num_threads(options.threads)
        self._device = _device(torch, options.device)
        self._model: Any = build_faster_rcnn()
        try:
            self._model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        except (RuntimeError, KeyError, OSError) as error:
            raise ModelArtifactError(f"{weights}: not a Faster R-CNN of ours: {error}") from error
        self._model.eval().to(self._device)
        self._model_id = f"faster_rcnn-{sha256_of(weights)[:12]}"
        self._threshold = self._built_threshold = score_threshold
        engine = f"torchvision {torchvision.__version__}"
        self._info = RuntimeInfo(engine, str(self._device).upper(), "fp32", options.threads)

    @property
    def model_id(self) -> str:
        """Name and the first 12 hex digits of the weights' sha256."""
        return self._model_id

    @property
    def info(self) -> RuntimeInfo:
        """Engine and device that it runs on."""
        return self._info

    @property
    def score_threshold(self) -> float:
        """Boxes of a lower score are left out."""
        return self._threshold

    def set_score_threshold(self, threshold: float | None) -> None:
        """Keep boxes of at least this score from the next frame on; None: as built."""
        self._threshold = self._built_threshold if threshold is None else threshold

    def detect(self, centikelvin: UInt16Array) -> tuple[PersonBox, ...]:
        """Return the boxes of all people, best score first."""
        with self._torch.inference_mode():
            tensor = self._torch.from_numpy(faster_rcnn_input(centikelvin)).to(self._device)
            found = self._model([tensor])[0]
        keep = (found["labels"] == _PERSON) & (found["scores"] >= self._threshold)
        boxes = found["boxes"][keep].cpu().numpy().astype(np.float32) - np.float32(0.5)
        scores = found["scores"][keep].cpu().numpy().astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        return tuple(PersonBox(tuple(boxes[i].tolist()), float(scores[i])) for i in order)


def faster_rcnn_input(centikelvin: UInt16Array) -> FloatArray:
    """Return (3, H, W) float32 in 0..1."""
    values = np.clip(relative_k(centikelvin, _SCALE_K), _CLIP_MIN, _CLIP_MAX)
    values = (values - _CLIP_MIN) / (_CLIP_MAX - _CLIP_MIN)
    return np.repeat(np.asarray(values[None], dtype=np.float32), 3, axis=0)


def build_faster_rcnn() -> Any:
    """Return the untrained two-class network at 240 px (torchvision imported here)."""
    from torchvision.models.detection import fasterrcnn_resnet50_fpn

    return fasterrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=2, min_size=240, max_size=320
    )


def _device(torch: Any, wanted: str) -> Any:
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise ModelArtifactError("device 'cuda': torch finds none")
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")
