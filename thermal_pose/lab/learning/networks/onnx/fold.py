# SPDX-License-Identifier: Apache-2.0
"""Exact folding of a trained student: consecutive linear layers become one.

Between the 1x1 convolution and the first deconvolution nothing is nonlinear: the two are
one 48 -> 256 deconvolution, the 1x1's bias becomes a bias *map* (border pixels see fewer
taps). Batch norms fold into the convolutions before them. Each 4x4 stride-2 deconvolution
is four 2x2 convolutions, one a parity of output row and column (Shi et al. 2016,
arXiv:1609.07009), which fixed-function kernels and int8 handle far better.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.types import FloatArray

#: Taps of a 4-wide, stride-2, padding-1 transposed convolution that reach an even output
#: pixel 2y (inputs y-1, y) and an odd one 2y+1 (inputs y, y+1).
TAPS: Final = ((3, 1), (2, 0))
PARITIES: Final = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True)
class SubPixelDeconvolution:
    """Four 2x2 convolutions that together are one deconvolution.

    Attributes
    ----------
    weights : (4, out, in, 2, 2), in the order of `PARITIES`.
    bias : (4, out, 1, 1), or (4, out, H, W) if it differs at the borders.
    """

    weights: FloatArray
    bias: FloatArray


def _scale_shift(norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("norm: expected running statistics, got a norm that keeps none")
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def fold_conv_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[FloatArray, FloatArray]:
    """Return weight and bias of the one convolution that equals `norm(conv(x))`."""
    scale, shift = _scale_shift(norm)
    weight = conv.weight.detach().double() * scale[:, None, None, None]
    if conv.bias is not None:
        shift = shift + conv.bias.double() * scale
    return _array(weight), _array(shift)


def _array(tensor: torch.Tensor) -> FloatArray:
    return tensor.detach().cpu().float().numpy()


def _parity_weights(weight: torch.Tensor) -> torch.Tensor:
    """Split (in, out, 4, 4) into (4, out, in, 2, 2)."""
    parts = [weight[:, :, list(TAPS[row])][:, :, :, list(TAPS[column])] for row, column in PARITIES]
    return torch.stack(parts).transpose(1, 2)


def _by_parity(image: torch.Tensor) -> torch.Tensor:
    """Split (C, 2H, 2W) into (4, C, H, W)."""
    return torch.stack([image[:, row::2, column::2] for row, column in PARITIES])


@torch.no_grad()
def fold_decoder(
    decoder: ClassicDecoder, project: nn.Module, grid_wh: tuple[int, int]
) -> tuple[SubPixelDeconvolution, SubPixelDeconvolution]:
    """Fold the 1x1 convolution, both deconvolutions and both norms.

    Parameters
    ----------
    project : the network's 1x1 convolution, or `nn.Identity`.
    grid_wh : (width, height) of the latent.
    """
    scale1, shift1 = _scale_shift(decoder.batchnorm1)
    weight1 = decoder.deconv1.weight.detach().double() * scale1[None, :, None, None]
    bias1 = shift1[:, None, None].expand(-1, 2 * grid_wh[1], 2 * grid_wh[0])
    if isinstance(project, nn.Conv2d):
        if project.bias is not None:
            constant = project.bias.double()[None, :, None, None].expand(
                1, -1, grid_wh[1], grid_wh[0]
            )
            bias1 = bias1 + nn.functional.conv_transpose2d(constant, weight1, None, 2, 1)[0]
        weight1 = torch.einsum("li,loyx->ioyx", project.weight.double()[:, :, 0, 0], weight1)
    scale2, shift2 = _scale_shift(decoder.batchnorm2)
    weight2 = decoder.deconv2.weight.detach().double() * scale2[None, :, None, None]
    first = SubPixelDeconvolution(_array(_parity_weights(weight1)), _array(_by_parity(bias1)))
    bias2 = shift2[None, :, None, None].expand(4, -1, 1, 1)
    return first, SubPixelDeconvolution(_array(_parity_weights(weight2)), _array(bias2))
