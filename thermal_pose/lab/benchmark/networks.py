# SPDX-License-Identifier: Apache-2.0
"""The networks that are timed, each as a function of one crop: ours, and its peers at true size.

Timing needs the shape of a network and no trained weights: peers have random ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from torch import nn

from thermal_pose.errors import MissingExtraError, ModelArtifactError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.base import RuntimeOptions
from thermal_pose.inference.factory import make_engine
from thermal_pose.lab.benchmark.rtmpose import RtmPose
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.onnx.graph import build_onnx
from thermal_pose.lab.learning.networks.onnx.traced import export_traced
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.vit import VisionTransformerEncoder, VitConfig
from thermal_pose.lab.learning.students.export import quantise
from thermal_pose.lab.learning.students.ship import SHIPPED

INPUT_WH: Final = (192, 256)
THREADS: Final = (1, 2)

Run = Callable[[], object]


@dataclass(frozen=True)
class TimedNetwork:
    """One row of the table.

    Attributes
    ----------
    name : key in `crop_ms`.
    about : engine, precision and form in words.
    make : builds a function that runs one crop on a given number of threads.
    """

    name: str
    about: str
    make: Callable[[int], Run]


class _Heatmaps(nn.Module):
    """A pose network as one function from its input to its heatmaps."""

    def __init__(self, network: PoseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        heatmaps: torch.Tensor = self.network(image).heatmaps
        return heatmaps


def student(name: str = "student") -> PoseNetwork:
    """Return a student of `SHIPPED` with random weights."""
    torch.manual_seed(0)
    return SHIPPED[name].build().eval()


def vitpose(width: int, heads: int) -> PoseNetwork:
    """Return ViTPose with the classic decoder: 768 wide is -B, 384 wide is -S."""
    torch.manual_seed(0)
    encoder = VisionTransformerEncoder(VitConfig(width=width, depth=12, heads=heads))
    return PoseNetwork(encoder, ClassicDecoder(width), project=False).eval()


def timed_networks(folder: Path, openvino: bool) -> list[TimedNetwork]:
    """Write all networks into `folder` and return how each is run.

    Parameters
    ----------
    openvino : also run ours on OpenVINO; False if the extra is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfolded = _traced(folder / "student-unfolded.onnx", _Heatmaps(student()))
    ours = {name: _ours(folder, name) for name in ("student", "student-lite")}
    lite = SHIPPED["student-lite"].width
    rows = [
        TimedNetwork(
            "student_unfolded_torch",
            "torch, fp32, as trained",
            lambda threads: _torch_run(_Heatmaps(student()).eval(), threads),
        ),
        _on("student_unfolded", "onnxruntime, fp32, as trained", unfolded),
        _on("default", "onnxruntime, int8 decoder, folded, sub-pixel", ours["student"]["int8"]),
        _on("fp32", "onnxruntime, fp32, folded, sub-pixel", ours["student"]["fp32"]),
        _on("lite", f"onnxruntime, int8 decoder, {lite} wide", ours["student-lite"]["int8"]),
        _on("lite_fp32", f"onnxruntime, fp32, {lite} wide", ours["student-lite"]["fp32"]),
        _peer(folder, "vitpose_b", "ViTPose-B, classic decoder", _Heatmaps(vitpose(768, 12))),
        _peer(folder, "vitpose_s", "ViTPose-S, classic decoder", _Heatmaps(vitpose(384, 12))),
        _peer(folder, "rtmpose_t", "RTMPose-t", RtmPose().eval()),
    ]
    if openvino:
        rows += [
            _on("openvino", "openvino, int8 decoder", ours["student"]["int8"], "openvino"),
            _on("openvino_fp32", "openvino, fp32", ours["student"]["fp32"], "openvino"),
            _on(
                "openvino_lite",
                f"openvino, int8 decoder, {lite} wide",
                ours["student-lite"]["int8"],
                "openvino",
            ),
            _on("openvino_vitpose_b", "openvino, fp32", folder / "vitpose_b.onnx", "openvino"),
        ]
    return rows


def faster_rcnn(threads: int) -> Run:
    """Return the paper's detector at 240 x 320 on torch, random weights, on an 80 x 60 frame.

    Raises
    ------
    MissingExtraError
        torchvision is not installed, or does not load beside this torch.
    """
    from thermal_pose.inference.torchvision_detector import build_faster_rcnn

    try:
        model = build_faster_rcnn().eval()
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError("Faster R-CNN", "torchvision", "torchvision", error) from error
    frame = torch.zeros(3, 60, 80)

    def run() -> object:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return model([frame])

    return run


def has_openvino() -> bool:
    """Whether the extra is installed."""
    try:
        import openvino  # noqa: F401
    except ImportError:
        return False
    return True


def _ours(folder: Path, name: str) -> dict[str, Path]:
    """Return the files of a shipped student by precision; without one, of its untrained form."""
    try:
        shipped = {"fp32": card_path(name), "int8": card_path(f"{name}-int8")}
        return {precision: card.with_suffix(".onnx") for precision, card in shipped.items()}
    except ModelArtifactError:
        pass
    files = {"fp32": folder / f"{name}.onnx", "int8": folder / f"{name}-int8.onnx"}
    network = student(name)
    onnx.save(build_onnx(network, ConfidenceHead(48).eval(), name), files["fp32"])
    crops = np.random.default_rng(0).random((4, 1, INPUT_WH[1], INPUT_WH[0]), np.float32)
    quantise(files["fp32"], files["int8"], crops)
    return files


def _traced(path: Path, network: nn.Module) -> Path:
    export_traced(network.eval(), torch.zeros(1, 3, INPUT_WH[1], INPUT_WH[0]), path)
    return path


def _peer(folder: Path, name: str, about: str, network: nn.Module) -> TimedNetwork:
    path = _traced(folder / f"{name}.onnx", network)
    return _on(name, f"onnxruntime, fp32, {about}", path)


def _on(name: str, about: str, path: Path, engine: str = "onnxruntime") -> TimedNetwork:
    return TimedNetwork(name, about, lambda threads: _engine_run(path, engine, threads))


def _engine_run(path: Path, engine: str, threads: int) -> Run:
    options = RuntimeOptions(engine=engine, device="cpu", threads=threads)
    loaded = make_engine(path, options, "fp32")
    shape = [1 if size is None else size for size in loaded.input_shape]
    crop = np.random.default_rng(0).random(shape, np.float32)
    return lambda: loaded.run(crop)


def _torch_run(network: nn.Module, threads: int) -> Run:
    crop = torch.rand(1, 3, INPUT_WH[1], INPUT_WH[0])

    def run() -> Any:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return network(crop)

    return run
