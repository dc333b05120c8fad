# SPDX-License-Identifier: Apache-2.0
"""A tiny anchor-free person detector for 80 x 64 thermal frames.

One score and one box for each cell of 4 x 4 pixels, in the manner of CenterNet (Zhou et al.
2019, arXiv:1904.07850) with FCOS' distances to the four edges (Tian et al. 2019,
arXiv:1904.01355). Peaks of the score map are the people: no anchors, no suppression of
duplicates.

Legend: N frames, (H, W) input px, cells of stride 4.
"""

from typing import Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional

INPUT_WH: Final = (80, 64)
STRIDE: Final = 4
MAX_PERSONS: Final = 10
_OUTWARD: Final = (-1.0, -1.0, 1.0, 1.0)
#: 10 M multiply-adds, so that one frame stays below half a millisecond on one AVX2 core.
WIDTHS: Final = (8, 24, 32, 64)


class DetectorMaps(NamedTuple):
    """Output of the network for each cell.

    `logits` (N, 1, H/4, W/4); `edges` (N, 4, H/4, W/4): distances from the cell's centre to
    left, top, right and bottom edge, px, >= 0.
    """

    logits: torch.Tensor
    edges: torch.Tensor


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width), _conv(width, width))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.body(features)


class TinyDetector(nn.Module):
    """Four downward stages, a path back up to stride 4, one head. 0.14 M parameters.

    Input (N, 1, 64, 80): kelvin above the frame's median over 5, clipped to -2..3; rows below
    the 60 or 62 of the camera repeat the last one.

    Parameters
    ----------
    widths : channels at strides 2, 4, 8 and 16; multiples of eight are what the engine's
        convolutions are blocked by.
    """

    def __init__(self, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.stem = _conv(1, first, stride=2)
        self.stage4 = nn.Sequential(_conv(first, second, stride=2), _Residual(second))
        self.stage8 = nn.Sequential(_conv(second, third, stride=2), _Residual(third))
        self.stage16 = nn.Sequential(_conv(third, fourth, stride=2), _Residual(fourth))
        self.lateral16 = nn.Conv2d(fourth, third, 1)
        self.lateral8 = _conv(third, second)
        self.head = _conv(second, second)
        self.score = nn.Conv2d(second, 1, 1)
        self.edges = nn.Conv2d(second, 4, 1)
        # Nearly all cells are empty: start from a prior of 1 % (Lin et al. 2017).
        nn.init.constant_(self.score.bias, -4.6)  # type: ignore[arg-type]

    def forward(self, thermal: torch.Tensor) -> DetectorMaps:
        """Return score logits and edge distances."""
        logits, raw = self.raw(thermal)
        return DetectorMaps(logits, edges_px(raw))

    def raw(self, thermal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return score logits (N, 1, H/4, W/4) and the raw distances for `edges_px`."""
        at4 = self.stage4(self.stem(thermal))
        at8 = self.stage8(at4)
        at16 = self.stage16(at8)
        up8 = self.lateral8(at8 + _double(self.lateral16(at16)))
        features = self.head(at4 + _double(up8))
        return self.score(features), self.edges(features)


def edges_px(raw: torch.Tensor) -> torch.Tensor:
    """Turn the edge head's output into distances in px, >= 0, of the same shape."""
    return functional.softplus(raw) * (2 * STRIDE)


def _double(features: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


def cell_centres(rows: int, columns: int, device: torch.device | None = None) -> torch.Tensor:
    """Return (2, rows, columns): x and y of the cells' centres in px (pixel centres whole)."""
    middle = (STRIDE - 1) / 2
    x = torch.arange(columns, device=device, dtype=torch.float32) * STRIDE + middle
    y = torch.arange(rows, device=device, dtype=torch.float32) * STRIDE + middle
    return torch.stack([x.expand(rows, -1), y[:, None].expand(-1, columns)])


def cell_boxes(edges: torch.Tensor) -> torch.Tensor:
    """Turn (N, 4, h, w) edge distances into (N, 4, h, w) xyxy boxes in px."""
    centres = cell_centres(edges.shape[2], edges.shape[3], edges.device)
    return torch.cat([centres - edges[:, :2], centres + edges[:, 2:]], dim=1)


class DetectorWithPeaks(nn.Module):
    """The network and its decoding, as exported: `boxes` (N, 10, 4) and `scores` (N, 10).

    A cell is a person if its score is the highest of its 3 x 3 neighbours; all others score 0.
    """

    def __init__(self, network: TinyDetector) -> None:
        super().__init__()
        self.network = network

    def forward(self, thermal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the ten best boxes (xyxy px) and their scores, best first."""
        logits, raw = self.network.raw(thermal)
        scores = torch.sigmoid(logits)
        peak = functional.max_pool2d(scores, 3, stride=1, padding=1)
        scores = torch.where(scores >= peak, scores, torch.zeros_like(scores)).flatten(1)
        best, index = scores.topk(MAX_PERSONS, dim=1)
        # Boxes of the chosen cells alone: those of all would cost as much as a convolution.
        chosen = raw.flatten(2).transpose(1, 2)
        edges = edges_px(torch.gather(chosen, 1, index[..., None].expand(-1, -1, 4)))
        centres = cell_centres(raw.shape[2], raw.shape[3], raw.device).flatten(1).T
        corners = centres.repeat(1, 2)[index]
        return corners + edges * edges.new_tensor(_OUTWARD), best
