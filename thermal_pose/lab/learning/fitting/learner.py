# SPDX-License-Identifier: Apache-2.0
"""One resumable optimisation, and several that share a device step by step.

On a GPU a whole step (crop, forward, backward, Adam) is captured as one CUDA graph and
replayed on the learner's own stream: small networks are launch-bound otherwise, and ten folds
in one process then fill the device that one fold cannot.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from thermal_pose.digest import short_key
from thermal_pose.errors import StorageError, TrainingError
from thermal_pose.files import whole_file
from thermal_pose.lab.learning.fitting.average import WeightAverage
from thermal_pose.lab.learning.fitting.config import for_key
from thermal_pose.lab.learning.fitting.tasks import Inputs, Task
from thermal_pose.lab.learning.fitting.training import Rows, Run, Tick
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import UNREADABLE

#: Steps run one by one before the capture: they let libraries choose their kernels.
_EAGER_STEPS: Final = 4
_WARM_UP: Final = 0.04
_VALIDATION_BATCH: Final = 128
_SAVE_EVERY_S: Final = 60.0
#: Attributes that a checkpoint keeps.
_COUNTERS: Final = (
    "epoch",
    "best",
    "stale",
    "wait",
    "plateau_lr",
    "stopped",
    "used_s",
    "steps_taken",
)
#: Settings that may change on resume: duration and frequency of validation.
_MAY_CHANGE: Final = ("epochs", "max_minutes", "validate_every", "early_stop", "cuda_graph")


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported())


class _Step:
    """A training step, replayed as a CUDA graph if requested and possible."""

    def __init__(self, learner: "Learner") -> None:
        self.learner = learner
        self.calls = 0
        self.graph: Any = None
        self.static: Inputs = {}

    def __call__(self, inputs: Inputs) -> None:
        if not self.learner.use_graph:
            self._eager(inputs)
            return
        if self.graph is None and self.calls >= _EAGER_STEPS:
            self._capture(inputs)
        if self.graph is None:
            self._eager(inputs)
        else:
            for name, value in inputs.items():
                self.static[name].copy_(value)
            self.graph.replay()
        self.calls += 1

    def _eager(self, inputs: Inputs) -> None:
        learner = self.learner
        learner.optimizer.zero_grad(set_to_none=True)
        with learner.precision():
            loss = learner.task.loss(learner.network, inputs)
        loss.backward()  # type: ignore[no-untyped-call]
        learner.optimizer.step()
        learner.loss_sum.add_(loss.detach())

    def _capture(self, inputs: Inputs) -> None:
        self.static = {name: value.clone() for name, value in inputs.items()}
        torch.cuda.synchronize()
        self.learner.optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.learner.stream):
            self._eager(self.static)


class Learner:
    """The optimisation of one network for one task, with its progress.

    Parameters
    ----------
    name : for messages and checkpoints.
    rows : of the task's data.
    run : settings, device and checkpoint.

    Attributes
    ----------
    used_s : wall clock spent in `fit_together`, over all runs of its checkpoint, s.
    steps_taken : optimiser steps, in all runs of its checkpoint.

    Raises
    ------
    TrainingError
        There are fewer rows than a batch, none to validate on, or the checkpoint is of another
        training or damaged.

    Notes
    -----
    All randomness of an epoch comes from one generator seeded with (seed, epoch), so that a
    run killed and resumed ends with the same weights (exactly so on the CPU).
    """

    def __init__(self, name: str, network: PoseNetwork, task: Task, rows: Rows, run: Run) -> None:
        config, device = run.fit, run.device
        if len(rows.train) < config.batch:
            raise TrainingError(
                f"{name}: {len(rows.train)} training rows are fewer than one batch "
                f"of {config.batch}"
            )
        if len(rows.validation) == 0:
            raise TrainingError(f"{name}: no validation rows")
        self.name, self.network, self.task = name, network.to(device), task
        self.train_index = torch.as_tensor(rows.train, dtype=torch.int64, device=device)
        self.validation_index = torch.as_tensor(rows.validation, dtype=torch.int64, device=device)
        self.config, self.seed, self.device = config, run.seed, device
        self.checkpoint, self.log = run.checkpoint, run.log
        self.key = self._key(run.about)
        on_gpu = device.type == "cuda"
        self.use_graph = on_gpu and config.cuda_graph
        self.stream: Any = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]
        # Faster on GPUs and on CPUs.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.loss_sum = torch.zeros((), device=device)
        self.optimizer = self._optimizer(on_gpu)
        self.epoch, self.best, self.stale, self.wait = 0, math.inf, 0, 0
        self.plateau_lr = config.lr
        self.average = WeightAverage(self.network, config.ema) if config.ema else None
        self.best_state: dict[str, torch.Tensor] = self._learned_state()
        self.history: list[dict[str, float]] = []
        self.stopped = False
        self.used_s, self.steps_taken = 0.0, 0
        self._steps_done = 0
        self._saved_s = time.monotonic()
        self._order = torch.zeros(0, dtype=torch.int64)
        self._step = _Step(self)
        if self.checkpoint is not None and self.checkpoint.is_file():
            self._resume(self.checkpoint)

    def _key(self, about: object) -> str:
        fit = {k: v for k, v in for_key(self.config).items() if k not in _MAY_CHANGE}
        rows = [index.tolist() for index in (self.train_index, self.validation_index)]
        text = json.dumps([about, fit, rows, self.seed], sort_keys=True)
        return short_key(text)

    def _optimizer(self, on_gpu: bool) -> torch.optim.Optimizer:
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        lr: Any = torch.tensor(self.config.lr, device=self.device) if on_gpu else self.config.lr
        options: Any = {"capturable": on_gpu, "fused": on_gpu or None}
        if self.config.weight_decay > 0:
            decay = self.config.weight_decay
            return torch.optim.AdamW(parameters, lr, weight_decay=decay, **options)
        return torch.optim.Adam(parameters, lr, **options)

    @property
    def crops_seen(self) -> int:
        """Crops that the optimiser has learned from, counting repetitions."""
        return self.steps_taken * self.config.batch

    @property
    def finished(self) -> bool:
        """Whether all epochs are done or early stopping has ended them."""
        return self.stopped or self.epoch >= self.config.epochs

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """Return the autocast that steps and validation run under."""
        wanted = self.config.bf16 and has_bf16(self.device)
        return torch.autocast(self.device.type, torch.bfloat16, enabled=wanted, cache_enabled=False)

    def on_stream(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which this learner's kernels are queued."""
        return torch.cuda.stream(self.stream) if self.stream else contextlib.nullcontext()

    def steps(self, progress: Callable[[], float]) -> Iterator[None]:
        """Run one epoch, yielding after each step.

        Parameters
        ----------
        progress : share of the allowed wall clock that is used, for the cosine schedule.
        """
        self.network.train()
        generator = torch.Generator(self.device).manual_seed(self.seed * 100_003 + self.epoch)
        # Kept as an attribute: side streams read it until the epoch's end.
        self._order = torch.randperm(len(self.train_index), generator=generator, device=self.device)
        order = self._order
        batch = self.config.batch
        count = len(order) // batch
        self.loss_sum.zero_()
        self._steps_done = 0
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(self.device))
        for step in range(count):
            self._set_lr(max((self.epoch + step / count) / self.config.epochs, progress()))
            with self.on_stream():
                rows = self.train_index[order[step * batch : (step + 1) * batch]]
                self._step(self.task.draw(rows, generator))
                self.steps_taken += 1
                if self.average is not None:
                    self.average.update(self.network, self.steps_taken)
            self._steps_done += 1
            yield

    def _set_lr(self, progress: float) -> None:
        lr = self.plateau_lr
        if self.config.schedule == "cosine":
            rise = min(1.0, progress / _WARM_UP + 1e-3)
            lr = self.config.lr * rise * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0)))
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                with self.on_stream():
                    group["lr"].fill_(lr)
            else:
                group["lr"] = lr

    def end_epoch(self, last: bool = False) -> None:
        """Check the loss, validate when due, adapt the rate, save.

        Raises
        ------
        TrainingError
            The loss is not finite; the last checkpoint is kept.
        """
        if self.stream is not None:
            self.stream.synchronize()
        train_loss = float(self.loss_sum) / max(1, self._steps_done)
        if not math.isfinite(train_loss):
            kept = f"; the checkpoint {self.checkpoint} is kept" if self.checkpoint else ""
            raise TrainingError(
                f"{self.name}: the loss is {train_loss} in epoch {self.epoch}{kept}"
            )
        self.epoch += 1
        if last or self.epoch % self.config.validate_every == 0 or self.finished:
            self._validated(train_loss)
            if last or self.finished or time.monotonic() - self._saved_s > _SAVE_EVERY_S:
                self.save()

    def _validated(self, train_loss: float) -> None:
        with self._kept_weights():
            loss = self.validation_loss()
        if loss < self.best:
            self.best, self.stale, self.wait = loss, 0, 0
            self.best_state = self._learned_state()
        else:
            self.stale += 1
            self.wait += 1
        if self.config.schedule == "plateau" and self.wait > self.config.plateau_patience:
            self.plateau_lr, self.wait = self.plateau_lr * self.config.plateau_factor, 0
        if self.config.schedule == "plateau" and self.stale >= self.config.early_stop:
            self.stopped = True
        figures = {"train_loss": train_loss, "validation_loss": loss, "lr": self.plateau_lr}
        self.history.append({"epoch": self.epoch, **figures})
        if self.log is not None:
            self.log(self.name, self.epoch, figures)

    @torch.no_grad()
    def validation_loss(self) -> float:
        """Return the mean loss over the plain crops of the validation rows."""
        self.network.eval()
        total = torch.zeros((), device=self.device)
        with self.precision():
            for rows in torch.split(self.validation_index, _VALIDATION_BATCH):
                loss = self.task.loss(self.network, self.task.draw(rows, None))
                total += loss.float() * len(rows)
        return float(total) / len(self.validation_index)

    def _kept_weights(self) -> contextlib.AbstractContextManager[None]:
        """Give the network the weights that are validated and kept."""
        if self.average is None:
            return contextlib.nullcontext()
        return self.average.applied_to(self.network)

    def _learned_state(self) -> dict[str, torch.Tensor]:
        state = self.network.state_dict() if self.average is None else self.average.state
        return {k: v.detach().clone() for k, v in state.items()}

    def take_best(self) -> PoseNetwork:
        """Put the best validated weights into the network and return it in evaluation mode.

        Under the cosine schedule the last weights, or their average, are taken: it ends at rate
        zero by design.
        """
        if self.config.schedule == "plateau":
            self.network.load_state_dict(self.best_state)
        elif self.average is not None:
            self.network.load_state_dict(self.average.state)
        return self.network.eval()

    def save(self) -> None:
        """Write the checkpoint atomically.

        Raises
        ------
        StorageError
            The disk is full or read-only; the previous checkpoint is kept.
        """
        self._saved_s = time.monotonic()
        if self.checkpoint is None:
            return
        try:
            with whole_file(self.checkpoint) as stream:
                torch.save(self._progress(), stream)
        except RuntimeError as error:  # torch's own word for a failing stream
            raise StorageError(f"cannot write {self.checkpoint}: {error}") from error

    def _progress(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_state": self.best_state,
            "scalars": {name: getattr(self, name) for name in _COUNTERS},
            "history": self.history,
            **({} if self.average is None else {"average": self.average.state}),
        }

    def _resume(self, path: Path) -> None:
        try:
            progress = torch.load(path, map_location=self.device, weights_only=True)
            if progress["key"] != self.key:
                raise TrainingError(
                    f"{path}: was left by another training (other data, teacher, start or "
                    "settings); delete it, or take another folder"
                )
            self.network.load_state_dict(progress["network"])
            self.optimizer.load_state_dict(progress["optimizer"])
            if self.average is not None:
                self.average.state = progress["average"]
        except (*UNREADABLE, KeyError, ValueError) as error:
            raise TrainingError(
                f"{path}: cannot be resumed ({error}); delete it to start again"
            ) from error
        self.best_state = progress["best_state"]
        for name, value in progress["scalars"].items():
            setattr(self, name, value)
        self.history = progress["history"]


def fit_together(
    learners: Sequence[Learner],
    max_minutes: float = 0.0,
    tick: Tick | None = None,
) -> None:
    """Train several learners at once, one step each in turn, until all are finished.

    Parameters
    ----------
    max_minutes : wall-clock limit, after which all stop at the end of a step; 0: none. The time
        used before an interruption counts, too.
    tick : called with (smallest epoch, learners still at work) after each round of epochs.
    """
    limit_s = 60 * max_minutes if max_minutes > 0 else math.inf
    active = [learner for learner in learners if _has_work(learner, limit_s)]
    before_s = min((learner.used_s for learner in active), default=0.0)
    start_s = time.monotonic() - before_s

    def used() -> float:
        return (time.monotonic() - start_s) / limit_s

    while active:
        running = [learner.steps(used) for learner in active]
        while running and used() < 1:
            running = [epoch for epoch in running if next(epoch, StopIteration) is None]
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # so that no memory is reused while a stream still reads it
        elapsed_s = time.monotonic() - start_s
        for learner in active:
            learner.used_s = elapsed_s
            learner.end_epoch(last=elapsed_s >= limit_s)
        if tick is not None:
            tick(min(learner.epoch for learner in active), len(active))
        active = [learner for learner in active if _has_work(learner, limit_s)]


def _has_work(learner: Learner, limit_s: float) -> bool:
    return not learner.finished and learner.used_s < limit_s
