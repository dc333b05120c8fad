# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
import torch
from support.synthetic import TEACHER_WIDTH, stick_figures

from thermal_pose.lab.learning.fitting.config import FitConfig, TeacherConfig, TrainingConfig
from thermal_pose.lab.learning.fitting.training import Progress, Training
from thermal_pose.lab.learning.paper.cohort import CohortOrigin
from thermal_pose.lab.learning.paper.run import load_cohort
from thermal_pose.lab.learning.pose_data import save_shard
from thermal_pose.lab.learning.teachers.fit import train_teacher


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def figures():
    return stick_figures(24, subjects=3, trials=2)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory, figures):
    """A whole run in miniature: data set, teacher, cache."""
    folder = tmp_path_factory.mktemp("loso")
    save_shard(figures, folder / "data" / "a.npz")
    teacher_data = dataclasses.replace(figures, subjects=("t0", "t1", "t2"))
    teacher = TeacherConfig(
        encoder="mobilenetv3",
        decoder_width=TEACHER_WIDTH,
        trained_width=TEACHER_WIDTH // 2,
        fit=FitConfig(epochs=1, batch=8, validate_every=1, lr=0.003),
    )
    training = Training(
        TrainingConfig(teacher=teacher), torch.device("cpu"), Progress(folder / "teacher")
    )
    train_teacher(teacher_data, training)
    return load_cohort(
        CohortOrigin(
            folder / "data",
            str(folder / "teacher"),
            None,
            ("fit.epochs=1", "fit.batch=4", "distill.variants=2"),
            "cpu",
            folder / "work",
            "warm_blob",
        )
    )
