# SPDX-License-Identifier: Apache-2.0
"""Heavy photometric augmentation of whole frames as tensors (reasons: `HeavyConfig`).

Legend: B frames (H, W) in centikelvin. Light and heavy frames share a batch; on light
frames the effects have zero strength.
"""

from typing import Final

import torch
from torch.nn import functional

from thermal_pose.lab.learning.fitting.heavy_config import HeavyConfig

_COUNTS_PER_K: Final = 100.0
_KERNEL_REACH: Final = 4
#: Uniform numbers drawn per frame.
_DRAWS: Final = 20
#: The frame's contrast is that of its warmest pixels: this quantile above the median.
_WARM_QUANTILE: Final = 0.97
#: Cells of the histogram that is equalised, from the coldest to the warmest pixel.
_CELLS: Final = 1024


def heavy_draws(
    batch: int,
    frame_hw: tuple[int, int],
    config: HeavyConfig,
    generator: torch.Generator,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """Draw everything random that `disturb_heavily` needs; nothing where its share is 0."""
    if config.share <= 0:
        return {}
    height, width = frame_hw
    return {
        "heavy": torch.rand(batch, _DRAWS, generator=generator, device=device),
        "heavy_pixels": torch.randn(batch, height, width, generator=generator, device=device),
        "heavy_texture": torch.randn(batch, height, width, generator=generator, device=device),
        "heavy_columns": torch.randn(batch, 1, width, generator=generator, device=device),
    }


def disturb_heavily(
    frames: torch.Tensor,
    medians: torch.Tensor,
    draws: dict[str, torch.Tensor],
    config: HeavyConfig,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Apply the heavy effects to (B, H, W) frames in centikelvin; medians (B,) follow.

    In the order in which a camera has them: the scene (texture, contrast, a lamp), the lens
    (blur, vignette), the sensor (noise), the electronics (sharpening, automatic gain).
    """
    if "heavy" not in draws:
        return frames, medians
    u = draws["heavy"][:, :, None, None]
    on = (u[:, 0] < config.share).to(frames.dtype)
    middle = medians[:, None, None]
    warm = torch.quantile(frames.flatten(1), _WARM_QUANTILE, dim=1)[:, None, None] - middle
    warm = warm.clamp(min=0.5 * _COUNTS_PER_K)
    frames = frames + on * _texture(frames, middle, warm, u, draws["heavy_texture"], config)
    frames = _with_lamp(frames, middle, on, u, config)
    exponent = on * config.contrast_log2 * (2 * u[:, 1] - 1)
    frames = middle + (frames - middle) * torch.exp2(exponent)
    # Half of the frames are in focus: the square root of a uniform number is rarely small.
    sigma = (on * config.blur_px * (2 * u[:, 2] - 1).clamp(min=0))[:, 0, 0]
    frames = gaussian_blur(frames, sigma)
    frames = frames + on * _vignette(frames, u, config)
    noise = config.noise_k * u[:, 3] ** 2 * draws["heavy_pixels"]
    noise = noise + config.column_k * u[:, 4] ** 2 * draws["heavy_columns"]
    frames = frames + on * noise * _COUNTS_PER_K
    detail = frames - gaussian_blur(frames, torch.ones_like(sigma))
    frames = frames + on * config.sharpen * (2 * u[:, 5] - 1).clamp(min=0) * detail
    controlled = on * (u[:, 6] < config.gain_control)
    return torch.where(controlled > 0, _gain_control(frames, u, config), frames), medians


def gaussian_blur(frames: torch.Tensor, sigma_px: torch.Tensor) -> torch.Tensor:
    """Blur (B, H, W) frames, each by a standard deviation of its own (B,), px; 0: not at all."""
    offsets = torch.arange(-_KERNEL_REACH, _KERNEL_REACH + 1, device=frames.device)
    spread = sigma_px[:, None].clamp(min=1e-3)
    kernel = torch.exp(-0.5 * (offsets / spread) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    count, reach = len(frames), _KERNEL_REACH
    padded = functional.pad(frames[None], (reach, reach, reach, reach), mode="replicate")
    across = functional.conv2d(padded, kernel[:, None, None, :], groups=count)
    return functional.conv2d(across, kernel[:, None, :, None], groups=count)[0]


def _texture(
    frames: torch.Tensor,
    middle: torch.Tensor,
    warm: torch.Tensor,
    u: torch.Tensor,
    noise: torch.Tensor,
    config: HeavyConfig,
) -> torch.Tensor:
    """A rough field on what is warm, of grain 0.3 to 1.8 px, in counts."""
    grain = gaussian_blur(noise, 0.3 + 1.5 * u[:, 7, 0, 0])
    grain = grain / grain.std(dim=(1, 2), keepdim=True).clamp(min=1e-6)
    mask = ((frames - middle) / warm * 2.5 - 0.25).clamp(0, 1)
    return config.texture_k * u[:, 8] * _COUNTS_PER_K * grain * mask


def _with_lamp(
    frames: torch.Tensor,
    middle: torch.Tensor,
    on: torch.Tensor,
    u: torch.Tensor,
    config: HeavyConfig,
) -> torch.Tensor:
    height, width = frames.shape[1:]
    x = torch.arange(width, device=frames.device)[None, None, :] / width
    y = torch.arange(height, device=frames.device)[None, :, None] / height
    beside = (x - u[:, 9]).abs() < 0.01 + 0.08 * u[:, 10]
    inside = beside & ((y - u[:, 11]).abs() < 0.01 + 0.12 * u[:, 12])
    inside &= (u[:, 13] < config.lamp) & (on > 0)
    return torch.where(inside, middle + _COUNTS_PER_K * (8 + 52 * u[:, 14]), frames)


def _vignette(frames: torch.Tensor, u: torch.Tensor, config: HeavyConfig) -> torch.Tensor:
    height, width = frames.shape[1:]
    x = torch.linspace(-1, 1, width, device=frames.device)[None, None, :]
    y = torch.linspace(-1, 1, height, device=frames.device)[None, :, None]
    bowl = (x**2 + y**2) / 2
    return config.vignette_k * _COUNTS_PER_K * (2 * u[:, 15] - 1) * u[:, 16] * bowl


def _gain_control(frames: torch.Tensor, u: torch.Tensor, config: HeavyConfig) -> torch.Tensor:
    """Clip at percentiles and bend by a curve, or equalise; then round to between 5 and 8 bits."""
    flat = frames.flatten(1)
    ends = torch.quantile(flat, torch.tensor([0.01, 0.999], device=frames.device), dim=1)
    low, high = ends[0][:, None, None], ends[1][:, None, None]
    clipped_from = 1.0 - 0.35 * (2 * u[:, 17] - 1).clamp(min=0)
    span = ((high - low) * clipped_from).clamp(min=1.0)
    value = ((frames - low) / span).clamp(0, 1)
    curved = value ** torch.exp2(1.6 * (u[:, 18] - 0.5))
    # No number is drawn for the choice: among controlled frames this one is uniform up to the
    # share. Half of these cameras limit the cells, to as little as 1/64 of the fullest.
    equal = u[:, 6] < config.gain_control * config.equalise
    limit = torch.exp2(-6 * (2 * u[:, 17] - 1).clamp(min=0))[:, 0, 0]
    shown = torch.where(equal, equalised(frames, limit), curved)
    span = torch.where(equal, (high - low).clamp(min=1.0), span)
    levels = torch.exp2(5 + 3 * (1.5 * u[:, 19]).clamp(max=1)).floor() - 1
    return low + (shown * levels).round() / levels * span


def equalised(frames: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
    """Equalise the histogram of each frame, as the automatic gain of many cameras does.

    Parameters
    ----------
    frames : (B, H, W) in any unit.
    limit : (B,) most pixels that a cell of the histogram counts, as a share of the fullest cell: 1
        equalises fully, and a small one is nearly linear ('plateau').

    Returns
    -------
    values : (B, H, W) from 0, the coldest, to 1, the warmest pixels, in the same order.
    """
    flat = frames.flatten(1)
    low = flat.amin(dim=1, keepdim=True)
    span = (flat.amax(dim=1, keepdim=True) - low).clamp(min=1e-6)
    cells = ((flat - low) / span * (_CELLS - 1)).long()
    counts = flat.new_zeros(len(flat), _CELLS).scatter_add_(1, cells, torch.ones_like(flat))
    counts = torch.minimum(counts, limit[:, None] * counts.amax(dim=1, keepdim=True))
    below = counts.cumsum(dim=1)
    below = (below - below[:, :1]) / (below[:, -1:] - below[:, :1]).clamp(min=1e-6)
    return below.clamp(0, 1).gather(1, cells).reshape(frames.shape)
