# SPDX-License-Identifier: Apache-2.0
"""Train the rows of leave-one-subject-out: one learner per fold, all folds at the same time.

Three savings make the protocol feasible on a CPU. They change results only by rounding:
the 1x1 convolution and the first deconvolution run as one, equal channels of the teacher's
decoder are computed once, and the latent term, which needs no decoder, can come first.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import torch
from torch import nn

from thermal_pose.errors import ConfigError, ModelArtifactError, TrainingError
from thermal_pose.lab.learning.fitting.learner import Learner, fit_together
from thermal_pose.lab.learning.fitting.tasks import DistillationTask, Task
from thermal_pose.lab.learning.fitting.training import Progress
from thermal_pose.lab.learning.networks.coarse import halved
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.folded_pose import folded_network
from thermal_pose.lab.learning.networks.pose import PoseNetwork, build_network, load_by_name
from thermal_pose.lab.learning.networks.teacher import (
    UNREADABLE,
    has_own_latent,
    student_state,
)
from thermal_pose.lab.learning.paper.cohort import (
    ROWS,
    Cohort,
    Row,
    imagenet_file,
    is_weights,
    keypoint_task,
    started_from,
)
from thermal_pose.lab.learning.paper.fold_results import (
    FoldResult,
    counted,
    evaluate_fold,
    precision_of,
)
from thermal_pose.lab.learning.paper.start import load_start
from thermal_pose.lab.learning.students.ship import load_student
from thermal_pose.lab.learning.students.shipped_start import student_start
from thermal_pose.lab.learning.teachers.fit import check_disjoint

#: The row that the sweep over beta trains.
SWEPT: Final = "student_mobilenetv3"
#: Stages before the full loss on whole pictures, in their order (`DistillConfig`).
EARLY: Final = ("latent", "coarse")
_LEAST_MINUTES: Final = 0.01


def _task(cohort: Cohort, row: Row, beta: float) -> Task:
    cache = cohort.cache
    if row.kind == "distill":
        return DistillationTask(cohort.source, cache.affine, cache.latents, cache.heatmaps, beta)
    return keypoint_task(cohort)


def _network(cohort: Cohort, row: Row, fold: int) -> PoseNetwork:
    """Return a row's untrained network; supervised ones use the same decoder width as students."""
    torch.manual_seed(cohort.config.seed * 1000 + fold)
    if row.kind == "distill":
        width = cohort.config.distill.decoder_width
        decoder = ClassicDecoder(width=width) if width else copy.deepcopy(cohort.decoder)
        network = build_network(row.network, decoder)
        _begin(network, row, cohort, fold)
        return folded_network(network if width else network.freeze_decoder())
    network = build_network(row.network, ClassicDecoder(width=cohort.decoder.width))
    _begin(network, row, cohort, fold)
    return network


def _begin(network: PoseNetwork, row: Row, cohort: Cohort, fold: int) -> None:
    """Load the weights that `distill.start` names, if they fit the student's encoder.

    Raises
    ------
    ModelArtifactError, ConfigError, TrainingError
        The file is not a trained student; else as `student_start`.
    """
    if started_from(cohort, row) == "random":
        return
    start = cohort.config.distill.start
    if (weights := imagenet_file(start)) is not None:
        _load_imagenet(network, weights)
        return
    if start == "teacher":
        state = student_state(cohort.require_teacher("distill.start=teacher"))
    elif is_weights(start):
        state = _trained(Path(start), network, cohort)
    else:
        # Frames of the training subjects only: they set the statistics of the batch norms.
        seen = cohort.data.select(cohort.folds[fold].rows.train)
        begun = student_start(start, seen, cohort.config)
        state = student_state(begun) if cohort.teacher else _whole(begun, network, start)
        if cohort.teacher is not None and has_own_latent(cohort.teacher):
            state = {name: value for name, value in state.items() if name.startswith("encoder.")}
    own = network.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    foreign = [k for k in state if k not in fitting and not k.startswith("encoder.patch_embed.")]
    if foreign:
        raise ModelArtifactError(
            f"start {start}: its '{foreign[0]}' does not fit the row's network"
        )
    network.load_state_dict(fitting, strict=False)


def _trained(path: Path, network: PoseNetwork, cohort: Cohort) -> dict[str, torch.Tensor]:
    """Return the weights of a file: all of a start that was taught on pairs, else its encoder."""
    if (begun := load_start(path)) is not None:
        check_disjoint(begun.trained_on, cohort.data.subjects, path.name)
        return _whole(begun.network, network, str(path))
    trained = load_student(path)[0].state_dict()
    return {name: value for name, value in trained.items() if name.startswith("encoder.")}


def _whole(begun: PoseNetwork, network: PoseNetwork, start: str) -> dict[str, torch.Tensor]:
    """Return all weights of a start: where only keypoints are known, its decoder learns on too."""
    if begun.decoder.width != network.decoder.width:
        raise ConfigError(
            f"start {start}: its decoder is {begun.decoder.width} wide, the row's "
            f"{network.decoder.width}: set distill.decoder_width={begun.decoder.width}"
        )
    return begun.state_dict()


def _load_imagenet(network: PoseNetwork, path: Path) -> None:
    """Load a classifier's state dict, as torchvision publishes them, into the encoder."""
    try:
        weights = dict(torch.load(path, map_location="cpu", weights_only=True))
    except (*UNREADABLE, TypeError, ValueError) as error:
        raise ModelArtifactError(f"{path}: cannot be read as a state dict: {error}") from error
    try:
        load_by_name(cast(nn.Module, network.encoder), weights)
    except ModelArtifactError as error:
        raise ModelArtifactError(f"{path}: does not fit the row's network: {error}") from error


class _Plan:
    """The learners of one row and beta: up to two early stages (`EARLY`), and the last."""

    def __init__(
        self, cohort: Cohort, name: str, fold: int, beta: float, progress: Progress
    ) -> None:
        self.cohort, self.row, self.fold = cohort, ROWS[name], fold
        self.beta, self.progress = beta, progress
        self.label = f"{name}-{cohort.folds[fold].subject}".replace("/", "_")
        self.network = _network(cohort, self.row, fold)
        self.early_steps = 0

    def share(self, stage: str) -> float:
        """Return an early stage's share of epochs and wall clock; 0: there is no such stage."""
        settings = self.cohort.config.distill
        if stage == "coarse":
            return settings.coarse_share
        two_terms = self.row.kind == "distill" and self.beta not in (0, 1)
        return settings.latent_share if two_terms else 0.0

    def early(self, stage: str) -> Learner | None:
        """Return the learner of the latent term alone or of small pictures; None: no such stage."""
        share = self.share(stage)
        if share == 0:
            return None
        if stage == "latent":
            return self._learner(f"{self.label}-latent", 1.0, share, self.network)
        label = f"{self.label}-coarse{self._weight()}"
        return self._learner(label, self.beta, share, halved(self.network))

    def last(self) -> Learner:
        """Return the learner of the full loss; it continues from the current weights."""
        share = 1 - sum(self.share(stage) for stage in EARLY)
        return self._learner(f"{self.label}{self._weight()}", self.beta, share, self.network)

    def _weight(self) -> str:
        return f"-b{self.beta:g}" if self.row.kind == "distill" else ""

    def _learner(self, label: str, beta: float, share: float, network: PoseNetwork) -> Learner:
        fit = self.cohort.config.fit
        fit = replace(fit, epochs=max(1, round(share * fit.epochs)))
        rows = self.cohort.folds[self.fold].rows
        about = [label, self.cohort.about()]
        run = self.cohort.run(self.fold, label, fit, self.progress, about)
        return Learner(label, network, _task(self.cohort, self.row, beta), rows, run)


def _fit(plans: Sequence[_Plan], progress: Progress) -> list[Learner]:
    """Train all plans; return their last learners."""
    max_minutes, tick = progress.max_minutes, progress.tick
    used_s = sum(_fit_early(plans, stage, progress) for stage in EARLY)
    learners = [plan.last() for plan in plans]
    left = max_minutes - used_s / 60
    fit_together(learners, max(left, _LEAST_MINUTES) if max_minutes else 0.0, tick)
    return learners


def _fit_early(plans: Sequence[_Plan], stage: str, progress: Progress) -> float:
    """Train an early stage of all plans; return the wall clock it took, s."""
    learners = [(plan, learner) for plan in plans if (learner := plan.early(stage)) is not None]
    minutes = progress.max_minutes * plans[0].share(stage)
    fit_together([learner for _, learner in learners], minutes, progress.tick)
    for plan, learner in learners:
        learner.take_best()
        plan.early_steps += learner.steps_taken
    return max((learner.used_s for _, learner in learners), default=0.0)


def run_folds(
    cohort: Cohort,
    name: str,
    folds: Sequence[int],
    progress: Progress | None = None,
    beta: float | None = None,
) -> list[FoldResult]:
    """Train and evaluate one row on some folds, all at the same time.

    Parameters
    ----------
    name : row of the table, a key of `ROWS`.
    beta : weight of the latent term; None uses the configuration's.
    """
    progress = progress or Progress()
    row = ROWS[name]
    if row.kind == "teacher":
        teacher = cohort.require_teacher(name)
        return [evaluate_fold(cohort, row, fold, teacher) for fold in folds]
    if row.kind == "start":
        untouched = [_network(cohort, row, fold) for fold in folds]
        return [
            evaluate_fold(cohort, row, fold, network.to(cohort.device).eval())
            for fold, network in zip(folds, untouched, strict=True)
        ]
    if row.kind == "rcnn":
        from thermal_pose.lab.learning.paper.rcnn_rows import run_rcnn_folds

        return run_rcnn_folds(cohort, name, folds, progress)
    if row.kind == "distill":
        cohort.require_teacher(name)
    beta = cohort.config.distill.beta if beta is None else beta
    plans = [_Plan(cohort, name, fold, beta, progress) for fold in folds]
    learners = _fit(plans, progress)
    return [
        _with_early_steps(
            counted(evaluate_fold(cohort, row, plan.fold, learner.take_best()), learner), plan
        )
        for plan, learner in zip(plans, learners, strict=True)
    ]


def _with_early_steps(result: FoldResult, plan: _Plan) -> FoldResult:
    crops = plan.early_steps * plan.cohort.config.fit.batch
    return replace(result, steps=result.steps + plan.early_steps, crops=result.crops + crops)


def trained_folds(
    cohort: Cohort, name: str, folds: Sequence[int], checkpoints: Path
) -> list[PoseNetwork]:
    """Return the networks of a row's folds as `run_folds` left them.

    Raises
    ------
    TrainingError
        A fold was not trained.
    """
    networks = []
    for fold in folds:
        plan = _Plan(cohort, name, fold, cohort.config.distill.beta, Progress(checkpoints))
        learner = plan.last()
        if learner.epoch == 0:
            subject = cohort.folds[fold].subject
            raise TrainingError(
                f"{checkpoints}: holds no '{name}' trained without '{subject}'; run `thermal-pose "
                "loso` for that fold first"
            )
        networks.append(learner.take_best())
    return networks


def beta_key(beta: float) -> str:
    """Return a beta's key in the results file."""
    return f"{beta:.1f}"


def sweep_entry(found: list[FoldResult]) -> dict[str, Any]:
    """Return one beta's entry of `beta_sweep`."""
    return {
        **precision_of(found),
        "folds_run": len(found),
        "per_fold": [_of_fold(result) for result in found],
        "steps": [result.steps for result in found],
        "crops": [result.crops for result in found],
    }


def _of_fold(result: FoldResult) -> dict[str, Any]:
    """Return one fold's accuracy, so that betas can be compared fold by fold."""
    found = {"detected": result.detected, "true_boxes": result.true_boxes}
    scores = {name: None if each is None else each.ap for name, each in found.items()}
    return {"subject": result.subject, **{f"ap_{name}": ap for name, ap in scores.items()}}
