# SPDX-License-Identifier: Apache-2.0
"""The first eight layers of MobileNetV3-Small, under torchvision's state-dict names, or more.

Written out here because torchvision is not importable everywhere; official ImageNet weights
load by name (`load_by_name`).

Notes
-----
Howard et al. 2019, "Searching for MobileNetV3", arXiv:1905.02244. The seed paper's text says
"1 layer of 3x3 kernel convolutional layer followed by 8 bottleneck layers", but only the
convolution plus *seven* bottlenecks has the 4.398 M parameters of its Table I.
"""

from typing import Final, NamedTuple, Self

import torch
from torch import nn


class _Bottleneck(NamedTuple):
    kernel: int
    expanded: int
    out: int
    squeeze: bool
    hard_swish: bool
    stride: int


_LAYERS: Final = (
    _Bottleneck(3, 16, 16, True, False, 2),
    _Bottleneck(3, 72, 24, False, False, 2),
    _Bottleneck(3, 88, 24, False, False, 1),
    _Bottleneck(5, 96, 40, True, True, 2),
    _Bottleneck(5, 240, 40, True, True, 1),
    _Bottleneck(5, 240, 40, True, True, 1),
    _Bottleneck(5, 120, 48, True, True, 1),
)
#: Blocks that a deeper encoder repeats behind the paper's layers: 7 M multiply-adds each.
_EXTRA: Final = _Bottleneck(5, 288, 48, True, True, 1)
_STEM_CHANNELS: Final = 16
#: Bottlenecks behind the paper's layers in an encoder with a latent of its own.
_LATENT_EXTRA: Final = 4


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution that stays in fp32 under a CPU's mixed precision.

    Processors with bf16 matrix units have no fast kernel for its gradient: it takes five to
    twenty times as long as in fp32. All other layers keep bf16.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Convolve each channel of (N, C, H, W) with its own kernel."""
        if features.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(features)
        with torch.autocast("cpu", enabled=False):
            return super().forward(features.float())


def _conv_norm(
    channels: int, out: int, kernel: int, stride: int, groups: int, activation: nn.Module | None
) -> nn.Sequential:
    convolution = nn.Conv2d if groups == 1 else DepthwiseConv2d
    layers: list[nn.Module] = [
        convolution(channels, out, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        # torchvision has momentum 0.01, for long ImageNet runs: in runs of some hundred steps the
        # averages would lag behind the weights, and evaluation mode would see another network.
        nn.BatchNorm2d(out, eps=0.001, momentum=0.1),
    ]
    return nn.Sequential(*layers, *([] if activation is None else [activation]))


def _activation(hard_swish: bool) -> nn.Module:
    return nn.Hardswish(inplace=True) if hard_swish else nn.ReLU(inplace=True)


def _divisible_by_8(value: float) -> int:
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


class SqueezeExcitation(nn.Module):
    """Channel attention with a hard sigmoid, (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = nn.ReLU()
        self.scale_activation = nn.Hardsigmoid()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scale each channel by a gate computed from all channels' means."""
        pooled = features.mean(dim=(2, 3), keepdim=True)
        gate = self.scale_activation(self.fc2(self.activation(self.fc1(pooled))))
        return features * gate


class InvertedResidual(nn.Module):
    """Expand, filter depthwise, squeeze, project; with a skip where shapes allow."""

    def __init__(self, channels: int, layer: _Bottleneck) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        if layer.expanded != channels:
            blocks.append(
                _conv_norm(channels, layer.expanded, 1, 1, 1, _activation(layer.hard_swish))
            )
        blocks.append(
            _conv_norm(
                layer.expanded,
                layer.expanded,
                layer.kernel,
                layer.stride,
                layer.expanded,
                _activation(layer.hard_swish),
            )
        )
        if layer.squeeze:
            squeezed = _divisible_by_8(layer.expanded / 4)
            blocks.append(SqueezeExcitation(layer.expanded, squeezed))
        blocks.append(_conv_norm(layer.expanded, layer.out, 1, 1, 1, None))
        self.block = nn.Sequential(*blocks)
        self.use_res_connect = layer.stride == 1 and channels == layer.out

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        out = self.block(features)
        return features + out if self.use_res_connect else out


class MobileNetV3SmallEncoder(nn.Module):
    """`torchvision.models.mobilenet_v3_small().features[:8]`: (N, 3, H, W) -> (N, 48, H/16, W/16).

    Parameters
    ----------
    extra : residual bottlenecks behind the paper's layers. Each begins as the identity (its
        last norm is zero), so that a trained encoder can be deepened without a change.

    Attributes
    ----------
    out_channels : 48.
    """

    out_channels: int = 48

    def __init__(self, extra: int = 0) -> None:
        super().__init__()
        self.extra = extra
        layers: list[nn.Module] = [
            _conv_norm(3, _STEM_CHANNELS, 3, 2, 1, nn.Hardswish(inplace=True))
        ]
        channels = _STEM_CHANNELS
        for layer in (*_LAYERS, *[_EXTRA] * extra):
            layers.append(InvertedResidual(channels, layer))
            channels = layer.out
        self.features = nn.Sequential(*layers)
        initialise(self)
        for block in layers[1 + len(_LAYERS) :]:
            assert isinstance(block, InvertedResidual)
            last_norm = block.block[-1][1]  # type: ignore[index]
            nn.init.zeros_(last_norm.weight)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode a crop."""
        return self.features(image)

    def deepened(self, extra: int) -> Self:
        """Return an encoder of `extra` bottlenecks that computes the same.

        Raises
        ------
        ValueError
            This one has more already.
        """
        if extra < self.extra:
            raise ValueError(f"extra: expected at least {self.extra}, got {extra}")
        deep = type(self)(extra)
        deep.load_state_dict(self.state_dict(), strict=False)
        return deep.train(self.training)


class MobileNetV3LatentEncoder(nn.Module):
    """A deepened encoder and MobileNetV3's last layer: (N, 3, H, W) -> (N, latent, H/16, W/16).

    Convolution, norm and activation make the latent a nonlinear function of 48 channels, so that
    a student's 1x1 convolution can approach it but never equal it.

    Parameters
    ----------
    latent_channels : channels of the latent.

    Attributes
    ----------
    body : the encoder, with the bottlenecks of `student-lite`.
    """

    def __init__(self, latent_channels: int = 768) -> None:
        super().__init__()
        self.out_channels = latent_channels
        self.body = MobileNetV3SmallEncoder(_LATENT_EXTRA)
        channels = self.body.out_channels
        self.to_latent = _conv_norm(channels, latent_channels, 1, 1, 1, nn.Hardswish(inplace=True))
        initialise(self.to_latent)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode a crop."""
        return self.to_latent(self.body(image))


def initialise(module: nn.Module) -> None:
    """Initialise convolutions and norms as torchvision does (Kaiming, fan out)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
