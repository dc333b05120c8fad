# SPDX-License-Identifier: Apache-2.0
"""Hand-made ONNX models that obey the contracts, small enough to write in a test."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from thermal_pose.digest import sha256_of
from thermal_pose.inference.card import ModelCard, Normalization
from thermal_pose.inference.detector_card import DetectorCard

FLOAT = TensorProto.FLOAT


def _save(path: Path, nodes, inputs, outputs, weights) -> None:
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def write_warmest_spot_model(
    folder: Path, name: str = "warmest", joints: int = 17, spread: bool = False
) -> Path:
    """A pose model whose joints are all the crop's warmest spot; returns its card's path.

    With `spread` joint k is the warmest spot near its own height of the crop, head to foot.

    Joint score: the spot's normalised height; person score: their mean.
    """
    path = folder / f"{name}.onnx"
    mask = np.ones((1, joints, 1, 1))
    if spread:
        height = np.linspace(9, 54, joints)[None, :, None, None]
        mask = np.exp(-((np.arange(64)[None, None, :, None] - height) ** 2) / (2 * 1.5**2))
    _save(
        path,
        [
            helper.make_node(
                "AveragePool", ["thermal"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]
            ),
            helper.make_node("Conv", ["pooled", "ones"], ["warmth"], kernel_shape=[1, 1]),
            helper.make_node("Mul", ["warmth", "mask"], ["heatmaps"]),
            helper.make_node("GlobalMaxPool", ["heatmaps"], ["peaks"]),
            helper.make_node("Flatten", ["peaks"], ["raw"]),
            helper.make_node("Clip", ["raw", "low", "high"], ["joint_scores"]),
            helper.make_node(
                "ReduceMean", ["joint_scores"], ["person_score"], axes=[1], keepdims=0
            ),
        ],
        {"thermal": ["N", 1, 256, 192]},
        {
            "heatmaps": ["N", joints, 64, 48],
            "joint_scores": ["N", joints],
            "person_score": ["N"],
        },
        {
            "ones": np.ones((joints, 1, 1, 1), np.float32),
            "mask": mask.astype(np.float32),
            "low": np.float32(0.0),
            "high": np.float32(1.0),
        },
    )
    card = ModelCard(
        name, path.name, sha256_of(path), "fp32", normalization=Normalization("frame_median")
    )
    card_path = folder / f"{name}.json"
    card.save(card_path)
    return card_path


def write_fixed_box_model(
    folder: Path, boxes: np.ndarray, scores: np.ndarray, name: str = "fixed", **card
) -> Path:
    """A detector that always finds the same boxes; returns its card's path."""
    path = folder / f"{name}.onnx"
    boxes, scores = np.asarray(boxes, np.float32), np.asarray(scores, np.float32)
    _save(
        path,
        [
            helper.make_node("ReduceMean", ["thermal"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
            helper.make_node("Add", ["fixed_boxes", "nothing"], ["boxes"]),
            helper.make_node("Add", ["fixed_scores", "nothing"], ["scores"]),
        ],
        {"thermal": [1, 1, 64, 80]},
        {"boxes": list(boxes.shape), "scores": list(scores.shape)},
        {"fixed_boxes": boxes, "fixed_scores": scores, "zero": np.float32(0.0)},
    )
    card_path = folder / f"{name}.json"
    DetectorCard(name, path.name, sha256_of(path), **card).save(card_path)
    return card_path
