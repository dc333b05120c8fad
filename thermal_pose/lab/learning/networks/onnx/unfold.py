# SPDX-License-Identifier: Apache-2.0
"""Turns a shipped ONNX file back into a network that can be trained further.

Folding loses the batch norms and the split between the 1x1 and the first deconvolution. Many
networks compute the same function; this one trains well: every convolution's output has unit
variance on the given crops, its batch norm restores mean and scale, and the first deconvolution
is the folded one behind a random 1x1. Deconvolutions are scaled to the size of trained weights
instead, because steps of Adam do not depend on the size of a weight and would destroy small ones.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import nn

from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.decoder import LATENT_CHANNELS
from thermal_pose.lab.learning.networks.mobilenet import (
    InvertedResidual,
    MobileNetV3SmallEncoder,
    SqueezeExcitation,
)
from thermal_pose.lab.learning.networks.onnx.fold import PARITIES, TAPS
from thermal_pose.lab.learning.networks.onnx.graph import CONTENTS
from thermal_pose.lab.learning.networks.pose import PoseNetwork, StudentShape
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray

Weights = Mapping[str, torch.Tensor]

#: Of the random 1x1: that of torch's own initialisation for 48 channels.
_PROJECT_STD: Final = 0.083
#: Of deconvolutions: that of `student-lite` at the end of its first training.
_DECONVOLUTION_STD: Final = 0.05
#: A channel of less variance is left unchanged.
_DEAD: Final = 1e-6


def unfold_student(path: Path, crops: FloatArray) -> tuple[PoseNetwork, ConfidenceHead]:
    """Read a student's fp32 ONNX file (`graph.build_onnx`) back into networks to train.

    Parameters
    ----------
    path : the ONNX file.
    crops : (N, 1, 256, 192) normalised crops, at least two, that fix the batch norms' statistics.

    Returns
    -------
    Network and confidence head, in evaluation mode. Heatmaps and scores equal the file's up to
    rounding; the split into 1x1 and deconvolution differs from that of the training.

    Raises
    ------
    ModelArtifactError
        Not such a file, quantised, or of a `ContentsEncoder`.
    """
    if crops.ndim != 4 or crops.shape[1] != 1 or len(crops) < 2:
        raise ValueError(f"crops: expected (N >= 2, 1, 256, 192), got {crops.shape}")
    weights = _read(path)
    if any(name.startswith(CONTENTS) for name in weights):
        raise ModelArtifactError(
            f"{path}: cannot be trained on: its three input channels have different contents"
        )
    try:
        network = _shape(weights).build()
        biases = _fill_encoder(network, weights) | _fill_decoder(network, weights)
        head = _head(weights)
    except (KeyError, RuntimeError) as error:
        raise ModelArtifactError(
            f"{path}: not a student that can be trained on (fp32, written by this package): {error}"
        ) from error
    _normalise(network, biases, torch.from_numpy(crops))
    return network.eval(), head.eval()


def _shape(weights: Weights) -> StudentShape:
    blocks = {name.split(".")[1] for name in weights if name.startswith("encoder.")}
    extra = len(blocks) - len(MobileNetV3SmallEncoder().features)
    return StudentShape(weights["deconv2.0.bias"].shape[0], max(0, extra))


def _read(path: Path) -> Weights:
    try:
        model = onnx.load(path)
    except (OSError, DecodeError) as error:
        raise ModelArtifactError(f"{path}: cannot be read as ONNX: {error}") from error
    return {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in model.graph.initializer
    }


@torch.no_grad()
def _fill_encoder(network: PoseNetwork, weights: Weights) -> dict[nn.BatchNorm2d, torch.Tensor]:
    """Copy the encoder's convolutions; return the bias that each norm has to add."""
    biases: dict[nn.BatchNorm2d, torch.Tensor] = {}
    features = network.encoder.features  # type: ignore[attr-defined]

    def fill(layers: nn.Sequential, name: str) -> None:
        conv, norm = layers[0], layers[1]
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        weight = weights[f"{name}.weight"]
        if weight.shape[1] != conv.weight.shape[1]:  # one picture in, three equal ones here
            weight = weight.expand(-1, 3, -1, -1) / 3
        conv.weight.copy_(weight)
        biases[norm] = weights[f"{name}.bias"]

    fill(features[0], "encoder.0")
    for index, block in enumerate(list(features)[1:], start=1):
        assert isinstance(block, InvertedResidual)
        for part, layers in enumerate(block.block):
            name = f"encoder.{index}.{part}"
            if isinstance(layers, SqueezeExcitation):
                for which, conv in (("fc1", layers.fc1), ("fc2", layers.fc2)):
                    conv.weight.copy_(weights[f"{name}.{which}.weight"])
                    assert conv.bias is not None
                    conv.bias.copy_(weights[f"{name}.{which}.bias"])
            else:
                assert isinstance(layers, nn.Sequential)
                fill(layers, name)
    return biases


@torch.no_grad()
def _fill_decoder(network: PoseNetwork, weights: Weights) -> dict[nn.BatchNorm2d, torch.Tensor]:
    """Split the folded deconvolution, copy the rest; return the bias each norm has to add."""
    decoder, project = network.decoder, network.project
    assert isinstance(project, nn.Conv2d) and project.bias is not None
    folded = _joined([weights[f"deconv1.{parity}.weight"] for parity in range(4)])
    taps, shift = _split_bias_map([weights[f"deconv1.{p}.bias_map"][0] for p in range(4)])
    # The last latent channel is one everywhere and carries the bias map.
    project.weight.normal_(0, _PROJECT_STD, generator=torch.Generator().manual_seed(0))
    project.weight[-1] = 0
    project.bias.zero_()
    project.bias[-1] = 1
    inverse = torch.linalg.pinv(project.weight[: LATENT_CHANNELS - 1, :, 0, 0].double())
    rest = torch.einsum("cl,coyx->loyx", inverse, folded.double())
    decoder.deconv1.weight.copy_(torch.cat([rest.float(), taps[None]]))
    decoder.deconv2.weight.copy_(_joined([weights[f"deconv2.{p}.weight"] for p in range(4)]))
    decoder.conv.weight.copy_(weights["head.weight"])
    assert decoder.conv.bias is not None
    decoder.conv.bias.copy_(weights["head.bias"])
    return {decoder.batchnorm1: shift, decoder.batchnorm2: weights["deconv2.0.bias"]}


def _joined(parts: list[torch.Tensor]) -> torch.Tensor:
    """Return the (in, out, 4, 4) of four parities' (out, in, 2, 2): `fold` backwards."""
    out, into = parts[0].shape[:2]
    whole = torch.zeros(into, out, 4, 4, dtype=parts[0].dtype)
    for part, (row, column) in zip(parts, PARITIES, strict=True):
        for y, tap_y in enumerate(TAPS[row]):
            for x, tap_x in enumerate(TAPS[column]):
                whole[:, :, tap_y, tap_x] = part[:, :, y, x].T
    return whole


def _split_bias_map(parts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Split four parities' (out, H, W) into a constant's (out, 4, 4) taps and a shift (out,)."""
    out, height, width = parts[0].shape
    whole = torch.zeros(out, 2 * height, 2 * width, dtype=torch.float64)
    for part, (row, column) in zip(parts, PARITIES, strict=True):
        whole[:, row::2, column::2] = part.double()
    units = torch.eye(16, dtype=torch.float64).reshape(1, 16, 4, 4)
    one = torch.ones(1, 1, height, width, dtype=torch.float64)
    reached = nn.functional.conv_transpose2d(one, units, None, 2, 1)[0].reshape(16, -1)
    design = torch.cat([reached, torch.ones_like(reached[:1])]).T
    solution = torch.linalg.lstsq(design, whole.reshape(out, -1).T, driver="gelsd").solution
    return solution[:16].T.reshape(out, 4, 4).float(), solution[16].float()


def _head(weights: Weights) -> ConfidenceHead:
    hidden, out = weights["confidence.hidden.weight"], weights["confidence.out.weight"]
    head = ConfidenceHead((hidden.shape[1] - 2 * N_JOINTS) // 2, hidden.shape[0])
    with torch.no_grad():
        head.hidden.weight.copy_(hidden)
        head.hidden.bias.copy_(weights["confidence.hidden.bias"])
        head.out.weight.copy_(out)
        head.out.bias.copy_(weights["confidence.out.bias"])
        assert head.norm.running_var is not None
        head.norm.running_var.fill_(1 - head.norm.eps)
    return head


@torch.no_grad()
def _normalise(
    network: PoseNetwork, biases: dict[nn.BatchNorm2d, torch.Tensor], crops: torch.Tensor
) -> None:
    """Set each norm's statistics to those of its input, in the order of the forward pass."""
    convolutions: list[nn.Module] = []

    def reached(norm: nn.Module, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None and norm.running_var is not None
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        scale = torch.where(variance > _DEAD, variance.sqrt(), torch.ones_like(variance))
        if isinstance(convolutions[-1], nn.ConvTranspose2d):
            divided = convolutions[-1].weight / scale[None, :, None, None]
            scale = scale * divided.std() / _DECONVOLUTION_STD
        norm.running_mean.copy_(mean / scale)
        norm.running_var.copy_(variance / scale**2)
        norm.weight.copy_(scale * (norm.running_var + norm.eps).sqrt())
        norm.bias.copy_(mean + biases[norm])
        _divide_outputs(convolutions[-1], scale)
        return inputs[0] / scale[None, :, None, None]

    handles = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            hook = module.register_forward_hook(lambda conv, _, __: convolutions.append(conv))
            handles.append(hook)
        elif isinstance(module, nn.BatchNorm2d):
            handles.append(module.register_forward_pre_hook(reached))
    network.eval()(crops.expand(-1, 3, -1, -1))
    for handle in handles:
        handle.remove()


def _divide_outputs(module: nn.Module, scale: torch.Tensor) -> None:
    """Divide each output channel's weights of a convolution that has no bias."""
    if isinstance(module, nn.ConvTranspose2d):
        module.weight.div_(scale[None, :, None, None])
    else:
        assert isinstance(module, nn.Conv2d)
        module.weight.div_(scale[:, None, None, None])
