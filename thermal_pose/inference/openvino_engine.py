# SPDX-License-Identifier: Apache-2.0
"""Runs an ONNX file on OpenVINO, the fast extra for x86 (imported on use)."""

from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.errors import MissingExtraError, ModelArtifactError
from thermal_pose.inference.base import RuntimeInfo, RuntimeOptions
from thermal_pose.types import FloatArray


class OpenVinoEngine:
    """One network on OpenVINO; arguments and errors as `OnnxRuntimeEngine`.

    Notes
    -----
    OpenVINO uses bf16 by default on processors that have it. Here fp32 means fp32: the
    card's precision is enforced, and `info` reports that of the compiled model.
    """

    def __init__(self, path: Path, options: RuntimeOptions, precision: str = "fp32") -> None:
        try:
            import openvino
        except ImportError as error:
            raise MissingExtraError("the engine 'openvino'", "openvino", "openvino") from error
        if options.device == "cuda":
            raise ModelArtifactError("device 'cuda': OpenVINO has none; use 'auto' or 'cpu'")
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": options.threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        try:
            self._model: Any = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as error:
            raise ModelArtifactError(f"{path}: openvino cannot load it: {error}") from error
        if len(self._model.inputs) != 1:
            raise ModelArtifactError(
                f"{path}: expected one float32 input, got {len(self._model.inputs)}"
            )
        self._path = path
        self._request = self._model.create_infer_request()
        version = openvino.__version__.split("-")[0]
        self._info = RuntimeInfo(f"openvino {version}", "CPU", precision, options.threads)

    @property
    def info(self) -> RuntimeInfo:
        """Engine and device that it runs on."""
        return self._info

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the input; None if any size will do."""
        shape = self._model.inputs[0].partial_shape
        return tuple(size.get_length() if size.is_static else None for size in shape)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(item.get_any_name() for item in self._model.outputs)

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        """Return all outputs; ModelArtifactError if the model rejects the input."""
        try:
            results = self._request.infer([tensor])
        except RuntimeError as error:
            raise ModelArtifactError(
                f"{self._path}: cannot run on {tensor.shape} {tensor.dtype}: {error}"
            ) from error
        return {item.get_any_name(): np.array(results[item]) for item in self._model.outputs}
