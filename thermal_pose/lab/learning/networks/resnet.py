# SPDX-License-Identifier: Apache-2.0
"""ResNet-50 up to layer3, under torchvision's state-dict names.

Notes
-----
He et al. 2016, arXiv:1512.03385; the stride sits in the 3x3 convolution, as in torchvision.
"""

from typing import Final

import torch
from torch import nn

from thermal_pose.lab.learning.networks.mobilenet import initialise

_EXPANSION: Final = 4


class Bottleneck(nn.Module):
    """1x1 reduce, 3x3, 1x1 expand, with a skip: (N, C, H, W) -> (N, 4 width, H/s, W/s)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * _EXPANSION
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        skip = features if self.downsample is None else self.downsample(features)
        out = self.relu(self.bn1(self.conv1(features)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + skip)


def _layer(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    rest = [Bottleneck(width * _EXPANSION, width, 1) for _ in range(blocks - 1)]
    return nn.Sequential(Bottleneck(channels, width, stride), *rest)


class ResNet50Encoder(nn.Module):
    """`torchvision.models.resnet50()` without layer4: (N, 3, H, W) -> (N, 1024, H/16, W/16)."""

    out_channels: int = 1024

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = _layer(64, 64, 3, 1)
        self.layer2 = _layer(256, 128, 4, 2)
        self.layer3 = _layer(512, 256, 6, 2)
        initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode a crop."""
        stem = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        return self.layer3(self.layer2(self.layer1(stem)))
