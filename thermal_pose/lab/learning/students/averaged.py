# SPDX-License-Identifier: Apache-2.0
"""Average the weights of two exported models, of which one began its training as the other.

Weights on the straight line between a model and its further training often do as well as either
on what each is good at (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models",
arXiv:2109.01903). The files are folded: convolutions hold their norms, so the average needs no
statistics of its own.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

from thermal_pose.digest import sha256_of
from thermal_pose.errors import ModelArtifactError
from thermal_pose.files import whole_file
from thermal_pose.inference.card import ModelCard, Precision, load_card
from thermal_pose.lab.learning.fitting.config import TrainingConfig
from thermal_pose.lab.learning.students.export import quantise
from thermal_pose.lab.learning.students.recalibrate import recalibrate
from thermal_pose.lab.learning.students.ship import ShipData
from thermal_pose.lab.learning.students.ship_export import calibration_crops, judge_file
from thermal_pose.lab.learning.students.shipped_start import learnt_from

#: Figures of a card that averaging does not change.
_KEPT_FIGURES: Final = ("params", "macs")


def averaged_model(
    first: onnx.ModelProto, second: onnx.ModelProto, share: float
) -> onnx.ModelProto:
    """Return the second model with `share` of its own weights and the rest of the first's.

    Raises
    ------
    ModelArtifactError
        The models do not have the same weights by name and shape, or are quantised.
    """
    others = {each.name: numpy_helper.to_array(each) for each in first.graph.initializer}
    answer = onnx.ModelProto()
    answer.CopyFrom(second)
    mine = {each.name: list(each.dims) for each in answer.graph.initializer}
    if mine != {name: list(values.shape) for name, values in others.items()}:
        raise ModelArtifactError("average-models: the two models have different weights")
    for tensor in answer.graph.initializer:
        values, other = numpy_helper.to_array(tensor), others[tensor.name]
        if np.issubdtype(values.dtype, np.floating):
            mean = (1.0 - share) * other.astype(np.float64) + share * values.astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(mean.astype(values.dtype), tensor.name))
        elif not np.array_equal(values, other):
            raise ModelArtifactError("average-models: expected fp32 models, got other weights")
    return answer


def average_models(
    cards: tuple[Path, Path], share: float, data: ShipData, folder: Path, command: str
) -> dict[str, Path]:
    """Write the average of two models in fp32 and int8, calibrate its scores, and judge it.

    Parameters
    ----------
    cards : of the two fp32 models; name, input and provenance are those of the second.
    share : weight of the second, 0 to 1.
    data : training crops for the int8 ranges; people for the scores and to judge on.
    command : named in the cards as what made them.

    Returns
    -------
    The cards' paths by precision, 'fp32' and 'int8'.

    Raises
    ------
    ModelArtifactError
        A file is missing or altered, or the models differ in more than their weights' values.
    """
    first, second = (load_card(path) for path in cards)
    if (first.crop, first.decode, first.precision) != (second.crop, second.decode, "fp32"):
        raise ModelArtifactError(
            f"average-models: {cards[0]} and {cards[1]} are not two fp32 models with the same "
            "crop and decoding"
        )
    files = [
        onnx.load(path.parent / card.file)
        for path, card in zip(cards, (first, second), strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    fp32, int8 = folder / f"{second.name}.onnx", folder / f"{second.name}-int8.onnx"
    with whole_file(fp32) as stream:
        stream.write(averaged_model(files[0], files[1], share).SerializeToString())
    config = TrainingConfig(normalization=second.normalization)
    quantise(fp32, int8, calibration_crops(data.train, config))
    figures: dict[str, Any] = {
        name: second.figures[name] for name in _KEPT_FIGURES if name in second.figures
    }
    told: dict[str, Any] = {
        "averaged_with": {"model": _identity(first), "share_of_the_other": 1.0 - share},
        "seen_before": sorted({*learnt_from(first), *second.data.get("seen_before", [])}),
        "trained_as": {"model": _identity(second), "command": second.command},
    }
    answer: dict[str, Path] = {}
    files_by: dict[Precision, Path] = {"fp32": fp32, "int8": int8}
    for precision, path in files_by.items():
        name = path.stem
        card = replace(
            second, name=name, file=path.name, precision=precision, sha256=sha256_of(path),
            command=command, figures=figures, data={**second.data, **told},
        )  # fmt: skip
        answer[precision] = _finished(card, path.with_suffix(".json"), data)
    return answer


def _identity(card: ModelCard) -> str:
    return f"{card.name}-{card.sha256[:12]}"


def _finished(card: ModelCard, path: Path, data: ShipData) -> Path:
    card.save(path)
    recalibrate(path, data.calibration)
    judge_file(path, data.evaluation)
    return path
