# SPDX-License-Identifier: Apache-2.0
"""Trains the paper's person detector, Faster R-CNN ResNet-50 FPN, on the tiny one's frames.

For comparison (extra `torchvision`): same shards, same disturbances, its own losses.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from thermal_pose.errors import MissingExtraError, TrainingError
from thermal_pose.inference.torchvision_detector import build_faster_rcnn
from thermal_pose.lab.learning.detector.augment import CLIP, augment
from thermal_pose.lab.learning.detector.data import DetectorData
from thermal_pose.lab.learning.detector.fit import DetectorTraining

_PERSON = 1
_LEARNING_RATE = 0.01
_WARM_UP_STEPS = 200


def train_faster_rcnn(
    data: DetectorData,
    settings: DetectorTraining,
    report: Callable[[int, float, dict[str, float]], None] = lambda step, share, parts: None,
) -> Any:
    """Train on all frames; return the network on the CPU, in evaluation mode.

    Parameters
    ----------
    settings : time, steps, batch, seed, device and disturbances are used; the optimiser is
        torchvision's recipe, SGD with momentum 0.9, at a rate for the batch.

    Raises
    ------
    MissingExtraError
        torchvision is not installed, or does not load beside this torch.
    TrainingError
        The data contain no person, or the loss is not finite.

    Notes
    -----
    Starts from random weights, because pretrained ones cannot be fetched everywhere; the paper's
    detector was pretrained on COCO.
    """
    if not (data.boxes[..., 2] > 0).any():
        raise TrainingError("detector: the shards hold no person")
    torch.manual_seed(settings.seed)
    device = settings.torch_device()
    network = _new_network().to(device).train()
    optimiser = torch.optim.SGD(
        network.parameters(), lr=_LEARNING_RATE * settings.batch / 16, momentum=0.9,
        weight_decay=1e-4,
    )  # fmt: skip
    rates = [group["lr"] for group in optimiser.param_groups]
    frames, boxes = (torch.from_numpy(part).to(device) for part in (data.frames, data.boxes))
    generator = torch.Generator(device).manual_seed(settings.seed)
    begin_s = time.monotonic()
    for step in range(settings.max_steps):
        spent = (time.monotonic() - begin_s) / (60 * settings.max_minutes)
        share = max(step / settings.max_steps, spent)
        if share >= 1:
            break
        factor = min((step + 1) / _WARM_UP_STEPS, 0.5 * (1 + math.cos(math.pi * share)))
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        chosen = torch.randint(len(frames), (settings.batch,), generator=generator, device=device)
        inputs, wanted = augment(
            frames[chosen].float(), boxes[chosen], settings.augmentation, generator
        )
        loss = _step(network, optimiser, inputs, wanted)
        if not math.isfinite(loss):
            raise TrainingError(f"detector: loss is not finite at step {step}")
        if step % 20 == 0:
            report(step, share, {"loss": loss})
    return network.cpu().eval()


def _new_network() -> Any:
    try:
        return build_faster_rcnn()
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError(
            "training Faster R-CNN", "torchvision", "torchvision", error
        ) from error


def _step(
    network: Any, optimiser: torch.optim.Optimizer, inputs: torch.Tensor, boxes: torch.Tensor
) -> float:
    """Take one step, unless the loss is not finite; return the loss."""
    losses: dict[str, Any] = network(*_as_torchvision(inputs, boxes))
    loss: Any = torch.stack(list(losses.values())).sum()
    if torch.isfinite(loss):
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimiser.step()
    return float(loss.detach())


def save_faster_rcnn(network: Any, path: Path) -> None:
    """Write the weights that `detector: faster_rcnn:<path>` loads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), path)


def _as_torchvision(
    inputs: torch.Tensor, boxes: torch.Tensor
) -> tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]:
    """Return pictures (3, H, W) in 0..1 and targets whose boxes count from pixel corners."""
    low, high = CLIP
    pictures = list(((inputs - low) / (high - low)).expand(-1, 3, -1, -1))
    targets = []
    for each in boxes:
        real = each[each[:, 2] > 0] + 0.5
        labels = torch.full((len(real),), _PERSON, dtype=torch.int64, device=each.device)
        targets.append({"boxes": real, "labels": labels})
    return pictures, targets
