# SPDX-License-Identifier: Apache-2.0
"""Writes a trained MobileNet student, folded, as an ONNX graph of few, plain operators.

Built operator by operator rather than traced: the graph is small, its form is what int8 and
speed depend on, and it comes out the same whatever the exporter of the day does.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from thermal_pose import __version__
from thermal_pose.lab.learning.networks.confidence import MEAN_SCALE, ConfidenceHead
from thermal_pose.lab.learning.networks.contents import (
    BLUR_RADIUS_PX,
    LEAST_SPREAD,
    SLOPE_STEP_PX,
    ChannelContents,
    ContentsEncoder,
)
from thermal_pose.lab.learning.networks.mobilenet import (
    InvertedResidual,
    MobileNetV3SmallEncoder,
    SqueezeExcitation,
)
from thermal_pose.lab.learning.networks.onnx.fold import (
    PARITIES,
    SubPixelDeconvolution,
    fold_conv_norm,
    fold_decoder,
)
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray

OPSET: Final = 17
INPUT_WH: Final = (192, 256)
#: Beginning of the names of what `ContentsEncoder` adds to a student's graph.
CONTENTS: Final = "encoder.contents"
_IR_VERSION: Final = 10  # onnxruntime 1.17 and later read it


@dataclass
class _Graph:
    """Nodes and weights under construction; each method returns its output's name."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, values: npt.ArrayLike, dtype: Any = np.float32) -> str:
        array = np.asarray(values, dtype=dtype, order="C")
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def conv(
        self,
        source: str,
        name: str,
        weight: FloatArray,
        bias: FloatArray | None,
        **attributes: Any,
    ) -> str:
        inputs = [source, self.constant(f"{name}.weight", weight)]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", bias))
        kernel = list(weight.shape[2:])
        return self.add("Conv", inputs, name, kernel_shape=kernel, **attributes)

    def activation(self, source: str, module: nn.Module, name: str) -> str:
        if isinstance(module, nn.Hardswish):
            gate = self.add("HardSigmoid", [source], f"{name}.gate", alpha=1 / 6, beta=0.5)
            return self.add("Mul", [source, gate], f"{name}.hswish")
        return self.add("Relu", [source], f"{name}.relu")


def _conv_norm(graph: _Graph, source: str, layers: nn.Sequential, name: str, mono: bool) -> str:
    conv, norm = layers[0], layers[1]
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    weight, bias = fold_conv_norm(conv, norm)
    if mono:  # the three input channels are one picture: their weights add
        weight = weight.sum(axis=1, keepdims=True)
    pad = int(conv.padding[0])
    out = graph.conv(
        source,
        name,
        weight,
        bias,
        strides=list(conv.stride),
        pads=[pad] * 4,
        group=conv.groups,
    )
    return out if len(layers) == 2 else graph.activation(out, layers[2], name)


def _squeeze(graph: _Graph, source: str, module: SqueezeExcitation, name: str) -> str:
    gate = graph.add("GlobalAveragePool", [source], f"{name}.pool")
    for conv, last in ((module.fc1, False), (module.fc2, True)):
        part = f"{name}.fc{2 if last else 1}"
        assert conv.bias is not None
        gate = graph.conv(gate, part, _numpy(conv.weight), _numpy(conv.bias))
        gate = (
            graph.add("HardSigmoid", [gate], f"{part}.gate", alpha=1 / 6, beta=0.5)
            if last
            else graph.add("Relu", [gate], f"{part}.relu")
        )
    return graph.add("Mul", [source, gate], f"{name}.scale")


def _numpy(tensor: torch.Tensor) -> FloatArray:
    return tensor.detach().cpu().float().numpy()


def _encoder(graph: _Graph, source: str, encoder: MobileNetV3SmallEncoder) -> str:
    stem = encoder.features[0]
    assert isinstance(stem, nn.Sequential)
    mono = not isinstance(encoder, ContentsEncoder)
    if isinstance(encoder, ContentsEncoder):
        source = _contents(graph, source, encoder.contents)
    out = _conv_norm(graph, source, stem, "encoder.0", mono)
    for index, block in enumerate(list(encoder.features)[1:], start=1):
        assert isinstance(block, InvertedResidual)
        skip = out
        for part, layers in enumerate(block.block):
            name = f"encoder.{index}.{part}"
            if isinstance(layers, SqueezeExcitation):
                out = _squeeze(graph, out, layers, name)
            else:
                assert isinstance(layers, nn.Sequential)
                out = _conv_norm(graph, out, layers, name, mono=False)
        if block.use_res_connect:
            out = graph.add("Add", [out, skip], f"encoder.{index}.add")
    return out


def _contents(graph: _Graph, crop: str, contents: ChannelContents) -> str:
    """Return crop, local contrast and slope as one (N, 3, H, W), as `ChannelContents` does."""
    name = CONTENTS
    mean = _blurred(graph, crop, contents, f"{name}.mean")
    square = graph.add("Mul", [crop, crop], f"{name}.square")
    squares = _blurred(graph, square, contents, f"{name}.squares")
    squared_mean = graph.add("Mul", [mean, mean], f"{name}.squared_mean")
    difference = graph.add("Sub", [squares, squared_mean], f"{name}.difference")
    variance = graph.add("Relu", [difference], f"{name}.variance")
    least = graph.constant(f"{name}.least", LEAST_SPREAD**2)
    bounded = graph.add("Add", [variance, least], f"{name}.bounded")
    spread = graph.add("Sqrt", [bounded], f"{name}.spread")
    above = graph.add("Sub", [crop, mean], f"{name}.above")
    contrast = graph.add("Div", [above, spread], f"{name}.contrast")
    padded = _padded(graph, crop, SLOPE_STEP_PX, f"{name}.slope")
    slopes = graph.conv(
        padded, f"{name}.slopes", _numpy(contents.slopes), None, dilations=[SLOPE_STEP_PX] * 2
    )
    slope = graph.add("ReduceL2", [slopes], f"{name}.steepness", axes=[1], keepdims=1)
    return graph.add("Concat", [crop, contrast, slope], name, axis=1)


def _blurred(graph: _Graph, source: str, contents: ChannelContents, name: str) -> str:
    padded = _padded(graph, source, BLUR_RADIUS_PX, name)
    along_rows = graph.conv(padded, f"{name}.along_rows", _numpy(contents.blur), None)
    kernel = _numpy(contents.blur.transpose(2, 3))
    return graph.conv(along_rows, f"{name}.along_columns", kernel, None)


def _padded(graph: _Graph, source: str, pad: int, name: str) -> str:
    pads = graph.constant(f"{name}.pads", [0, 0, pad, pad, 0, 0, pad, pad], np.int64)
    return graph.add("Pad", [source, pads], f"{name}.padded", mode="edge")


def _deconvolution(
    graph: _Graph, source: str, folded: SubPixelDeconvolution, name: str
) -> list[str]:
    """Return the four parities' activations, at the input's resolution."""
    outs = []
    for parity, (row, column) in enumerate(PARITIES):
        part = f"{name}.{parity}"
        bias = folded.bias[parity]
        is_map = bias.shape[1:] != (1, 1)
        out = graph.conv(
            source,
            part,
            folded.weights[parity],
            None if is_map else bias[:, 0, 0],
            pads=[1 - row, 1 - column, row, column],
        )
        if is_map:
            out = graph.add(
                "Add", [out, graph.constant(f"{part}.bias_map", bias[None])], f"{part}.add"
            )
        outs.append(graph.add("Relu", [out], f"{part}.relu"))
    return outs


def _interleave(graph: _Graph, parities: list[str], name: str, size: tuple[int, int, int]) -> str:
    """Return (N, C, 2H, 2W) from the four parities (N, C, H, W); `size` is (C, H, W).

    Notes
    -----
    This is DepthToSpace, spelt out with channels last, where pixels move as whole rows of
    channels. Runtimes that compute int8 convolutions with channels last drop the transpositions,
    and none meets a DepthToSpace between tensors of different zero points.
    """
    channels, height, width = size
    last = [
        graph.add("Transpose", [part], f"{name}.last.{parity}", perm=[0, 2, 3, 1])
        for parity, part in enumerate(parities)
    ]
    line = graph.constant(f"{name}.line", [-1, height, 2 * width, channels], np.int64)
    lines = [
        graph.add(
            "Reshape",
            [graph.add("Concat", last[2 * row :][:2], f"{name}.pairs.{row}", axis=3), line],
            f"{name}.lines.{row}",
        )
        for row in range(2)
    ]
    whole = graph.constant(f"{name}.whole", [-1, 2 * height, 2 * width, channels], np.int64)
    joined = graph.add("Concat", lines, f"{name}.joined", axis=2)
    image = graph.add("Reshape", [joined, whole], f"{name}.image")
    return graph.add("Transpose", [image], name, perm=[0, 3, 1, 2])


def _decoder(graph: _Graph, source: str, network: PoseNetwork) -> str:
    grid_wh = (INPUT_WH[0] // 16, INPUT_WH[1] // 16)
    first, second = fold_decoder(network.decoder, network.project, grid_wh)
    (width, height), channels = grid_wh, first.weights.shape[1]
    middle = _interleave(
        graph,
        _deconvolution(graph, source, first, "deconv1"),
        "upsampled",
        (channels, height, width),
    )
    # The last 1x1 commutes with the interleaving: 17 channels are cheaper to shuffle than 256.
    conv = network.decoder.conv
    assert conv.bias is not None
    weight = graph.constant("head.weight", _numpy(conv.weight))
    bias = graph.constant("head.bias", _numpy(conv.bias))
    maps = [
        graph.add("Conv", [part, weight, bias], f"head.{parity}", kernel_shape=[1, 1])
        for parity, part in enumerate(_deconvolution(graph, middle, second, "deconv2"))
    ]
    return _interleave(graph, maps, "heatmaps", (N_JOINTS, 2 * height, 2 * width))


def _confidence(graph: _Graph, features: str, heatmaps: str, head: ConfidenceHead) -> None:
    mean = graph.add("ReduceMean", [heatmaps], "confidence.mean", axes=[2, 3], keepdims=0)
    scale = graph.constant("confidence.mean_scale", MEAN_SCALE)
    pooled = [
        graph.add("ReduceMax", [heatmaps], "confidence.peak", axes=[2, 3], keepdims=0),
        graph.add("Mul", [mean, scale], "confidence.mean_scaled"),
        graph.add("ReduceMean", [features], "confidence.features", axes=[2, 3], keepdims=0),
        graph.add("ReduceMax", [features], "confidence.strongest", axes=[2, 3], keepdims=0),
    ]
    summary = graph.add("Concat", pooled, "confidence.summary", axis=1)
    assert head.norm.running_mean is not None and head.norm.running_var is not None
    inverse = 1 / torch.sqrt(head.norm.running_var.double() + head.norm.eps)
    weight1 = head.hidden.weight.double() * inverse[None]
    bias1 = head.hidden.bias.double() - weight1 @ head.norm.running_mean.double()
    weight2 = head.out.weight.double() * head.scale.double()[:, None]
    bias2 = head.out.bias.double() * head.scale.double() + head.offset.double()
    hidden = _gemm(graph, summary, "confidence.hidden", weight1, bias1)
    logits = _gemm(
        graph, graph.add("Relu", [hidden], "confidence.relu"), "confidence.out", weight2, bias2
    )
    scores = graph.add("Sigmoid", [logits], "confidence.scores")
    graph.constant("confidence.first", [0], np.int64)
    graph.constant("confidence.joints", [N_JOINTS], np.int64)
    graph.constant("confidence.axis", [1], np.int64)
    graph.constant("confidence.person_index", N_JOINTS, np.int64)
    graph.add(
        "Slice",
        [scores, "confidence.first", "confidence.joints", "confidence.axis"],
        "joint_scores",
    )
    graph.add("Gather", [scores, "confidence.person_index"], "person_score", axis=1)


def _gemm(graph: _Graph, source: str, name: str, weight: torch.Tensor, bias: torch.Tensor) -> str:
    inputs = [
        source,
        graph.constant(f"{name}.weight", _numpy(weight)),
        graph.constant(f"{name}.bias", _numpy(bias)),
    ]
    return graph.add("Gemm", inputs, name, transB=1)


@torch.no_grad()
def build_onnx(network: PoseNetwork, head: ConfidenceHead, name: str) -> onnx.ModelProto:
    """Fold a student with a MobileNet encoder into a checked ONNX model.

    Input `thermal` float32 (N, 1, 256, 192); outputs `heatmaps` (N, 17, 64, 48),
    `joint_scores` (N, 17) and `person_score` (N,).

    Raises
    ------
    ValueError
        The encoder is not `MobileNetV3SmallEncoder`.
    """
    encoder = network.encoder
    if not isinstance(encoder, MobileNetV3SmallEncoder):
        raise ValueError(f"encoder: expected MobileNetV3-Small, got {type(encoder).__name__}")
    graph = _Graph()
    features = _encoder(graph, "thermal", encoder)
    heatmaps = _decoder(graph, features, network)
    _confidence(graph, features, heatmaps, head)
    width, height = INPUT_WH
    outputs: dict[str, list[str | int | None]] = {
        "heatmaps": ["N", N_JOINTS, height // 4, width // 4],
        "joint_scores": ["N", N_JOINTS],
        "person_score": ["N"],
    }
    proto = helper.make_graph(
        graph.nodes,
        name,
        [helper.make_tensor_value_info("thermal", TensorProto.FLOAT, ["N", 1, height, width])],
        [
            helper.make_tensor_value_info(key, TensorProto.FLOAT, shape)
            for key, shape in outputs.items()
        ],
        graph.weights,
    )
    model = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="thermal_pose",
        producer_version=__version__,
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model
