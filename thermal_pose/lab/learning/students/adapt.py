# SPDX-License-Identifier: Apache-2.0
"""Adapts a shipped student to another camera, from the keypoints of any source (`labels`).

The method differs from the paper's: the student begins as a shipped model, keeps that model's
confidence head, and learns joints instead of a latent, so that a few recordings or labelled
pictures are enough. Unlabelled joints are masked out of the loss.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from thermal_pose.errors import TrainingError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.card import NEVER_ON_PATIENTS, ModelCard, load_card
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.learning.fitting.config import TrainingConfig
from thermal_pose.lab.learning.fitting.learner import Learner, fit_together
from thermal_pose.lab.learning.fitting.predict import device_name
from thermal_pose.lab.learning.fitting.run_log import command_line
from thermal_pose.lab.learning.fitting.training import Rows, Training
from thermal_pose.lab.learning.networks.onnx.unfold import unfold_student
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.export import ModelProvenance, export_student
from thermal_pose.lab.learning.students.judge import evaluate_model
from thermal_pose.lab.learning.students.labels import Labelled, LabelSource
from thermal_pose.lab.learning.students.recalibrate import LEAST_RECALIBRATED, recalibrate
from thermal_pose.lab.learning.students.ship import supervised_task
from thermal_pose.lab.learning.students.ship_export import calibration_crops, described_data
from thermal_pose.lab.learning.students.shipped_start import described, learnt_from
from thermal_pose.lab.learning.students.splits import KeptApart, split_rows
from thermal_pose.lab.learning.teachers.fit import check_disjoint
from thermal_pose.types import IntArray

#: Settings that differ from `TrainingConfig`'s own: small steps, because the start is trained.
DEFAULTS: Final = (
    "fit.epochs=20",
    "fit.batch=32",
    "fit.lr=0.0003",
    "fit.weight_decay=0.01",
    "fit.schedule=cosine",
    "fit.validate_every=1",
    "fit.bf16=false",
    "augment.shift=0.1",
    "augment.scale=0.3",
    "augment.rotate_deg=8",
    "augment.flip=0.5",
)
_HELD_OUT_SHARE: Final = 0.2
#: Batch norms need two crops.
_LEAST_LEARNT: Final = 2
_JUDGED_ROWS: Final = 2000
_UNFOLDING_CROPS: Final = 128


@dataclass(frozen=True)
class Adapted:
    """The files of an adapted model, and its accuracy before and after.

    Attributes
    ----------
    cards : of the files written, by precision.
    learnt, held_out : number of rows trained on and judged on, which share no `held_out_by`.
    before, after : AP of the start and of the adapted model on the rows held out, against the
        training labels ('teacher' or 'labels') and, if the data has other ones, the 'truth';
        None if AP is undefined.
    """

    cards: dict[str, Path]
    learnt: int
    held_out: int
    held_out_by: KeptApart
    before: dict[str, float | None]
    after: dict[str, float | None]

    @property
    def helped(self) -> bool:
        """Whether the adapted model agrees better with the labels than its start did."""
        what = "teacher" if "teacher" in self.after else "labels"
        return (self.after[what] or 0.0) > (self.before[what] or 0.0)


def _split(data: PoseData, seed: int) -> tuple[list[IntArray], KeptApart]:
    """Return rows to learn from and rows held out, without asynchronous pairs."""
    usable = np.flatnonzero(data.person & ~data.asynchronous)
    return split_rows(data, usable, (_HELD_OUT_SHARE,), seed)


def check_start(data: PoseData, source: LabelSource, model: str, config: TrainingConfig) -> None:
    """Refuse data that `adapt` would refuse, before a teacher labels every picture.

    Raises
    ------
    TrainingError
        Too few rows, or the model or the teacher was trained on the people held out.
    ModelArtifactError
        The card is missing, or does not name the people that the model was trained on.
    """
    (train, held), _ = _split(data, config.seed)
    if len(train) < _LEAST_LEARNT or not len(held):
        raise TrainingError(
            f"adapt: {len(train)} pictures to learn from and {len(held)} held out; expected at "
            f"least {_LEAST_LEARNT} and one, asynchronous pairs not counted"
        )
    card = load_card(card_path(model))
    people = tuple(data.subjects[i] for i in np.unique(data.subject[held]))
    check_disjoint(source.trained_on, people)
    check_disjoint(learnt_from(card), people, card.name)


def adapt(labelled: Labelled, model: str, training: Training, name: str = "adapted") -> Adapted:
    """Continue the training of a shipped model on labelled data; write it as fp32 and int8.

    Parameters
    ----------
    model : the fp32 model to start from, a name in the package's assets or the path of a card.
    training : `config.fit.max_minutes` limits the wall clock; the normalization is replaced by
        the model's. Checkpoint and files are written to its folder.
    name : of the files.

    Raises
    ------
    TrainingError
        As `check_start`, or a loss that is not finite.
    ModelArtifactError
        Card or file missing or damaged, or the file is quantised.
    """
    data, labels = labelled.data, labelled.labels
    check_start(data, labelled.source, model, training.config)
    card = load_card(card_path(model))
    (train, held), kind = _split(data, training.config.seed)
    training = _for_model(training, card).fitted_to(len(train))
    network, head = unfold_student(
        card_path(model).parent / card.file,
        calibration_crops(data, training.config, _UNFOLDING_CROPS),
    )
    about = [labelled.source.key, card.sha256]
    network = _trained(network, labels, Rows(train, held), training, name, about)
    judged = held[np.linspace(0, len(held) - 1, min(len(held), _JUDGED_ROWS)).astype(int)]
    cards = export_student(
        network,
        head,
        training.folder,
        name,
        calibration_crops(labels, training.config),
        _provenance(labelled, card, Rows(train, held), kind, training),
    )
    if len(judged) >= LEAST_RECALIBRATED:
        for path in cards.values():
            recalibrate(path, labels.select(judged), joints_only=True)
    before, after = (_judged(which, labelled, judged) for which in (model, str(cards["fp32"])))
    for path in cards.values():
        told = load_card(path)
        figures = {**told.figures, "held_out": {"before": before, "after": after}}
        replace(told, figures=figures).save(path)
    return Adapted(cards, len(train), len(held), kind, before, after)


def _for_model(training: Training, card: ModelCard) -> Training:
    """Return the training with the input of the model that it begins with."""
    return replace(training, config=replace(training.config, normalization=card.normalization))


def _trained(
    network: PoseNetwork,
    labels: PoseData,
    rows: Rows,
    training: Training,
    name: str,
    about: list[str],
) -> PoseNetwork:
    config = training.config
    _, task = supervised_task(labels, config, training.device)
    unknown = (labels.visibility == 0) & labels.person[:, None]
    task.unknown = torch.from_numpy(unknown).to(training.device)
    known = [labels.fingerprint(), config.of_students(), *about]
    run = training.run(f"{name}.progress", known)
    learner = Learner("adapted", network.requires_grad_(True), task, rows, run)
    fit_together([learner], config.fit.max_minutes, training.progress.tick)
    return learner.take_best().float().cpu()


def _provenance(
    labelled: Labelled, card: ModelCard, rows: Rows, kind: KeptApart, training: Training
) -> ModelProvenance:
    data, source = labelled.data, labelled.source
    return ModelProvenance(
        data={
            "simulated": data.simulated,
            "learnt_from": {"teacher": source.name, "teacher_figures": source.figures},
            "started_from": described(card),
            "seen_before": list(learnt_from(card)),
            "train": described_data(data.select(rows.train)),
            "held_out": described_data(data.select(rows.validation)),
            "held_out_by": kind,
        },
        command=command_line(),
        device=device_name(training.device),
        limits=(
            NEVER_ON_PATIENTS,
            f"Adapted to one camera with a teacher's labels ({source.name}): its figures are "
            "agreement with those labels, and their errors were learnt.",
            f"Joint scores were calibrated on the {kind} held out (if at least "
            f"{LEAST_RECALIBRATED} pictures); the person's score is that of the model it began "
            "as, and was not measured on this camera.",
        ),
        normalization=training.config.normalization,
        crop=card.crop,
        decode=card.decode,
    )


def _judged(model: str, labelled: Labelled, rows: IntArray) -> dict[str, float | None]:
    sets = {"labels" if labelled.own else "teacher": labelled.labels}
    if not labelled.own and (labelled.data.visibility[rows] > 0).any():
        sets["truth"] = labelled.data
    estimator = make_estimator(model)
    return {name: evaluate_model(estimator, s.select(rows)).get("ap") for name, s in sets.items()}
