# SPDX-License-Identifier: Apache-2.0
"""Settings, device and progress log of every training."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from thermal_pose.lab.learning.fitting.config import FitConfig, TrainingConfig
from thermal_pose.types import IntArray

#: Called with (name, epoch, figures) after each validation.
Log = Callable[[str, int, dict[str, float]], None]
#: Called with (smallest epoch, learners still at work) after each round of epochs.
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Rows:
    """Rows of a task's data to learn from, (N,), and to validate on, (M,)."""

    train: IntArray
    validation: IntArray


@dataclass(frozen=True)
class Run:
    """How one network is optimised.

    Attributes
    ----------
    fit : settings of the optimisation.
    seed : of the order of rows and of the augmentation.
    checkpoint : file of its progress; an existing one is resumed. None keeps none.
    log : called after each validation.
    about : whatever else the result depends on (data, teacher, start, settings of the task), as
        JSON; a checkpoint of another training is refused.
    """

    fit: FitConfig
    seed: int
    device: torch.device
    checkpoint: Path | None = None
    log: Log | None = None
    about: object = None


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

    @property
    def folder(self) -> Path:
        """The folder of the results, which must be given."""
        if self.progress.folder is None:
            raise ValueError("progress.folder: expected a folder for the results, got None")
        return self.progress.folder

    def run(self, name: str, about: object) -> Run:
        """Return how the network `name` is optimised, with the settings' own `fit` and seed."""
        checkpoint, log = self.progress.file(name), self.progress.log
        return Run(self.config.fit, self.config.seed, self.device, checkpoint, log, about)

    def fitted_to(self, rows: int) -> "Training":
        """Return the training with a batch of at most `rows`, for small data sets."""
        fit = replace(self.config.fit, batch=min(self.config.fit.batch, rows))
        return replace(self, config=replace(self.config, fit=fit))
