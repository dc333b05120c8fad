# SPDX-License-Identifier: Apache-2.0
"""A trained thermal network as the teacher of the paper's student, instead of an RGB teacher.

The teacher's decoder is widened to the classic one without changing what it computes; the
student then learns, as in the paper, the teacher's latent (L1) and its heatmaps (Adaptive
Wing), with that decoder frozen. Unlike in the paper, both see thermal images, so nothing is
transferred from RGB. The teacher sees the plain crop, the student an augmented one.
"""

import copy
from pathlib import Path

import numpy as np
import torch

from thermal_pose.inference.card import DecodeRule
from thermal_pose.lab.learning.fitting.config import AugmentConfig, TrainingConfig
from thermal_pose.lab.learning.fitting.learner import fit_together
from thermal_pose.lab.learning.fitting.losses import distillation_loss
from thermal_pose.lab.learning.fitting.tasks import Inputs, KeypointTask, ThermalCrops
from thermal_pose.lab.learning.fitting.training import Rows, Training
from thermal_pose.lab.learning.networks.folded_pose import slim
from thermal_pose.lab.learning.networks.pose import PoseNetwork, build_network
from thermal_pose.lab.learning.networks.teacher import TeacherInfo, fingerprint
from thermal_pose.lab.learning.networks.width import widen
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.ship import ShipData, ShippedLearner, load_student
from thermal_pose.lab.learning.students.shipped_start import (
    card_of_same_input,
    described,
    learnt_from,
)


def load_thermal_teacher(path: Path, config: TrainingConfig) -> tuple[PoseNetwork, TeacherInfo]:
    """Return a trained student (`ship.save_student`) with the classic decoder's width.

    Parameters
    ----------
    path : its '.pt'. The card of the same name beside it, which `thermal-pose train` wrote with
        it, names the subjects that it has seen.
    config : of the training; its input is the teacher's too.

    Raises
    ------
    ConfigError
        The teacher's input is not the configuration's.
    ModelArtifactError
        The file is not a trained student, has no card, or the card does not name its subjects.
    """
    network, _ = load_student(path)
    card = card_of_same_input(str(path.absolute()), config)
    network.decoder = widen(network.decoder)
    network.eval().requires_grad_(False)
    name = f"{described(card)}, widened to the classic decoder (thermal, not RGB)"
    info = TeacherInfo(
        name=name,
        encoder="mobilenetv3",
        alignment=DecodeRule().alignment,
        trained_on=learnt_from(card),
        figures={},
    )
    return network, info


class ThermalTeacherTask(KeypointTask):
    """The paper's loss against a teacher that sees the same thermal crop without augmentation.

    Parameters
    ----------
    beta : weight of the latent's L1; at 1 no decoder is run.
    """

    def __init__(
        self,
        source: ThermalCrops,
        data: PoseData,
        teacher: PoseNetwork,
        geometry: AugmentConfig,
        beta: float,
    ) -> None:
        device = source.device
        present = torch.from_numpy(data.visibility > 0).to(device)
        super().__init__(source, torch.from_numpy(data.xy).to(device), present, geometry)
        self.teacher, self.beta = teacher, beta

    def loss(self, network: PoseNetwork, inputs: Inputs) -> torch.Tensor:
        """Return beta L1(latent) + (1 - beta) AdaptiveWing(heatmaps)."""
        kept = ("index", "affine", "frames")  # no random photometry
        plain = {name: value for name, value in inputs.items() if name in kept}
        image, undisturbed = self.source.images(inputs), self.source.images(plain)
        if self.beta >= 1:
            with torch.no_grad():
                wanted = self.teacher.encode(undisturbed)[1]
            return (network.encode(image)[1].float() - wanted.float()).abs().mean()
        with torch.no_grad():
            answer = self.teacher(undisturbed)
        out = network(image)
        return distillation_loss(
            out.latent, out.heatmaps, answer.latent, answer.heatmaps.clamp(0, 1), self.beta
        )


def distil_from_thermal(
    teacher: PoseNetwork,
    data: ShipData,
    training: Training,
    latent_minutes: float,
    warm_start: bool = True,
) -> PoseNetwork:
    """Train the paper's student: the latent term alone first, about 20 times cheaper, then both.

    Parameters
    ----------
    training : its `max_minutes` limits the second stage.
    latent_minutes : wall-clock limit of the first stage.
    warm_start : begin with the teacher's encoder, as far as the student has its layers. From
        random weights, minutes on a CPU hardly move the latent (L1 0.378 of 0.410 after six).
    """
    config, device, progress = training.config, training.device, training.progress
    torch.manual_seed(config.seed)
    network = build_network("mobilenetv3", copy.deepcopy(teacher.decoder))
    if warm_start:
        network.load_state_dict(teacher.state_dict(), strict=False)
    network.freeze_decoder()
    learning, teacher = slim(network), slim(teacher)
    source = ThermalCrops(data.train, config.normalization, config.augment, device)
    unseen = ThermalCrops(data.calibration, config.normalization, config.augment, device)
    rows = Rows(
        np.arange(len(data.train)), np.arange(len(data.calibration))[:: config.validation_stride]
    )
    known = [data.train.fingerprint(), fingerprint(teacher), warm_start, config.of_students()]
    stages = (("latent", 1.0, latent_minutes), ("both", config.distill.beta, progress.max_minutes))
    for name, beta, limit in stages:
        task, validation = (
            ThermalTeacherTask(crops, part, teacher, config.augment, beta)
            for crops, part in ((source, data.train), (unseen, data.calibration))
        )
        run = training.run(f"student-{name}.progress", [name, *known])
        label = f"student-{name}"
        learner = ShippedLearner(label, learning, task, rows, run, validation)
        fit_together([learner], limit)
        learner.take_best()
    return network.float().eval()
