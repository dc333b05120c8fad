# SPDX-License-Identifier: Apache-2.0
"""Part (a) of the benchmark: milliseconds per person crop, ours and peers, and the floor."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from thermal_pose.errors import MissingExtraError, ModelArtifactError
from thermal_pose.inference.base import PersonDetector, RuntimeOptions
from thermal_pose.inference.factory import make_detector
from thermal_pose.inference.warm_blob import WarmBlobDetector
from thermal_pose.lab.benchmark.machine import measure_ceilings
from thermal_pose.lab.benchmark.networks import (
    THREADS,
    faster_rcnn,
    has_openvino,
    timed_networks,
)
from thermal_pose.lab.benchmark.timing import Timing, interleaved
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.mobilenet import MobileNetV3SmallEncoder
from thermal_pose.types import UInt16Array

#: Ratio -> (ours, theirs); both sides in onnxruntime, medians of one thread.
RATIOS: Final = {
    "default_vs_unfolded": ("default", "student_unfolded"),
    "default_vs_vitpose_b": ("default", "vitpose_b"),
    "lite_vs_rtmpose_t": ("lite_fp32", "rtmpose_t"),
    "openvino_vs_vitpose_b": ("openvino", "openvino_vitpose_b"),
}


def measure_crops(
    folder: Path, rounds: int, tick: Callable[[int], object]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return `crop_ms` {name: {t1, t2}} and a description of each name."""
    networks = timed_networks(folder, has_openvino())
    functions = {
        f"{network.name}/t{threads}": network.make(threads)
        for network in networks
        for threads in THREADS
    }
    timings = interleaved(functions, rounds, tick=tick)
    table = {
        network.name: {
            f"t{threads}": round(timings[f"{network.name}/t{threads}"].median_ms, 3)
            for threads in THREADS
        }
        for network in networks
    }
    return table, {network.name: network.about for network in networks}


def ratios(crop_ms: dict[str, Any]) -> dict[str, float]:
    """Return the ratios of one-thread medians that both sides were measured for."""
    return {
        name: round(crop_ms[ours]["t1"] / crop_ms[theirs]["t1"], 4)
        for name, (ours, theirs) in RATIOS.items()
        if ours in crop_ms and theirs in crop_ms
    }


def measure_detectors(frame: UInt16Array, rounds: int) -> dict[str, Any]:
    """Return ms per frame of each detector, one thread; null with a reason if one is missing."""
    functions: dict[str, Callable[[], object]] = {}
    missing: dict[str, str] = {}
    detectors: dict[str, Callable[[], PersonDetector]] = {
        "detector": lambda: make_detector("detector", RuntimeOptions(device="cpu")),
        "warm_blob": WarmBlobDetector,
    }
    for name, make in detectors.items():
        try:
            functions[name] = _detect_run(make(), frame)
        except ModelArtifactError as error:
            missing[name] = str(error)
    try:
        functions["faster_rcnn"] = faster_rcnn(1)
    except MissingExtraError as error:
        missing["faster_rcnn"] = str(error)
    timings: dict[str, Timing] = interleaved(functions, rounds)
    table: dict[str, Any] = {name: round(one.median_ms, 3) for name, one in timings.items()}
    return {**table, **dict.fromkeys(missing), "missing": missing}


def _detect_run(detector: PersonDetector, frame: UInt16Array) -> Callable[[], object]:
    return lambda: detector.detect(frame)


@dataclass(frozen=True)
class _Work:
    """Multiply-adds, weights and activations of a part of the folded student on one crop."""

    macs: int
    weights: int
    activations: int

    def ms(self, width: int, gmac_s: float, copy_gb_s: float) -> tuple[float, float]:
        """Return the least ms that operations, and that bytes of `width` per value, take."""
        moved = width * (self.weights + 2 * self.activations)
        return self.macs / gmac_s / 1e6, moved / copy_gb_s / 1e6


def compute_floor(default_ms: float, fp32_ms: float) -> dict[str, Any]:
    """Return the least time that the folded student's operations and bytes need here.

    Notes
    -----
    Multiply-adds of the folded form (48 channels straight into the first deconvolution) over
    the speed of a large matrix product; bytes of weights and of all activations, written and
    read once, over the speed of a copy. The two overlap, so the floor is the larger. `int8`
    is the file as exported, its encoder in fp32.
    """
    ceilings = measure_ceilings()
    copy, parts = ceilings["copy_gb_s"], (_encoder_work(), _decoder_work())
    encoder_ms = parts[0].ms(4, ceilings["fp32_gmac_s"], copy)
    floors = {}
    for precision, width, measured_ms in (("int8", 1, default_ms), ("fp32", 4, fp32_ms)):
        decoder_ms = parts[1].ms(width, ceilings[f"{precision}_gmac_s"], copy)
        compute_ms, bytes_ms = (sum(both) for both in zip(encoder_ms, decoder_ms, strict=True))
        floor_ms = max(compute_ms, bytes_ms)
        floors[precision] = {
            "operations_ms": round(compute_ms, 3),
            "bytes_ms": round(bytes_ms, 3),
            "floor_ms": round(floor_ms, 3),
            "measured_ms": measured_ms,
            "times_the_floor": round(measured_ms / floor_ms, 2),
        }
    sizes = {
        "macs": sum(part.macs for part in parts),
        "parameters": sum(part.weights for part in parts),
        "activations": sum(part.activations for part in parts),
    }
    rounded = {name: round(value, 1) for name, value in ceilings.items()}
    return {**floors, "student": sizes, "ceilings": rounded}


def _encoder_work() -> _Work:
    """Count the encoder with its first convolution folded to one input channel."""
    import torch
    from torch import nn

    encoder = MobileNetV3SmallEncoder().eval()
    counts = {"macs": 0, "weights": 0, "activations": 0}

    def count(layer: Any, sources: Any, out: Any) -> None:
        weights = layer.weight.numel() // (3 if layer.in_channels == 3 else 1)
        counts["activations"] += out.numel()
        counts["weights"] += weights + layer.out_channels
        counts["macs"] += out.shape[2] * out.shape[3] * weights

    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        encoder(torch.zeros(1, 3, 256, 192))
    return _Work(**counts)


def _decoder_work() -> _Work:
    """Count both deconvolutions and the head."""
    channels, width = MobileNetV3SmallEncoder.out_channels, ClassicDecoder().width
    grid = 16 * 12
    # A 4 x 4 stride-2 deconvolution has 16 taps per source pixel in any form.
    macs = grid * channels * width * 16 + 4 * grid * width * width * 16 + 16 * grid * width * 17
    activations = 4 * grid * width + 16 * grid * width + 16 * grid * 17
    return _Work(macs, 16 * (channels * width + width * width) + width * 17, activations)
