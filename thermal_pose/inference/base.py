# SPDX-License-Identifier: Apache-2.0
"""Interfaces of person detectors, pose estimators and the engines that run them.

Any class with these methods works; `factory.py` builds the shipped ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from thermal_pose.types import FloatArray, PersonBox, PersonKeypoints, UInt16Array


@dataclass(frozen=True)
class RuntimeInfo:
    """Engine and device that a model runs on, as shown in /diagnostics.

    Attributes
    ----------
    engine : 'onnxruntime 1.31.1', 'openvino 2026.4', 'numpy', ...
    device : 'CPU', 'CUDA', ...: where the operators were placed.
    precision : 'fp32', 'int8', 'bf16', ...
    threads : worker threads of one inference.
    """

    engine: str
    device: str
    precision: str
    threads: int

    def __str__(self) -> str:
        return f"{self.engine}, {self.device}, {self.precision}, {self.threads} thread(s)"


@dataclass(frozen=True)
class RuntimeOptions:
    """Requested engine, device and threads of a model.

    Attributes
    ----------
    engine : 'onnxruntime' (default) or 'openvino' (extra).
    device : 'auto' takes a GPU that the engine offers and the CPU otherwise; 'cpu' and 'cuda'
        are strict: an unavailable device is an error, never a silent fallback.
    threads : worker threads of one inference, >= 1.
    """

    engine: str = "onnxruntime"
    device: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        if self.engine not in ("onnxruntime", "openvino"):
            raise ValueError(f"engine: expected onnxruntime or openvino, got {self.engine!r}")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device: expected auto, cpu or cuda, got {self.device!r}")
        if self.threads < 1:
            raise ValueError(f"threads: expected at least 1, got {self.threads}")


class Engine(Protocol):
    """Runs one network: one float32 input, named float32 outputs."""

    @property
    def info(self) -> RuntimeInfo:
        """Engine and device that it runs on."""
        ...

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the input; None for dimensions of any size."""
        ...

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        ...

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        """Return all outputs for one input tensor."""
        ...


class PersonDetector(Protocol):
    """Finds people in one thermal frame."""

    @property
    def model_id(self) -> str:
        """Name and the first 12 hex digits of the model's sha256, or the method's name."""
        ...

    @property
    def info(self) -> RuntimeInfo:
        """Engine and device that it runs on."""
        ...

    def detect(self, centikelvin: UInt16Array) -> tuple[PersonBox, ...]:
        """Return the boxes of all people in an (H, W) frame, best score first, ids all 0."""
        ...


@runtime_checkable
class ThresholdedDetector(Protocol):
    """A detector with calibrated scores and an adjustable threshold."""

    @property
    def score_threshold(self) -> float:
        """Boxes with a lower score are dropped, 0..1."""
        ...

    def set_score_threshold(self, threshold: float | None) -> None:
        """Set the threshold from the next frame on; None restores the shipped one."""
        ...


class PoseModel(Protocol):
    """Finds the 17 joints of the person in each given box."""

    @property
    def model_id(self) -> str:
        """Name and the first 12 hex digits of the model's sha256."""
        ...

    @property
    def info(self) -> RuntimeInfo:
        """Engine and device that it runs on."""
        ...

    def estimate(
        self, centikelvin: UInt16Array, boxes: Sequence[PersonBox]
    ) -> tuple[PersonKeypoints, ...]:
        """Return one record per box, in the order of the boxes, ids copied from them."""
        ...
