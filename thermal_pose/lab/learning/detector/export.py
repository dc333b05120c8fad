# SPDX-License-Identifier: Apache-2.0
"""Writes a trained detector as ONNX with its card, and judges any detector on shards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from thermal_pose.digest import sha256_of
from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.base import PersonDetector, RuntimeOptions, ThresholdedDetector
from thermal_pose.inference.detector_card import DetectorCard
from thermal_pose.inference.onnxruntime_engine import OnnxRuntimeEngine
from thermal_pose.lab.learning.detector.augment import CLIP, SCALE_K
from thermal_pose.lab.learning.detector.data import DetectorData
from thermal_pose.lab.learning.detector.network import INPUT_WH, DetectorWithPeaks, TinyDetector
from thermal_pose.lab.learning.networks.onnx.traced import export_traced
from thermal_pose.lab.learning.networks.teacher import UNREADABLE
from thermal_pose.lab.metrics.detection import (
    DetectionFigures,
    FrameDetections,
    evaluate_detections,
)

_TOLERANCE: Final = 1e-3
_LEAST_COMPARED: Final = 0.05
_LIMITS: Final = (
    "Never tried on real patients.",
    "Trained on simulated people at 2.6 to 8 m, nearer ones partly out of view.",
    "Two people whose silhouettes share a centre are one.",
)


def export_detector(
    network: TinyDetector,
    folder: Path,
    name: str = "detector",
    score_threshold: float = 0.5,
    **provenance: Any,
) -> Path:
    """Write `<name>.onnx` and `<name>.json`; return the card's path.

    Parameters
    ----------
    provenance : further fields of the card (data, command, figures).

    Raises
    ------
    ModelArtifactError
        The file and the network give different boxes or scores.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    model = DetectorWithPeaks(network).eval()
    example = torch.zeros(1, 1, INPUT_WH[1], INPUT_WH[0])
    example[..., 12:50, 20:32] = 1.0
    example[..., 8:40, 50:60] = 0.8
    export_traced(model, example, path, ["boxes", "scores"])
    card = DetectorCard(
        name=name,
        file=path.name,
        sha256=sha256_of(path),
        input_wh=INPUT_WH,
        scale_k=SCALE_K,
        clip_min=CLIP[0],
        clip_max=CLIP[1],
        score_threshold=score_threshold,
        limits=_LIMITS,
        **provenance,
    )
    _check(path, model, example)
    card_path = folder / f"{name}.json"
    card.save(card_path)
    return card_path


def save_weights(network: TinyDetector, path: Path) -> None:
    """Keep the trained weights beside the export, for further training or export."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), path)


def load_weights(path: Path) -> TinyDetector:
    """Return the network of `save_weights`.

    Raises
    ------
    ModelArtifactError
        The file is missing, damaged or of another network.
    """
    network = TinyDetector()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (*UNREADABLE, AttributeError) as error:
        raise ModelArtifactError(f"{path}: not the weights of a detector: {error}") from error
    return network


@torch.no_grad()
def _check(path: Path, model: DetectorWithPeaks, example: torch.Tensor) -> None:
    answer = OnnxRuntimeEngine(path, RuntimeOptions(device="cpu")).run(example.numpy())
    boxes, scores = (part.numpy() for part in model(example))
    # Cells without a person all score 0, in any order.
    found = scores > _LEAST_COMPARED
    worst = max(
        float(np.abs(answer["scores"] - scores).max()),
        float(np.abs((answer["boxes"] - boxes)[found]).max(initial=0.0)),
    )
    if not worst <= _TOLERANCE:
        raise ModelArtifactError(
            f"{path}: differs from the trained network by {worst:.2e}, allowed are {_TOLERANCE}"
        )


def detect_all(
    detector: PersonDetector,
    data: DetectorData,
    tick: Callable[[int], object] = lambda frames: None,
) -> list[FrameDetections]:
    """Run a detector over all frames; scores down to 0.01 count towards AP.

    Parameters
    ----------
    tick : called with the number of frames done since the last call.
    """
    if isinstance(detector, ThresholdedDetector):
        detector.set_score_threshold(0.01)
    answers = []
    for frame, rows, truth in zip(data.frames, data.rows, data.boxes, strict=True):
        # The data hold temperatures relative to the room, so any room temperature works.
        counts = np.rint(frame[:rows].astype(np.float32) * 100 + 29500)
        found = detector.detect(np.clip(counts, 0, 65535).astype(np.uint16))
        boxes = np.array([box.xyxy for box in found], dtype=np.float32).reshape(-1, 4)
        scores = np.array([box.score for box in found], dtype=np.float32)
        answers.append(FrameDetections(truth[truth[:, 2] > 0], boxes, scores))
        tick(1)
    return answers


def choose_threshold(answers: list[FrameDetections]) -> float:
    """Return the score threshold of best F1 on validation frames, 0.2 to 0.8.

    Of equal ones the lowest is taken: a missed person costs a trial, a false box is still
    rejected by the pose network's scores.
    """

    def f1(threshold: float) -> float:
        figures = evaluate_detections(answers, threshold)
        if not figures.recall or not figures.precision:
            return 0.0
        return 2 * figures.recall * figures.precision / (figures.recall + figures.precision)

    grid = [round(float(value), 2) for value in np.arange(0.2, 0.81, 0.05)]
    return max(grid, key=lambda threshold: (round(f1(threshold), 4), -threshold))


def figures_of(answers: list[FrameDetections], threshold: float) -> dict[str, Any]:
    """Return the figures of all frames, and of those without and with people, as JSON values."""
    sets = {
        "all": answers,
        "empty": [answer for answer in answers if not len(answer.truth_xyxy)],
        "one_person": [answer for answer in answers if len(answer.truth_xyxy) == 1],
        "several_people": [answer for answer in answers if len(answer.truth_xyxy) > 1],
    }
    return {
        name: _rounded(evaluate_detections(chosen, threshold))
        for name, chosen in sets.items()
        if chosen
    }


def _rounded(figures: DetectionFigures) -> dict[str, Any]:
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in vars(figures).items()
    }
