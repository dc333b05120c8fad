# SPDX-License-Identifier: Apache-2.0
"""Runs an ONNX file on onnxruntime, the lean default."""

from pathlib import Path
from typing import Any

import onnxruntime as ort

from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.base import RuntimeInfo, RuntimeOptions
from thermal_pose.types import FloatArray

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_LOG_ERRORS_ONLY = 3


class OnnxRuntimeEngine:
    """One network on onnxruntime.

    Parameters
    ----------
    path : the ONNX file; it must have exactly one float32 input.
    options : device and threads.
    precision : the card's precision, reported in `info`.

    Raises
    ------
    ModelArtifactError
        The file is not a model, has other inputs, or the requested device is unavailable.
    """

    def __init__(self, path: Path, options: RuntimeOptions, precision: str = "fp32") -> None:
        try:
            self._session = ort.InferenceSession(
                str(path), _session_options(options.threads), providers=_providers(options.device)
            )
        except ModelArtifactError:
            raise
        except Exception as error:  # onnxruntime's own classes share no base but Exception
            raise ModelArtifactError(f"{path}: onnxruntime cannot load it: {error}") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            found = ", ".join(f"{item.name}: {item.type}" for item in inputs)
            raise ModelArtifactError(f"{path}: expected one float32 input, got {found}")
        self._path = path
        self._input: Any = inputs[0]
        self._outputs = tuple(item.name for item in self._session.get_outputs())
        used = self._session.get_providers()[0].removesuffix("ExecutionProvider")
        self._info = RuntimeInfo(f"onnxruntime {ort.__version__}", used, precision, options.threads)

    @property
    def info(self) -> RuntimeInfo:
        """Engine and device that it runs on."""
        return self._info

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the input; None if any size will do."""
        return tuple(size if isinstance(size, int) else None for size in self._input.shape)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self._outputs

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        """Return all outputs; ModelArtifactError if the model rejects the input."""
        try:
            values = self._session.run(None, {self._input.name: tensor})
        except Exception as error:
            raise ModelArtifactError(
                f"{self._path}: cannot run on {tensor.shape} {tensor.dtype}: {error}"
            ) from error
        return dict(zip(self._outputs, values, strict=True))


def _session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_ERRORS_ONLY
    # Spinning idle workers would occupy a core between frames at 8 Hz.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _providers(device: str) -> list[str]:
    available = ort.get_available_providers()
    if device == "auto":
        return [name for name in (_PROVIDERS["cuda"], _PROVIDERS["cpu"]) if name in available]
    wanted = _PROVIDERS[device]
    if wanted not in available:
        raise ModelArtifactError(
            f"device '{device}': this onnxruntime offers only {', '.join(available)}"
        )
    return [wanted]
