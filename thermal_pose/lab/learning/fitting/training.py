# SPDX-License-Identifier: Apache-2.0
"""What every training is given: settings, device, and where its progress goes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from thermal_pose.lab.learning.fitting.config import TrainingConfig

#: Called with (name, epoch, figures) after each validation.
Log = Callable[[str, int, dict[str, float]], None]
#: Called with (smallest epoch, learners still at work) after each round of epochs.
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Progress:
    """How long a training may take, and where its progress goes.

    Attributes
    ----------
    folder : where checkpoints are kept and resumed from; None keeps none.
    max_minutes : wall-clock limit of all networks that train together; 0 means no limit.
    log, tick : callbacks for figures and for a progress bar.
    """

    folder: Path | None = None
    max_minutes: float = 0.0
    log: Log | None = None
    tick: Tick | None = None

    def file(self, name: str) -> Path | None:
        """Return the checkpoint file of one network, or None if none are kept."""
        return None if self.folder is None else self.folder / f"{name}.pt"


@dataclass(frozen=True)
class Training:
    """Settings, device and progress of one training, handed down as one argument."""

    config: TrainingConfig
    device: torch.device
    progress: Progress = field(default_factory=Progress)
