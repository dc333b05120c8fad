# SPDX-License-Identifier: Apache-2.0
"""Crops and augmentation as tensors, on the device of the frames.

Legend: B crops; (H, W) frame; affines (B, 2, 3) map crop pixels to frame (or RGB patch) ones.
"""

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import torch
from torch.nn import functional

from thermal_pose.inference.card import (
    PERCENTILE_FIRST,
    PERCENTILE_STRIDE,
    Normalization,
)
from thermal_pose.lab.learning.fitting.config import AugmentConfig
from thermal_pose.skeleton import MIRROR

CROP_WH: Final = (192, 256)
HEATMAP_WH: Final = (48, 64)
_STRIDE: Final = 4
_COUNTS_PER_K: Final = 100.0
#: How many uniform numbers a crop needs for its geometry, and for its photometry.
GEOMETRY_DRAWS: Final = 5
_PHOTOMETRY_DRAWS: Final = 12

P = ParamSpec("P")
R = TypeVar("R")


def in_full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function of pictures and places, which mixed precision must not round.

    Steps run under autocast. In bf16 a product of matrices would move joints by up to 1.5 px of
    the crop, and convolutions would round temperatures.
    """

    @functools.wraps(function)
    def exact(*args: P.args, **kwargs: P.kwargs) -> R:
        with contextlib.ExitStack() as off:
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    off.enter_context(torch.autocast(device, enabled=False))
            return function(*args, **kwargs)

    return exact


def crop_affine(regions: torch.Tensor) -> torch.Tensor:
    """Return (B, 2, 3) from crop pixels to frame pixels for upright regions (B, 4).

    Regions are centre x, y, width, height, as `CropRule.region` gives them.
    """
    x, y, width, height = regions.unbind(1)
    across, down = width / CROP_WH[0], height / CROP_WH[1]
    zero = torch.zeros_like(x)
    left, top = x - width / 2 + across / 2, y - height / 2 + down / 2
    return torch.stack([across, zero, left, zero, down, top], dim=1).reshape(-1, 2, 3)


def compose(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """Return the (B, 2, 3) affine that applies `inner` first, then `outer`."""
    linear = outer[:, :, :2] @ inner[:, :, :2]
    shift = (outer[:, :, :2] @ inner[:, :, 2:]) + outer[:, :, 2:]
    return torch.cat([linear, shift], dim=2)


def apply_affine(affine: torch.Tensor, xy: torch.Tensor) -> torch.Tensor:
    """Map points (B, K, 2)."""
    return xy @ affine[:, :, :2].transpose(1, 2) + affine[:, None, :, 2]


def invert(affine: torch.Tensor) -> torch.Tensor:
    """Return the inverse (B, 2, 3) affine, in closed form (no solver: capturable)."""
    a, b, c, d = affine[:, 0, 0], affine[:, 0, 1], affine[:, 1, 0], affine[:, 1, 1]
    determinant = a * d - b * c
    linear = torch.stack([d, -b, -c, a], dim=1).reshape(-1, 2, 2) / determinant[:, None, None]
    return torch.cat([linear, -linear @ affine[:, :, 2:]], dim=2)


def jitter_affine(
    draws: torch.Tensor, shift: float, scale: float, rotate_deg: float, flip: float
) -> torch.Tensor:
    """Return (B, 2, 3) from augmented crop pixels to plain crop pixels.

    Parameters
    ----------
    draws : (B, 5) uniform in 0..1.
    shift, scale, rotate_deg, flip : as in `AugmentConfig`.
    """
    u = 2 * draws - 1
    middle_x, middle_y = (CROP_WH[0] - 1) / 2, (CROP_WH[1] - 1) / 2
    size = torch.exp(u[:, 2] * math.log1p(scale))
    angle = u[:, 3] * (rotate_deg * math.pi / 180)
    mirror = torch.where(draws[:, 4] < flip, -1.0, 1.0)
    a, b = torch.cos(angle) * size * mirror, -torch.sin(angle) * size
    c, d = torch.sin(angle) * size * mirror, torch.cos(angle) * size
    x = middle_x + u[:, 0] * shift * CROP_WH[0] - a * middle_x - b * middle_y
    y = middle_y + u[:, 1] * shift * CROP_WH[1] - c * middle_x - d * middle_y
    return torch.stack([a, b, x, c, d, y], dim=1).reshape(-1, 2, 3)


def is_mirrored(affine: torch.Tensor) -> torch.Tensor:
    """Return (B,) bool: whether an affine mirrors, so that left and right joints swap."""
    return affine[:, 0, 0] * affine[:, 1, 1] - affine[:, 0, 1] * affine[:, 1, 0] < 0


@functools.cache
def _mirror_order(device: torch.device) -> torch.Tensor:
    """Cached on the device: a copy at each step would stall the device's queue."""
    return torch.as_tensor(MIRROR, device=device)


def mirror_joints(values: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """Swap left and right joints (dim 1) of those (B, 17, ...) samples that are mirrored."""
    order = _mirror_order(values.device)
    chosen = mirrored.reshape(-1, *([1] * (values.dim() - 1)))
    return torch.where(chosen, values.index_select(1, order), values)


def sample(
    images: torch.Tensor,
    affine: torch.Tensor,
    rows: torch.Tensor | None = None,
    out_wh: tuple[int, int] = CROP_WH,
) -> torch.Tensor:
    """Sample (B, C, H, W) images bilinearly at crop pixels; borders are repeated.

    Parameters
    ----------
    rows : (B,) number of real rows of each image; None: all.

    Returns
    -------
    (B, C, out_h, out_w).
    """
    height, width = images.shape[-2:]
    v, u = torch.meshgrid(
        torch.arange(out_wh[1], device=images.device, dtype=affine.dtype),
        torch.arange(out_wh[0], device=images.device, dtype=affine.dtype),
        indexing="ij",
    )
    grid = torch.stack([u, v], dim=-1).reshape(1, -1, 2)
    xy = apply_affine(affine, grid.expand(len(images), -1, -1))
    last_row = (
        xy.new_full((len(images), 1), height - 1.0)
        if rows is None
        else rows[:, None].to(xy.dtype) - 1
    )
    x = xy[..., 0].clamp(0, width - 1) * (2 / (width - 1)) - 1
    y = torch.minimum(xy[..., 1].clamp(min=0), last_row) * (2 / (height - 1)) - 1
    where = torch.stack([x, y], dim=-1).reshape(len(images), out_wh[1], out_wh[0], 2)
    return functional.grid_sample(
        images, where.to(images.dtype), "bilinear", "border", align_corners=True
    )


def photometry_draws(
    batch: int, frame_hw: tuple[int, int], generator: torch.Generator, device: torch.device
) -> dict[str, torch.Tensor]:
    """Draw everything random that `disturb` and `occlude` need."""
    height, width = frame_hw

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    return {
        "uniform": uniform(batch, _PHOTOMETRY_DRAWS),
        "normal": normal(batch, 2),
        "pixels": normal(batch, height, width),
        "columns": normal(batch, 1, width),
    }


def disturb(
    frames: torch.Tensor,
    medians: torch.Tensor,
    draws: dict[str, torch.Tensor],
    config: AugmentConfig,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Apply sensor effects to (B, H, W) frames in centikelvin, at the frame's own resolution.

    Returns the frames and their medians (B,), which follow gain and offset.
    """
    _, height, width = frames.shape
    u, n = draws["uniform"], draws["normal"]
    if config.blur > 0:
        frames = _blur(frames, u[:, 0] * config.blur)
    centre = frames.mean(dim=(1, 2), keepdim=True)
    slope = 1 + config.gain * n[:, 0].clamp(-2, 2)[:, None, None]
    offset = config.offset_k * _COUNTS_PER_K * n[:, 1][:, None, None]
    x = torch.linspace(-1, 1, width, device=frames.device)[None, None]
    y = torch.linspace(-1, 1, height, device=frames.device)[None, :, None]
    tilt = config.pattern_k * _COUNTS_PER_K
    pattern = tilt * ((2 * u[:, 1, None, None] - 1) * x + (2 * u[:, 2, None, None] - 1) * y)
    noise = (
        config.noise_k * u[:, 3, None, None] * draws["pixels"]
        + config.column_k * u[:, 4, None, None] * draws["columns"]
    ) * _COUNTS_PER_K
    disturbed = centre + offset + (frames - centre) * slope + pattern + noise
    shifted = centre + offset + (medians[:, None, None] - centre) * slope
    return disturbed, shifted[:, 0, 0]


def _blur(frames: torch.Tensor, leak: torch.Tensor) -> torch.Tensor:
    """Let each pixel leak the share `leak` (B,) to each of its four neighbours."""
    padded = functional.pad(frames[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    share = leak[:, None, None]
    return frames * (1 - 4 * share) + around * share


def occlude(
    crops: torch.Tensor, draws: dict[str, torch.Tensor], share: float, fill: torch.Tensor
) -> torch.Tensor:
    """Put an upright bar or box in front of a share of (B, C, h, w) crops.

    Parameters
    ----------
    fill : (B, C) value of the object.
    """
    if share <= 0:
        return crops
    u = draws["uniform"]
    height, width = crops.shape[-2:]
    x = torch.arange(width, device=crops.device)[None, None, :] / width
    y = torch.arange(height, device=crops.device)[None, :, None] / height
    half_w = (0.03 + 0.15 * u[:, 5])[:, None, None]
    half_h = (0.05 + 0.45 * u[:, 6])[:, None, None]
    inside = ((x - u[:, 7, None, None]).abs() < half_w) & ((y - u[:, 8, None, None]).abs() < half_h)
    inside &= (u[:, 9] < share)[:, None, None]
    return torch.where(inside[:, None], fill[:, :, None, None].to(crops.dtype), crops)


def normalise(
    crops: torch.Tensor, frame_median: torch.Tensor, normalization: Normalization
) -> torch.Tensor:
    """Normalise (B, h, w) centikelvin crops as `Normalization.apply` does.

    Parameters
    ----------
    frame_median : (B,) median of each whole frame.
    """
    if normalization.kind == "crop_minmax":
        low = crops.amin(dim=(1, 2), keepdim=True)
        span = (crops.amax(dim=(1, 2), keepdim=True) - low).clamp(min=1.0)
        return (crops - low) / span
    if normalization.kind == "crop_percentile":
        return _between_percentiles(crops, normalization)
    kelvin = (crops - frame_median[:, None, None]) / (_COUNTS_PER_K * normalization.scale_k)
    return kelvin.clamp(normalization.clip_min, normalization.clip_max)


def _between_percentiles(crops: torch.Tensor, normalization: Normalization) -> torch.Tensor:
    grid = slice(PERCENTILE_FIRST, None, PERCENTILE_STRIDE)
    ordered = crops[:, grid, grid].flatten(1).sort(dim=1).values
    places = normalization.percentile_indices(ordered.shape[1])
    low, middle, high = (ordered[:, place, None, None] for place in places)
    span = torch.minimum(high - low, normalization.most_contrast * (middle - low))
    span = span.clamp(min=normalization.least_span_k * _COUNTS_PER_K)
    scaled = (crops - low) * (normalization.high_value / span)
    return scaled.clamp(normalization.clip_min, normalization.clip_max)


def draw_heatmaps(
    crop_xy: torch.Tensor, present: torch.Tensor, sigma_px: float = 2.0
) -> torch.Tensor:
    """Draw (B, 17, 64, 48) Gaussians at crop pixels (B, 17, 2); absent joints stay empty.

    Half-pixel alignment; the counterpart of `codecs.heatmap.encode_gaussian` on the device.
    """
    xy = (crop_xy - (_STRIDE - 1) / 2) / _STRIDE
    xy = torch.where(present[..., None], xy, torch.zeros_like(xy))
    width, height = HEATMAP_WH
    x = torch.arange(width, device=xy.device, dtype=xy.dtype)
    y = torch.arange(height, device=xy.device, dtype=xy.dtype)
    across = torch.exp(-((x - xy[..., 0:1]) ** 2) / (2 * sigma_px**2))
    down = torch.exp(-((y - xy[..., 1:2]) ** 2) / (2 * sigma_px**2))
    return down[..., :, None] * across[..., None, :] * present[..., None, None]
