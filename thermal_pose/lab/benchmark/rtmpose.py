# SPDX-License-Identifier: Apache-2.0
"""RTMPose at its true size, for timing only: CSPNeXt backbone and SimCC head, random weights.

Jiang et al. 2023, arXiv:2303.07399; backbone from RTMDet (Lyu et al. 2022, arXiv:2212.07784).
Layer for layer as published; built here because timing needs the shape and no weights.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from thermal_pose.skeleton import N_JOINTS


@dataclass(frozen=True)
class RtmPoseSize:
    """Multipliers of depth and width; the paper's tiny by default."""

    deepen: float = 0.167
    widen: float = 0.375
    input_wh: tuple[int, int] = (192, 256)


def _conv(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.SiLU(inplace=True),
    )


class _Block(nn.Module):
    """3 x 3 convolution, then a 5 x 5 depthwise-separable one, around a shortcut."""

    def __init__(self, width: int, shortcut: bool) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Sequential(_conv(width, width, 5, groups=width), _conv(width, width, 1))
        self.shortcut = shortcut

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out = self.second(self.first(features))
        return out + features if self.shortcut else out


class _CspLayer(nn.Module):
    """Cross-stage partial layer with channel attention."""

    def __init__(self, width: int, blocks: int, shortcut: bool) -> None:
        super().__init__()
        half = width // 2
        self.main, self.short = _conv(width, half, 1), _conv(width, half, 1)
        self.blocks = nn.Sequential(*(_Block(half, shortcut) for _ in range(blocks)))
        self.attention = nn.Conv2d(width, width, 1)
        self.final = _conv(width, width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        both = torch.cat([self.blocks(self.main(features)), self.short(features)], dim=1)
        pooled = functional.adaptive_avg_pool2d(both, 1)
        return self.final(both * functional.hardsigmoid(self.attention(pooled)))


class _SpatialPyramid(nn.Module):
    """Concatenation of the features with their max pools of 5, 9 and 13."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce = _conv(width, width // 2, 1)
        self.pools = nn.ModuleList(nn.MaxPool2d(k, 1, k // 2) for k in (5, 9, 13))
        self.merge = _conv(width * 2, width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        small = self.reduce(features)
        return self.merge(torch.cat([small, *(pool(small) for pool in self.pools)], dim=1))


class _ScaleNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))
        self.scale = width**-0.5

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        norm = torch.linalg.vector_norm(tokens, dim=-1, keepdim=True) * self.scale
        return tokens / norm.clamp(min=1e-5) * self.gain


class _GatedAttention(nn.Module):
    """The gated attention unit between the joints (Hua et al. 2022), as RTMPose uses it."""

    def __init__(self, width: int = 256, key: int = 128, expansion: int = 2) -> None:
        super().__init__()
        self.inner, self.key = width * expansion, key
        self.norm = _ScaleNorm(width)
        self.expand = nn.Linear(width, 2 * self.inner + key, bias=False)
        self.gamma = nn.Parameter(torch.rand(2, key))
        self.beta = nn.Parameter(torch.rand(2, key))
        self.out = nn.Linear(self.inner, width, bias=False)
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        mixed = functional.silu(self.expand(self.norm(tokens)))
        gate, value, base = torch.split(mixed, [self.inner, self.inner, self.key], dim=-1)
        query, key = (base[..., None, :] * self.gamma + self.beta).unbind(dim=-2)
        kernel = functional.relu(query @ key.transpose(1, 2) / self.key**0.5) ** 2
        return tokens * self.gain + self.out(gate * (kernel @ value))


class RtmPose(nn.Module):
    """(N, 3, 256, 192) -> SimCC vectors (N, 17, 384) and (N, 17, 512)."""

    def __init__(self, size: RtmPoseSize | None = None) -> None:
        super().__init__()
        size = size or RtmPoseSize()
        widths = [int(width * size.widen) for width in (64, 128, 256, 512, 1024)]
        stem = widths[0]
        layers: list[nn.Module] = [
            nn.Sequential(
                _conv(3, stem // 2, stride=2), _conv(stem // 2, stem // 2), _conv(stem // 2, stem)
            )
        ]
        for index, blocks in enumerate((3, 6, 6, 3)):
            last = index == 3
            depth = max(round(blocks * size.deepen), 1)
            width = widths[index + 1]
            stage: list[nn.Module] = [_conv(widths[index], width, stride=2)]
            stage += [_SpatialPyramid(width)] if last else []
            layers.append(nn.Sequential(*stage, _CspLayer(width, depth, shortcut=not last)))
        self.backbone = nn.Sequential(*layers)
        cells = (size.input_wh[0] // 32) * (size.input_wh[1] // 32)
        self.joints = nn.Conv2d(widths[-1], N_JOINTS, 7, padding=3)
        self.tokens = nn.Sequential(_ScaleNorm(cells), nn.Linear(cells, 256, bias=False))
        self.attention = _GatedAttention()
        self.across = nn.Linear(256, 2 * size.input_wh[0], bias=False)
        self.down = nn.Linear(256, 2 * size.input_wh[1], bias=False)

    def forward(self, image: torch.Tensor) -> Any:
        """Return the SimCC vectors across and down."""
        tokens = self.tokens(self.joints(self.backbone(image)).flatten(2))
        tokens = self.attention(tokens)
        return self.across(tokens), self.down(tokens)
