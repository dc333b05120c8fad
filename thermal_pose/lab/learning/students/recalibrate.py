# SPDX-License-Identifier: Apache-2.0
"""Recalibrate the scores of an exported model, as the file itself computes them.

The head is fitted to the trained network in fp32. Quantised heatmaps have other peaks, and a
user's camera other noise, so the same scores are then too high or too low. Slope and offset
of each logit (Platt 1999) are fitted again on people that the model has not seen, and written
into the file's last layer; joints do not move.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from thermal_pose.errors import ModelArtifactError, TrainingError
from thermal_pose.files import whole_file
from thermal_pose.inference.card import ModelCard, load_card
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.confidence import fit_platt
from thermal_pose.lab.learning.students.judge import run_model
from thermal_pose.lab.metrics.calibration import expected_calibration_error
from thermal_pose.skeleton import N_JOINTS

_LAYER: Final = "confidence.out"
#: Fewer rows than these leave the scores of a kept head as they are.
LEAST_RECALIBRATED: Final = 5
#: Scores are float32: beyond this their logit is not known.
_LEAST: Final = 1e-6


def recalibrate(card_path: Path, data: PoseData, joints_only: bool = False) -> dict[str, Any]:
    """Fit the scores of a model's file to a data set with truth, and rewrite file and card.

    Parameters
    ----------
    data : people that the model has not seen, and crops without a person.
    joints_only : keep the person score unchanged; crops without a person are then not needed.

    Returns
    -------
    {'slope': (18,), 'offset': (18,)} of the logits, the person's last, and the joints' expected
    calibration error on this very data, 'joint_ece_before' and 'joint_ece_after'; also in the
    card's data.

    Raises
    ------
    TrainingError
        The data lack people, or crops without a person.
    ModelArtifactError
        The file has no such layer.
    StorageError
        The disk is full or read-only; the old model is kept.
    """
    if not data.person.any() or (data.person.all() and not joints_only):
        raise TrainingError("recalibrate: needs crops with and without people")
    card = load_card(card_path)
    path = card_path.parent / card.file
    model = onnx.load(path)
    layers = {tensor.name: tensor for tensor in model.graph.initializer}
    try:
        weight, bias = layers[f"{_LAYER}.weight"], layers[f"{_LAYER}.bias"]
    except KeyError as error:
        raise ModelArtifactError(f"{path}: has no layer {error} to calibrate") from error
    answers = run_model(make_estimator(str(card_path)), data)
    scores = np.clip(answers.scores.astype(np.float64), _LEAST, 1 - _LEAST)
    logits = torch.from_numpy(np.log(scores / (1 - scores))).float()
    hits, counted = answers.events(data)
    if joints_only:
        counted[:, N_JOINTS] = 0  # without data the map stays the identity
    slope, offset = fit_platt(logits, torch.from_numpy(hits), torch.from_numpy(counted))
    fitted_scores = torch.sigmoid(logits * slope + offset).numpy()
    _scale(weight, slope.numpy()[:, None], 0)
    _scale(bias, slope.numpy(), offset.numpy())
    joint = counted[:, :N_JOINTS] > 0.5
    before, after = (
        expected_calibration_error(given[:, :N_JOINTS][joint], hits[:, :N_JOINTS][joint] > 0.5)
        for given in (answers.scores, fitted_scores)
    )
    fitted: dict[str, Any] = {"slope": slope.tolist(), "offset": offset.tolist()}
    fitted |= {"joint_ece_before": before, "joint_ece_after": after}
    about = {"hash": data.fingerprint(), "frames": len(data.frames), **fitted}
    told = replace(card, data={**card.data, "scores_calibrated_again": about})
    _replace(path, model, card_path, told)
    return fitted


def _scale(tensor: onnx.TensorProto, slope: Any, offset: Any) -> None:
    values = numpy_helper.to_array(tensor)
    changed = (values * slope + offset).astype(values.dtype)
    tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))


def _replace(path: Path, model: onnx.ModelProto, card_path: Path, card: ModelCard) -> None:
    """Write model and card beside the old ones, both whole, before either is replaced."""
    content = model.SerializeToString()
    new_card = replace(card, sha256=hashlib.sha256(content).hexdigest())
    with whole_file(card_path) as card_stream, whole_file(path) as model_stream:
        model_stream.write(content)
        card_stream.write(new_card.to_json().encode())
        card_stream.flush()
