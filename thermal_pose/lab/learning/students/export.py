# SPDX-License-Identifier: Apache-2.0
"""Trained students as ONNX files with cards: fp32 and int8, folded, checked on export."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch

from thermal_pose.digest import sha256_of
from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.card import (
    NEVER_ON_PATIENTS,
    CropRule,
    DecodeRule,
    ModelCard,
    Normalization,
)
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.onnx.graph import build_onnx
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.types import FloatArray

#: Largest difference allowed between the folded graph and the trained network, relative to
#: the largest output: rounding stays far below it, a mistake does not. The card records the
#: difference itself (1e-6 or so on trained networks).
FOLD_TOLERANCE: Final = 1e-3
_FP32_PARTS: Final = ("encoder", "confidence", "heatmaps")


@dataclass(frozen=True)
class ModelProvenance:
    """The part of a card that only training knows; fields as in `ModelCard`."""

    data: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    device: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = (NEVER_ON_PATIENTS,)
    normalization: Normalization = field(default_factory=Normalization)
    crop: CropRule = field(default_factory=CropRule)
    decode: DecodeRule = field(default_factory=DecodeRule)


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@torch.no_grad()
def check_folded(
    path: Path, network: PoseNetwork, head: ConfidenceHead, inputs: FloatArray
) -> float:
    """Return the largest difference between a folded file's heatmaps and its network's.

    Parameters
    ----------
    inputs : (N, 1, 256, 192) normalised crops.

    Raises
    ------
    ModelArtifactError
        The difference exceeds `FOLD_TOLERANCE`.
    """
    out = network.eval()(torch.from_numpy(inputs).expand(-1, 3, -1, -1))
    got = _session(path).run(None, {"thermal": inputs})
    expected = out.heatmaps.numpy()
    worst = float(np.abs(got[0] - expected).max())
    allowed = FOLD_TOLERANCE * max(1.0, float(np.abs(expected).max()))
    # The head gets the folded heatmaps, to compare its algebra, not the effect of rounding.
    scores = head.eval()(out.features, torch.from_numpy(got[0]))
    for mine, theirs in zip(got[1:], scores, strict=True):
        allowed_score = 10 * FOLD_TOLERANCE
        if not float(np.abs(mine - theirs.numpy()).max()) <= allowed_score:
            raise ModelArtifactError(f"{path}: the folded confidence head is not the trained one")
    if not worst <= allowed:
        raise ModelArtifactError(
            f"{path}: the folded graph differs from the trained network by {worst:.2e}, "
            f"allowed are {allowed:.0e}"
        )
    return worst


class _Crops:
    """Feeds calibration crops one by one, as onnxruntime's quantiser asks for them."""

    def __init__(self, crops: FloatArray) -> None:
        self._rest: Iterator[FloatArray] = iter(crops[:, None])

    def get_next(self) -> dict[str, FloatArray] | None:
        """Return the next (1, 1, 256, 192) crop, None at the end."""
        crop = next(self._rest, None)
        return None if crop is None else {"thermal": crop}


@contextlib.contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Silence the quantiser's advice to preprocess: the graph is written in its final form."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


def quantise(fp32: Path, int8: Path, crops: FloatArray) -> None:
    """Quantise the decoder of an exported student to int8 (QDQ, weights per channel).

    Parameters
    ----------
    crops : (N, 1, 256, 192) normalised training crops that the activation ranges come from.

    Notes
    -----
    The decoder is 97 % of the multiply-adds. The encoder stays in fp32: its depthwise
    convolutions and gates gain nothing from int8 and lose most of the accuracy. So do the
    confidence head and the output's interleaving, which cost almost nothing.

    Weights have 7 bits: on processors without VNNI, onnxruntime adds pairs of products in 16
    bits, which saturate with 8-bit weights and silently change the result.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if len(crops) == 0:
        raise ValueError("crops: expected at least one calibration crop, got none")
    names = [node.name for node in onnx.load(fp32).graph.node]
    with _quiet_root_logger():
        quantize_static(
            fp32,
            int8,
            _Crops(crops),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=[name for name in names if name.startswith(_FP32_PARTS)],
            extra_options={"ActivationSymmetric": False},
        )


def _write_card(path: Path, name: str, precision: Any, provenance: ModelProvenance) -> Path:
    card = ModelCard(
        name=name,
        file=path.name,
        sha256=sha256_of(path),
        precision=precision,
        normalization=provenance.normalization,
        crop=provenance.crop,
        decode=provenance.decode,
        data=provenance.data,
        command=provenance.command,
        device=provenance.device,
        figures=provenance.figures,
        limits=provenance.limits,
    )
    card_path = path.with_suffix(".json")
    card.save(card_path)
    return card_path


def export_student(
    network: PoseNetwork,
    head: ConfidenceHead,
    folder: Path,
    name: str,
    crops: FloatArray,
    provenance: ModelProvenance,
) -> dict[str, Path]:
    """Write `<name>.onnx` (fp32) and `<name>-int8.onnx`, each with its card.

    Parameters
    ----------
    crops : (N, 1, 256, 192) normalised training crops: they check the folding and give the
        int8 ranges.

    Returns
    -------
    The cards' paths by precision, 'fp32' and 'int8'.

    Raises
    ------
    ModelArtifactError
        The folded graph is not the trained network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network, head = network.float().cpu().eval(), head.float().cpu().eval()
    fp32, int8 = folder / f"{name}.onnx", folder / f"{name}-int8.onnx"
    onnx.save(build_onnx(network, head, name), fp32)
    worst = check_folded(fp32, network, head, crops[:4])
    quantise(fp32, int8, crops)
    figures = {**provenance.figures, "fold_error": worst}
    return {
        "fp32": _write_card(fp32, name, "fp32", replace(provenance, figures=figures)),
        "int8": _write_card(int8, f"{name}-int8", "int8", provenance),
    }
