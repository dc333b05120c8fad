# SPDX-License-Identifier: Apache-2.0
"""Train a teacher on rendered RGB, for use without ViTPose weights.

Latent (768 x 16 x 12) and classic decoder are ViTPose's; the encoder is a ViT with a
convolutional stem on a GPU, ResNet-50 to layer3 on a CPU, and is named in every result. The
subjects it learns from must be disjoint from every cohort evaluated.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from thermal_pose.errors import TrainingError
from thermal_pose.inference.card import DecodeRule
from thermal_pose.lab.learning.fitting.assess import estimated_poses, true_boxes, true_poses
from thermal_pose.lab.learning.fitting.config import FitConfig, TeacherConfig, for_key
from thermal_pose.lab.learning.fitting.learner import Learner, fit_together
from thermal_pose.lab.learning.fitting.predict import device_name, predict
from thermal_pose.lab.learning.fitting.tasks import KeypointTask, RgbCrops
from thermal_pose.lab.learning.fitting.training import Rows, Training
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import TeacherInfo, build_teacher, save_teacher
from thermal_pose.lab.learning.networks.vit import VitConfig
from thermal_pose.lab.learning.networks.width import widen
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.metrics.oks import average_precision, oks

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Start:
    """The trained network that a teacher or a student starts from.

    Attributes
    ----------
    network : MobileNetV3 encoder, 1x1 and decoder.
    head : its confidence head.
    name : used in results.
    trained_on : subjects that it has seen ('stream-0/*': all of that stream).
    """

    network: PoseNetwork
    head: ConfidenceHead
    name: str
    trained_on: tuple[str, ...]


def split_subjects(data: PoseData, seed: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Return rows to train on and rows of held-out subjects to validate on.

    Raises
    ------
    TrainingError
        There are fewer than two subjects.
    """
    if len(data.subjects) < 2:
        raise TrainingError(f"teacher: expected at least 2 subjects, got {len(data.subjects)}")
    order = np.random.default_rng(seed).permutation(len(data.subjects))
    held_out = order[: max(1, round(VALIDATION_SHARE * len(order)))]
    usable = data.person & ~data.asynchronous
    is_held_out = np.isin(data.subject, held_out)
    return np.flatnonzero(usable & ~is_held_out), np.flatnonzero(usable & is_held_out)


def check_disjoint(
    teacher_subjects: tuple[str, ...], evaluated: tuple[str, ...], who: str = "teacher"
) -> None:
    """Refuse a teacher (or a model named `who`) that was trained on an evaluated subject.

    Parameters
    ----------
    teacher_subjects : names; 'stream-0/*' stands for every subject of that stream.

    Raises
    ------
    TrainingError
        Names the subjects in both.
    """
    both = _in_both(teacher_subjects, evaluated)
    if both:
        raise TrainingError(
            f"{who}: was trained on {len(both)} of the subjects evaluated, such as '{both[0]}'"
        )


def _in_both(seen: tuple[str, ...], subjects: tuple[str, ...]) -> list[str]:
    streams = tuple(name[:-1] for name in seen if name.endswith("/*"))
    return sorted(
        subject for subject in set(subjects) if subject in seen or f"{subject}/".startswith(streams)
    )


def train_teacher(data: PoseData, training: Training, begun: Start | None = None) -> TeacherInfo:
    """Train, measure on held-out subjects, and write the teacher to the training's folder.

    Parameters
    ----------
    training : the settings are those of `config.teacher`, its wall-clock limit among them.
    begun : a thermal student, trained on other people, to start from; None: random weights.

    Raises
    ------
    TrainingError
        No RGB, too few subjects, subjects that `begun` was trained on, or a loss not finite.
    """
    _check_start(begun, data)
    config, device, seed = training.config.teacher, training.device, training.config.seed
    torch.manual_seed(seed)
    vit = VitConfig(depth=config.depth, conv_stem=True) if config.encoder == "vit" else None
    width = config.trained_width or config.decoder_width
    network = build_teacher(config.encoder, vit, width) if begun is None else begun.network
    source = RgbCrops(data, config.augment, device)
    xy, present = torch.from_numpy(data.xy), torch.from_numpy(data.visibility > 0)
    task = KeypointTask(source, xy.to(device), present.to(device), config.augment, config.sigma_px)
    train, validation = split_subjects(data, seed)
    few = validation[:: max(1, len(validation) // 1024)]
    about = [data.fingerprint(), _as_json(config), begun and begun.name]
    run = replace(training.run("progress", about), fit=config.fit)
    learner = Learner("teacher", network, task, Rows(train, few), run)
    fit_together([learner], config.fit.max_minutes, training.progress.tick)
    network = learner.take_best().float()
    figures = {
        **measure_teacher(network, source, data, validation),
        "validation_subjects": len(np.unique(data.subject[validation])),
        "training_rows": len(train),
        "epochs": learner.epoch,
        "trained_width": width,
        "started_from": begun.name if begun else "random weights",
        "device": device_name(device),
    }
    info = _info(config, data, begun, figures)
    network.decoder = widen(network.decoder, config.decoder_width)
    save_teacher(network, info, training.folder, vit)
    return info


def _as_json(config: TeacherConfig) -> dict[str, Any]:
    """Return the settings that checkpoints depend on, beyond those of the optimisation."""
    return for_key(replace(config, fit=FitConfig()))


def _check_start(begun: Start | None, data: PoseData) -> None:
    known = _in_both(begun.trained_on, data.subjects) if begun else []
    if begun and known:
        raise TrainingError(
            f"teacher: '{begun.name}' has learnt from {len(known)} of these subjects, such as "
            f"'{known[0]}': what the teacher is judged on would be known to it"
        )


def _info(
    config: TeacherConfig, data: PoseData, begun: Start | None, figures: dict[str, Any]
) -> TeacherInfo:
    name, seen = f"rendered-rgb-{config.encoder}", list(data.subjects)
    if begun is not None:
        name = f"{name}-from-{begun.name.split()[0]}"
        seen += begun.trained_on
    return TeacherInfo(
        name=name,
        encoder=config.encoder,
        trained_on=tuple(seen),
        decoder_width=config.decoder_width,
        figures=figures,
    )


def measure_teacher(
    network: PoseNetwork,
    source: RgbCrops,
    data: PoseData,
    rows: np.ndarray,  # type: ignore[type-arg]
) -> dict[str, Any]:
    """Return mean OKS and AP of a teacher on RGB crops around the data set's boxes."""
    predictions = predict(network, source, rows, DecodeRule())
    truths = true_poses(data, rows)
    seen = data.area_px[rows] >= 1
    similarity = oks(
        predictions.xy[seen],
        data.xy[rows][seen],
        data.visibility[rows][seen],
        data.area_px[rows][seen],
    )
    precision = average_precision(truths, estimated_poses(true_boxes(data, rows), predictions))
    return {
        "mean_oks_rgb": float(np.nanmean(similarity)),
        "ap_rgb": precision.ap,
        "ap50_rgb": precision.ap50,
        "ap75_rgb": precision.ap75,
    }
