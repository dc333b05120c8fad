# SPDX-License-Identifier: Apache-2.0
"""Augmentation: effects of rooms and cameras, drawn on the device for a whole batch.

Legend: B frames of (H, W) = (64, 80), M boxes per frame (zero where there is none).
"""

from dataclasses import dataclass, field, replace

import torch
from torch.nn import functional

from thermal_pose.lab.learning.fitting.heavy import disturb_heavily, heavy_draws
from thermal_pose.lab.learning.fitting.heavy_config import HeavyConfig

SCALE_K = 5.0
CLIP = (-2.0, 3.0)
_COUNTS_PER_K = 100.0


@dataclass(frozen=True)
class DetectorAugmentation:
    """Strength of each disturbance.

    Attributes
    ----------
    zoom : range of the magnification about a random point; above 1 brings people nearer than
        the walkway and partly out of view.
    zoomed : share of frames that are magnified at all; the others show people as a camera does.
    contrast, offset_k : factor on, and shift of, temperatures above the median.
    noise_k : largest standard deviation of white noise.
    warm_objects : largest number of warm boxes (lamps, radiators, screens, kettles) pasted.
    pair : share of frames that get another frame's people pasted in (the warmer pixel wins).
    min_visible : a box with a smaller share of its area inside the image is not a target.
    heavy : effects of cheap cameras and warm clothes, on a share of the frames; the same as those
        of the pose networks.
    """

    zoom: tuple[float, float] = (0.9, 1.8)
    zoomed: float = 0.6
    contrast: tuple[float, float] = (0.6, 1.4)
    offset_k: float = 0.7
    noise_k: float = 0.25
    warm_objects: int = 3
    pair: float = 0.25
    min_visible: float = 0.3
    heavy: HeavyConfig = field(default_factory=lambda: HeavyConfig(share=0.4))


def augment(
    frames: torch.Tensor,
    boxes: torch.Tensor,
    settings: DetectorAugmentation,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return disturbed frames (B, 1, H, W), normalised, and their boxes (B, M, 4).

    Parameters
    ----------
    frames : (B, H, W) kelvin above the median.
    boxes : (B, M, 4) xyxy px.
    generator : on the frames' device; all draws come from it.
    """
    frames, boxes = _paired(frames, boxes, settings.pair, generator)
    frames, boxes = _zoomed(frames, boxes, settings, generator)
    frames = _with_warm_objects(frames, settings.warm_objects, generator)
    frames = with_heavy_effects(frames, settings.heavy, generator)
    frames = _photometry(frames, settings, generator)
    return normalised(frames), boxes


def normalised(frames: torch.Tensor) -> torch.Tensor:
    """Return (B, 1, H, W) network input of (B, H, W) kelvin above the median."""
    return (frames / SCALE_K).clamp(*CLIP)[:, None]


def _uniform(
    shape: tuple[int, ...], low: float, high: float, generator: torch.Generator
) -> torch.Tensor:
    draws = torch.rand(shape, generator=generator, device=generator.device)
    return low + (high - low) * draws


def _paired(
    frames: torch.Tensor, boxes: torch.Tensor, share: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Paste the batch's next frame over a share of the frames, if both sets of boxes fit."""
    other, other_boxes = frames.roll(1, 0), boxes.roll(1, 0)
    people = (boxes[..., 2] > 0).sum(1) + (other_boxes[..., 2] > 0).sum(1)
    chosen = _uniform((len(frames),), 0, 1, generator) < share
    chosen &= people <= boxes.shape[1]
    frames = torch.where(chosen[:, None, None], torch.maximum(frames, other), frames)
    both = torch.cat([boxes, other_boxes], dim=1)
    order = (both[..., 2] > 0).float().argsort(dim=1, descending=True, stable=True)
    both = torch.gather(both, 1, order[..., None].expand(-1, -1, 4))[:, : boxes.shape[1]]
    return frames, torch.where(chosen[:, None, None], both, boxes)


def _zoomed(
    frames: torch.Tensor,
    boxes: torch.Tensor,
    settings: DetectorAugmentation,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Magnify about a random point and mirror half of the frames."""
    count, height, width = frames.shape
    size = torch.tensor([width, height], device=frames.device, dtype=torch.float32)
    zoom = _uniform((count, 1), *settings.zoom, generator)
    left = _uniform((count, 1), 0, 1, generator) >= settings.zoomed
    zoom = torch.where(left, torch.ones_like(zoom), zoom)
    mirror = torch.where(_uniform((count,), 0, 1, generator) < 0.5, -1.0, 1.0)
    fixed = _uniform((count, 2), 0, 1, generator) * size
    # output = fixed + zoom * (input - fixed), all in px from the picture's corner
    matrix = torch.zeros(count, 2, 3, device=frames.device)
    shift = (2 * fixed / size - 1) * (1 - 1 / zoom)
    matrix[:, 0, 0], matrix[:, 1, 1] = mirror / zoom[:, 0], 1 / zoom[:, 0]
    matrix[:, :, 2] = shift
    grid = functional.affine_grid(matrix, [count, 1, height, width], align_corners=False)
    moved = functional.grid_sample(
        frames[:, None], grid, padding_mode="border", align_corners=False
    )[:, 0]
    return moved, _moved_boxes(boxes, zoom, fixed, mirror, size, settings.min_visible)


def _moved_boxes(
    boxes: torch.Tensor,
    zoom: torch.Tensor,
    fixed: torch.Tensor,
    mirror: torch.Tensor,
    size: torch.Tensor,
    min_visible: float,
) -> torch.Tensor:
    real = boxes[..., 2] > 0
    corners = boxes.reshape(*boxes.shape[:2], 2, 2) + 0.5
    corners = fixed[:, None, None] + zoom[:, None, None] * (corners - fixed[:, None, None])
    x = torch.where(mirror[:, None, None] < 0, size[0] - corners[..., 0].flip(2), corners[..., 0])
    corners = torch.stack([x, corners[..., 1]], dim=-1)
    whole = (corners[:, :, 1] - corners[:, :, 0]).prod(-1)
    corners = torch.minimum(corners.clamp(min=0), size)
    sides = corners[:, :, 1] - corners[:, :, 0]
    kept = real & (sides.prod(-1) >= min_visible * whole) & (sides.min(-1).values >= 2)
    return (corners - 0.5).flatten(2) * kept[..., None]


def _with_warm_objects(frames: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """Paste soft warm boxes; half as wide, tall and warm as people or less, or larger."""
    count, height, width = frames.shape
    x = torch.arange(width, device=frames.device)
    y = torch.arange(height, device=frames.device)
    for _ in range(most):
        centre_x, centre_y = (
            _uniform((count, 1), 0, limit, generator) for limit in (width, height)
        )
        half_w = torch.exp(_uniform((count, 1), 0.0, 2.5, generator)) * 0.8
        half_h = torch.exp(_uniform((count, 1), 0.0, 2.5, generator)) * 0.8
        kelvin = torch.exp(_uniform((count, 1), -0.5, 3.5, generator))
        kelvin = kelvin * (_uniform((count, 1), 0, 1, generator) < 0.35)
        across = torch.sigmoid((half_w - (x - centre_x).abs()) * 2)
        down = torch.sigmoid((half_h - (y - centre_y).abs()) * 2)
        patch = kelvin[..., None] * down[:, :, None] * across[:, None, :]
        frames = torch.maximum(frames, patch)
    return frames


def with_heavy_effects(
    frames: torch.Tensor, settings: HeavyConfig, generator: torch.Generator
) -> torch.Tensor:
    """Apply the heavy effects to a share of the frames (B, H, W), K above the median.

    They are the first of the batch, whose order is random. The result is again relative to each
    frame's median.
    """
    count = round(settings.share * len(frames))
    if count == 0:
        return frames
    some, others = frames[:count] * _COUNTS_PER_K, frames[count:]
    settings = replace(settings, share=1.0)
    height, width = some.shape[1:]
    draws = heavy_draws(count, (height, width), settings, generator, some.device)
    some, _ = disturb_heavily(some, some.new_zeros(count), draws, settings)
    some = some - some.flatten(1).median(dim=1).values[:, None, None]
    return torch.cat([some / _COUNTS_PER_K, others])


def _photometry(
    frames: torch.Tensor, settings: DetectorAugmentation, generator: torch.Generator
) -> torch.Tensor:
    count, height, width = frames.shape
    frames = frames * _uniform((count, 1, 1), *settings.contrast, generator)
    frames = frames + _uniform((count, 1, 1), -settings.offset_k, settings.offset_k, generator)
    slope = _uniform((count, 2, 1), -1.0, 1.0, generator)
    x = torch.linspace(-1, 1, width, device=frames.device)
    y = torch.linspace(-1, 1, height, device=frames.device)
    frames = frames + slope[:, :1] * x + slope[:, 1:] * y[:, None]
    soft = functional.avg_pool2d(
        functional.pad(frames[:, None], (1, 1, 1, 1), mode="replicate"), 3, stride=1
    )[:, 0]
    blur = _uniform((count, 1, 1), 0, 0.7, generator)
    frames = torch.lerp(frames, soft, blur)
    sigma = _uniform((count, 1, 1), 0.02, settings.noise_k, generator)
    noise = torch.randn(frames.shape, generator=generator, device=frames.device)
    return frames + sigma * noise
