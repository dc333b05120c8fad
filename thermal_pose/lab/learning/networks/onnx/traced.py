# SPDX-License-Identifier: Apache-2.0
"""Writes networks as ONNX by tracing, for those whose graph we do not build ourselves."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

_OPSET = 17


def export_traced(
    model: nn.Module, example: Tensor, path: Path, outputs: Sequence[str] | None = None
) -> None:
    """Write `model` as ONNX with one input, 'thermal', of the example's shape.

    The exporter of traced graphs needs no further package and folds batch norms. Its warnings
    about deprecation and about fixed sizes are silenced.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example,),
            str(path),
            input_names=["thermal"],
            output_names=outputs,
            opset_version=_OPSET,
            dynamo=False,
        )
