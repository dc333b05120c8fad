# SPDX-License-Identifier: Apache-2.0
"""Self-distillation of the head: fine-tune a trained student's decoder on its own heatmaps.

This is the last step of Yang et al. 2023 (DWPose, arXiv:2307.15880): the encoder is frozen and the
head learns the network's own output. Unlike there, the head starts from its trained weights, and
the target comes from the plain crop while the head sees the augmented one. It is
the only step in which a student's decoder is not its teacher's.
"""

import copy
from collections.abc import Sequence

from thermal_pose.lab.learning.fitting.learner import Learner, fit_together
from thermal_pose.lab.learning.fitting.training import Progress
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.paper.cohort import ROWS, Cohort
from thermal_pose.lab.learning.paper.fold_results import FoldResult, counted, evaluate_fold
from thermal_pose.lab.learning.paper.train import SWEPT
from thermal_pose.lab.learning.students.thermal_teacher import ThermalTeacherTask


def head_learner(cohort: Cohort, fold: int, trained: PoseNetwork, progress: Progress) -> Learner:
    """Return the learner of one fold's head; `trained` itself is not modified."""
    student = copy.deepcopy(trained).thaw_decoder().freeze_encoder()
    trained = copy.deepcopy(trained).eval().requires_grad_(False)
    geometry, parts = cohort.config.distill.variant_geometry(), cohort.folds[fold]
    task = ThermalTeacherTask(cohort.source, cohort.data, trained, geometry, beta=0)
    about = ["head", cohort.about()]
    run = cohort.run(fold, f"head-{fold}", cohort.config.fit, progress, about)
    return Learner(f"head-{parts.subject}".replace("/", "_"), student, task, parts.rows, run)


def run_head_folds(
    cohort: Cohort,
    networks: Sequence[PoseNetwork],
    folds: Sequence[int],
    progress: Progress,
) -> list[FoldResult]:
    """Train the heads of the folds' trained students, all at the same time, and evaluate them.

    Parameters
    ----------
    networks : the students of `folds`.
    """
    learners = [
        head_learner(cohort, fold, network, progress)
        for fold, network in zip(folds, networks, strict=True)
    ]
    fit_together(learners, progress.max_minutes, progress.tick)
    return [
        counted(evaluate_fold(cohort, ROWS[SWEPT], fold, learner.take_best()), learner)
        for fold, learner in zip(folds, learners, strict=True)
    ]
