# SPDX-License-Identifier: Apache-2.0
"""Trains the tiny detector, with its data on the device; the weights' average is kept."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.nn import functional

from thermal_pose.errors import TrainingError
from thermal_pose.lab.learning.detector.augment import DetectorAugmentation, augment
from thermal_pose.lab.learning.detector.data import DetectorData
from thermal_pose.lab.learning.detector.network import (
    STRIDE,
    DetectorMaps,
    TinyDetector,
    cell_boxes,
    cell_centres,
)
from thermal_pose.lab.learning.fitting.average import WeightAverage


@dataclass(frozen=True)
class DetectorTraining:
    """How the detector is trained.

    Attributes
    ----------
    max_minutes, max_steps : whichever comes first ends it; the schedule stretches over it.
    batch : frames per step.
    learning_rate, weight_decay : AdamW's, one cycle up over the first 5 % and down as a cosine.
    ema : decay of the averaged weights that are kept.
    box_weight : of the box loss against the score loss.
    seed : of weights, order and disturbances.
    device : 'auto', 'cpu' or 'cuda'.
    """

    max_minutes: float = 3.0
    max_steps: int = 60_000
    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    ema: float = 0.999
    box_weight: float = 2.0
    seed: int = 0
    device: str = "auto"
    augmentation: DetectorAugmentation = field(default_factory=DetectorAugmentation)

    def __post_init__(self) -> None:
        if self.max_minutes <= 0 or self.max_steps < 1 or self.batch < 1:
            raise ValueError(
                "expected positive max_minutes, max_steps and batch, got "
                f"{self.max_minutes}, {self.max_steps}, {self.batch}"
            )

    def torch_device(self) -> torch.device:
        """Return the requested device; 'auto' uses a GPU if there is one."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)


def targets(
    boxes: torch.Tensor, rows: int, columns: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Targets of each cell.

    Parameters
    ----------
    boxes : (B, M, 4) xyxy px, zero where there is none.
    rows, columns : of the map.

    Returns
    -------
    heat : (B, rows, columns) in [0, 1]: 1 at the cell of each centre, falling off as a Gaussian
        whose width follows the box.
    owner : (B, rows, columns) index of the box assigned to a cell.
    weight : (B, rows, columns) of the cell in the box loss, 0 far from every centre.

    Notes
    -----
    Deviates from CenterNet in the Gaussian: a tenth of width and height, at least 0.4 cells,
    and separate per axis, since people are three times as tall as wide.
    """
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    sigma = ((boxes[..., 2:] - boxes[..., :2]) / 10).clamp(min=0.4 * STRIDE)
    cells = cell_centres(rows, columns, boxes.device)
    # The peak is the cell that contains the centre.
    middle = (STRIDE - 1) / 2
    whole = ((centre - middle) / STRIDE).round()
    limit = torch.tensor([columns - 1, rows - 1], device=boxes.device)
    snapped = torch.minimum(whole.clamp(min=0), limit) * STRIDE + middle
    offset = (cells[None, None] - snapped[..., None, None]) / sigma[..., None, None]
    heat = torch.exp(-0.5 * (offset**2).sum(2))
    heat = heat * (boxes[..., 2] > 0)[..., None, None]
    heat, owner = heat.max(1)
    return heat, owner, torch.where(heat > 0.3, heat, torch.zeros_like(heat))


def detector_loss(
    maps: DetectorMaps, boxes: torch.Tensor, box_weight: float
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the loss and its parts: CenterNet's focal loss and generalised IoU."""
    _, _, rows, columns = maps.logits.shape
    heat, owner, weight = targets(boxes, rows, columns)
    logits = maps.logits[:, 0]
    probability = torch.sigmoid(logits)
    centre = heat >= 1 - 1e-4
    found = -((1 - probability) ** 2) * functional.logsigmoid(logits)
    silent = -((1 - heat) ** 4) * probability**2 * functional.logsigmoid(-logits)
    score = torch.where(centre, found, silent).sum() / centre.sum().clamp(min=1)
    chosen = owner.flatten(1)[:, None].expand(-1, 4, -1)
    wanted = torch.gather(boxes.transpose(1, 2), 2, chosen).reshape(-1, 4, rows, columns)
    giou = _giou(cell_boxes(maps.edges), wanted)
    box = ((1 - giou) * weight).sum() / weight.sum().clamp(min=1)
    return score + box_weight * box, {"score": score.detach(), "box": box.detach()}


def _giou(ones: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return generalised IoU (Rezatofighi et al. 2019) along dimension 1 (xyxy)."""
    a, b = (boxes.reshape(-1, 2, 2, *boxes.shape[2:]) for boxes in (ones, others))
    shared = (torch.minimum(a[:, 1], b[:, 1]) - torch.maximum(a[:, 0], b[:, 0])).clamp(min=0)
    overlap = shared.prod(1)
    union = (a[:, 1] - a[:, 0]).prod(1) + (b[:, 1] - b[:, 0]).prod(1) - overlap
    hull = (torch.maximum(a[:, 1], b[:, 1]) - torch.minimum(a[:, 0], b[:, 0])).prod(1)
    union, hull = union.clamp(min=1e-3), hull.clamp(min=1e-3)
    return overlap / union - (hull - union) / hull


def train_detector(
    data: DetectorData,
    settings: DetectorTraining,
    report: Callable[[int, float, dict[str, float]], None] = lambda step, share, parts: None,
    start: TinyDetector | None = None,
) -> TinyDetector:
    """Train on all frames; return the network with averaged weights, on the CPU.

    Parameters
    ----------
    report : called every 100 steps with step, share of the schedule done, and loss parts.
    start : a trained network to continue from, which is changed; None: random weights.

    Raises
    ------
    TrainingError
        The data contain no person, or the loss is not finite.
    """
    if not (data.boxes[..., 2] > 0).any():
        raise TrainingError("detector: the shards hold no person")
    torch.manual_seed(settings.seed)
    device = settings.torch_device()
    frames, boxes = (torch.from_numpy(part).to(device) for part in (data.frames, data.boxes))
    generator = torch.Generator(device).manual_seed(settings.seed)
    # Channels last: a fifth less time per step on a CPU.
    network = (start or TinyDetector()).to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = WeightAverage(network, settings.ema)
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    begin_s = time.monotonic()
    for step in range(settings.max_steps):
        share = max(
            step / settings.max_steps,
            (time.monotonic() - begin_s) / (60 * settings.max_minutes),
        )
        if share >= 1:
            break
        _set_rate(optimiser, settings.learning_rate, share)
        chosen = torch.randint(len(frames), (settings.batch,), generator=generator, device=device)
        parts = _step(
            network, optimiser, frames[chosen].float(), boxes[chosen], settings, generator
        )
        average.update(network, step)
        if step % 100 == 0:
            figures = {name: float(value) for name, value in parts.items()}
            if not all(map(math.isfinite, figures.values())):
                raise TrainingError(f"detector: loss is not finite at step {step}: {figures}")
            report(step, share, figures)
    network.load_state_dict(average.state)
    return network.cpu().eval()


def _step(
    network: TinyDetector,
    optimiser: torch.optim.Optimizer,
    frames: torch.Tensor,
    boxes: torch.Tensor,
    settings: DetectorTraining,
    generator: torch.Generator,
) -> dict[str, torch.Tensor]:
    inputs, wanted = augment(frames, boxes, settings.augmentation, generator)
    loss, parts = detector_loss(network(inputs), wanted, settings.box_weight)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return parts


def _set_rate(optimiser: torch.optim.Optimizer, peak: float, share: float) -> None:
    warm = min(share / 0.05, 1.0)
    fall = 0.5 * (1 + math.cos(math.pi * max(share - 0.05, 0) / 0.95))
    for group in optimiser.param_groups:
        group["lr"] = peak * warm * (0.01 + 0.99 * fall)
