# SPDX-License-Identifier: Apache-2.0
"""Builds detectors and estimators from the names that parameters and commands use."""

from pathlib import Path

from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.base import Engine, PersonDetector, PoseModel, RuntimeOptions
from thermal_pose.inference.card import load_card
from thermal_pose.inference.detector_card import load_detector_card
from thermal_pose.inference.heatmap_estimator import HeatmapPoseEstimator
from thermal_pose.inference.network_detector import NetworkDetector
from thermal_pose.inference.warm_blob import WarmBlobDetector

WARM_BLOB = "warm_blob"
FASTER_RCNN_PREFIX = "faster_rcnn:"


def make_engine(path: Path, options: RuntimeOptions, precision: str) -> Engine:
    """Load an ONNX file on the requested engine."""
    if options.engine == "openvino":
        from thermal_pose.inference.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(path, options, precision)
    from thermal_pose.inference.onnxruntime_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine(path, options, precision)


def make_estimator(model: str, options: RuntimeOptions | None = None) -> PoseModel:
    """Load a pose model by name or by the path of its card.

    Raises
    ------
    ModelArtifactError
        Card or model missing, altered (sha256) or of the wrong shape.
    MissingExtraError
        The requested engine is not installed.
    """
    options = options or RuntimeOptions()
    path = card_path(model)
    card = load_card(path)
    return HeatmapPoseEstimator(make_engine(path.parent / card.file, options, card.precision), card)


def make_detector(model: str, options: RuntimeOptions | None = None) -> PersonDetector:
    """Load a detector: 'warm_blob', a name or card, or 'faster_rcnn:<weights.pt>' (extra).

    Raises
    ------
    ModelArtifactError, MissingExtraError
        As `make_estimator`.
    """
    options = options or RuntimeOptions()
    if model == WARM_BLOB:
        return WarmBlobDetector()
    if model.startswith(FASTER_RCNN_PREFIX):
        from thermal_pose.inference.torchvision_detector import FasterRcnnDetector

        return FasterRcnnDetector(Path(model.removeprefix(FASTER_RCNN_PREFIX)), options)
    path = card_path(model)
    card = load_detector_card(path)
    return NetworkDetector(make_engine(path.parent / card.file, options, card.precision), card)
