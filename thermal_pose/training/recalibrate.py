# SPDX-License-Identifier: Apache-2.0
"""Calibrates the scores of an exported model anew, as the file itself computes them.

The head is fitted to the trained network in fp32. Quantised heatmaps have other peaks, and a
user's camera other noise: the same scores then promise too much or too little. Slope and offset
of each logit (Platt 1999) are fitted again on people the model has not learnt from, and written
into the file's last layer; joints do not move.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from thermal_pose.errors import ModelArtifactError, StorageError
from thermal_pose.inference.card import load_card, sha256_of
from thermal_pose.inference.factory import make_estimator
from thermal_pose.training.confidence import Evidence, fit_platt
from thermal_pose.training.evaluate_models import run_model
from thermal_pose.training.pose_data import PoseData

_LAYER: Final = "confidence.out"
#: Scores are float32: beyond this their logit is not known.
_LEAST: Final = 1e-6


def recalibrate(card_path: Path, data: PoseData) -> dict[str, Any]:
    """Fit the scores of a model's file to a data set with truth, and rewrite file and card.

    Parameters
    ----------
    data : people the model has not learnt from, and crops without anybody.

    Returns
    -------
    {'slope': (18,), 'offset': (18,)} of the logits, the person's last; also in the card's data.

    Raises
    ------
    ModelArtifactError
        The file has no such layer.
    StorageError
        The disk is full or read-only; the old model is kept.
    """
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
    hits, counted = (torch.from_numpy(part) for part in answers.events(data))
    slope, offset = fit_platt(logits, Evidence(logits, hits, counted, torch.zeros(len(data))))
    _scale(weight, slope.numpy()[:, None], 0)
    _scale(bias, slope.numpy(), offset.numpy())
    fitted = {"slope": slope.tolist(), "offset": offset.tolist()}
    about = {"hash": data.fingerprint(), "frames": len(data.frames), **fitted}
    told = replace(card, data={**card.data, "scores_calibrated_again": about})
    _replace(path, model, lambda digest: replace(told, sha256=digest).save(card_path))
    return fitted


def _scale(tensor: onnx.TensorProto, slope: Any, offset: Any) -> None:
    values = numpy_helper.to_array(tensor)
    changed = (values * slope + offset).astype(values.dtype)
    tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))


def _replace(path: Path, model: onnx.ModelProto, save_card: Callable[[str], None]) -> None:
    """Write model and card; where either cannot be written, the old model stays."""
    new, old = path.with_suffix(".part"), path.with_suffix(".old")
    try:
        onnx.save(model, new)
        path.replace(old)
        new.replace(path)
        save_card(sha256_of(path))
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error}") from error
    else:
        old.unlink()
    finally:
        if old.exists():
            old.replace(path)
        new.unlink(missing_ok=True)
