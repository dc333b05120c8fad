# SPDX-License-Identifier: Apache-2.0
"""A plain vision transformer over the crop, with ViTPose's patches or a convolutional stem.

Notes
-----
Xu et al. 2022, ViTPose, arXiv:2204.12484: 16x16 patches with padding 2, a class token's
position added to every patch, no class token in the sequence. The convolutional stem (Xiao
et al. 2021, arXiv:2106.14881) replaces the patches where a network must learn from scratch
in minutes; its latent is the same 768 x 16 x 12.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from thermal_pose.lab.learning.networks.mobilenet import initialise


@dataclass(frozen=True)
class VitConfig:
    """Size of a transformer encoder.

    Attributes
    ----------
    width, depth, heads : channels, blocks, attention heads.
    conv_stem : four strided 3x3 convolutions in place of one 16x16 patch projection.
    input_wh : crop size, px.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    conv_stem: bool = False
    input_wh: tuple[int, int] = (192, 256)

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width < 8 or self.depth < 1:
            raise ValueError(
                "vit: expected depth >= 1 and width a multiple of heads, got "
                f"width {self.width}, heads {self.heads}, depth {self.depth}"
            )

    @property
    def grid_wh(self) -> tuple[int, int]:
        """Patches across and down."""
        return self.input_wh[0] // 16, self.input_wh[1] // 16


class Block(nn.Module):
    """Pre-norm attention and MLP over (N, T, C) tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        n, t, c = tokens.shape
        qkv = self.qkv(self.norm1(tokens)).reshape(n, t, 3, self.heads, c // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attended = functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.proj(attended.transpose(1, 2).reshape(n, t, c))
        return tokens + self.mlp(self.norm2(tokens))


def _conv_stem(width: int) -> nn.Sequential:
    channels = (3, width // 12, width // 6, width // 3, width // 2)
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [
            nn.Conv2d(before, after, 3, 2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        ]
    stem = nn.Sequential(*layers, nn.Conv2d(channels[-1], width, 1))
    initialise(stem)
    return stem


class VisionTransformerEncoder(nn.Module):
    """(N, 3, H, W) -> (N, width, H/16, W/16)."""

    def __init__(self, config: VitConfig | None = None) -> None:
        super().__init__()
        self.config = config or VitConfig()
        width, (across, down) = self.config.width, self.config.grid_wh
        self.out_channels = width
        self.patch_embed = (
            _conv_stem(width) if self.config.conv_stem else nn.Conv2d(3, width, 16, 16, padding=2)
        )
        self.pos_embed = nn.Parameter(torch.zeros(1, across * down + 1, width))
        self.blocks = nn.ModuleList(
            Block(width, self.config.heads) for _ in range(self.config.depth)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode a crop of `config.input_wh`."""
        patches = self.patch_embed(image)
        n, c, down, across = patches.shape
        tokens = patches.flatten(2).transpose(1, 2)
        tokens = tokens + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens).transpose(1, 2).reshape(n, c, down, across)
