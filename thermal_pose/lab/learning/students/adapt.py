# SPDX-License-Identifier: Apache-2.0
"""Adapts a shipped student to another camera, from any keypoints: a teacher's, or one's own.

As in the paper an RGB teacher can label what a thermal student learns; so can any other pose
network (`own_labels`), or people (a data set built from COCO json). It differs from the paper in
that the student begins as a shipped model and keeps that model's decoder and confidence head: it
learns joints, not a latent, so that a few recordings or labelled pictures are enough. Joints that
nobody labelled teach nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch

from thermal_pose.errors import TrainingError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.card import NEVER_ON_PATIENTS, DecodeRule, ModelCard, load_card
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.learning.fitting.assess import TEACHER_PEAK
from thermal_pose.lab.learning.fitting.config import AugmentConfig, TrainingConfig
from thermal_pose.lab.learning.fitting.learner import Learner, fit_together
from thermal_pose.lab.learning.fitting.predict import device_name, predict
from thermal_pose.lab.learning.fitting.run_log import command_line
from thermal_pose.lab.learning.fitting.tasks import RgbCrops
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import TeacherInfo, fingerprint
from thermal_pose.lab.learning.networks.unfold import unfold_student
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.export import ModelProvenance, export_student
from thermal_pose.lab.learning.students.judge import evaluate_model
from thermal_pose.lab.learning.students.recalibrate import recalibrate
from thermal_pose.lab.learning.students.ship import supervised_task
from thermal_pose.lab.learning.students.ship_export import calibration_crops, described_data
from thermal_pose.lab.learning.students.shipped_start import described, learnt_from
from thermal_pose.lab.learning.teachers.fit import check_disjoint
from thermal_pose.types import IntArray

HeldOut = Literal["people", "trials", "the last minutes"]


@dataclass(frozen=True)
class LabelSource:
    """Where the keypoints come from.

    Attributes
    ----------
    name : as cards say it.
    figures : what is known of its accuracy.
    trained_on : subjects that it has learnt from, who must not be judged.
    key : changes with the source.
    """

    name: str
    figures: dict[str, Any]
    trained_on: tuple[str, ...] = ()
    key: str = ""

    @staticmethod
    def of_teacher(network: PoseNetwork, info: TeacherInfo) -> "LabelSource":
        """Describe a teacher network."""
        return LabelSource(info.name, info.figures, info.trained_on, fingerprint(network))


#: Settings that differ from `TrainingConfig`'s own: a start that knows people needs small steps.
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
#: Fewer judged rows than these leave the scores as the start has them.
_LEAST_RECALIBRATED: Final = 5
_PIECE_ROWS: Final = 1024
_JUDGED_ROWS: Final = 2000
_UNFOLDING_CROPS: Final = 128


@dataclass(frozen=True)
class Adapted:
    """What came of it.

    Attributes
    ----------
    cards : of the files written, by precision.
    learnt, held_out : rows learnt from and judged on; `held_out_by` says what keeps them apart.
    before, after : AP of the start and of the adapted model on the rows held out, against the
        labels learnt from ('teacher' or 'labels') and, where the data has others, the 'truth';
        None where it is undefined.
    """

    cards: dict[str, Path]
    learnt: int
    held_out: int
    held_out_by: HeldOut
    before: dict[str, float | None]
    after: dict[str, float | None]

    @property
    def helped(self) -> bool:
        """Whether the adapted model agrees better with the labels than its start did."""
        what = "teacher" if "teacher" in self.after else "labels"
        return (self.after[what] or 0.0) > (self.before[what] or 0.0)


def split_rows(data: PoseData, seed: int) -> tuple[IntArray, IntArray, HeldOut]:
    """Return rows to learn from, rows held out, and what keeps them apart.

    A fifth of the people is held out, one at least; of one person a fifth of the trials; of one
    trial its last fifth. Asynchronous pairs are left out. A COCO file's trials are its groups of
    pictures (`scene`).
    """
    usable = np.flatnonzero(data.person & ~data.asynchronous)
    groups: tuple[tuple[HeldOut, IntArray], ...] = (
        ("people", data.subject[usable]),
        ("trials", data.trial[usable]),
    )
    for kind, of_rows in groups:
        names = np.unique(of_rows)
        if len(names) > 1:
            order = np.random.default_rng(seed).permutation(names)
            chosen = order[: max(1, round(_HELD_OUT_SHARE * len(order)))]
            held = np.isin(of_rows, chosen)
            return usable[~held], usable[held], kind
    usable = usable[np.argsort(data.stamp_ns[usable], kind="stable")]
    first = len(usable) - max(1, round(_HELD_OUT_SHARE * len(usable)))
    return usable[:first], usable[first:], "the last minutes"


def label(
    data: PoseData,
    teacher: PoseNetwork,
    info: TeacherInfo,
    device: torch.device,
    tick: Callable[[int], object] = lambda rows: None,
) -> PoseData:
    """Return the data with the joints that a teacher sees in its RGB pictures, in place of any.

    Parameters
    ----------
    tick : called with the number of rows done, piece by piece.

    Raises
    ------
    TrainingError
        The data has no RGB, or the teacher is sure of no joint at all.
    """
    teacher = teacher.to(device).eval()
    rule, xy, seen = DecodeRule(alignment=info.alignment), [], []
    for rows in np.array_split(np.arange(len(data)), max(1, len(data) // _PIECE_ROWS)):
        piece = data.select(rows)
        crops = RgbCrops(piece, AugmentConfig(occlude=0), device)
        found = predict(teacher, crops, np.arange(len(piece)), rule)
        xy.append(found.xy)
        seen.append(found.peaks > TEACHER_PEAK)
        tick(len(rows))
    visible = np.concatenate(seen)
    if not visible.any():
        raise TrainingError(f"{info.name}: sees no joint in any of {len(data)} RGB pictures")
    return replace(data, xy=np.concatenate(xy), visibility=visible.astype(np.uint8) * 2)


def own_keypoints(data: PoseData) -> tuple[PoseData, LabelSource]:
    """Return data that is labelled already, and the source of its labels.

    Raises
    ------
    TrainingError
        No joint is labelled.
    """
    if not (data.visibility[data.person] > 0).any():
        raise TrainingError(
            "adapt: the data has no keypoints of its own: give --teacher, or --labels with the "
            "keypoints of its RGB pictures (--pictures writes those)"
        )
    return data, LabelSource("keypoints of the data set", {}, (), "own")


def check_start(data: PoseData, source: LabelSource, model: str, config: TrainingConfig) -> None:
    """Refuse what `adapt` would, before a teacher has looked at every picture.

    Raises
    ------
    TrainingError
        Too few rows, or model or teacher have learnt from the people held out.
    ModelArtifactError
        There is no such card, or it does not say whom the model has learnt from.
    """
    train, held, _ = split_rows(data, config.seed)
    if len(train) < _LEAST_LEARNT or not len(held):
        raise TrainingError(
            f"adapt: {len(train)} pictures to learn from and {len(held)} held out; expected at "
            f"least {_LEAST_LEARNT} and one, asynchronous pairs not counted"
        )
    card = load_card(card_path(model))
    people = tuple(data.subjects[i] for i in np.unique(data.subject[held]))
    check_disjoint(source.trained_on, people)
    check_disjoint(learnt_from(card), people, card.name)


def adapt(
    data: PoseData,
    labelled: PoseData,
    source: LabelSource,
    model: str,
    config: TrainingConfig,
    device: torch.device,
    out: Path,
    name: str = "adapted",
    tick: Callable[[int, int], None] | None = None,
    log: Callable[[str, int, dict[str, float]], None] | None = None,
) -> Adapted:
    """Train a shipped model further with somebody's labels, and write it as fp32 and int8.

    Parameters
    ----------
    data, labelled : recordings or pictures, and the same with the joints to learn (`label`,
        `own_labels.with_own_labels`); the same twice where the data is labelled itself.
    source : where the joints come from.
    model : what it begins as, a name in the package's assets or the path of a card, fp32.
    config : `fit.max_minutes` is the wall clock of the training; input is the model's own.
    name : of the files in `out`.

    Raises
    ------
    TrainingError
        As `check_start`, or a loss that is not finite.
    ModelArtifactError
        Card or file missing or damaged, or the file is quantised.
    """
    check_start(data, source, model, config)
    card = load_card(card_path(model))
    config = replace(config, normalization=card.normalization)
    train, held, kind = split_rows(data, config.seed)
    fit = replace(config.fit, batch=min(config.fit.batch, len(train)))
    config = replace(config, fit=fit)
    network, head = unfold_student(
        card_path(model).parent / card.file, calibration_crops(data, config, _UNFOLDING_CROPS)
    )
    network = _trained(
        network,
        labelled,
        (train, held),
        config,
        device,
        out / f"{name}.pt",
        tick,
        log,
        [source.key, card.sha256],
    )
    judged = held[np.linspace(0, len(held) - 1, min(len(held), _JUDGED_ROWS)).astype(int)]
    cards = _exported(
        network,
        head,
        labelled,
        config,
        out,
        name,
        judged,
        _provenance(data, train, held, kind, source, card, config, device),
    )
    before, after = (
        _judged(which, data, labelled, judged) for which in (model, str(cards["fp32"]))
    )
    for path in cards.values():
        told = load_card(path)
        figures = {**told.figures, "held_out": {"before": before, "after": after}}
        replace(told, figures=figures).save(path)
    return Adapted(cards, len(train), len(held), kind, before, after)


def _trained(
    network: PoseNetwork,
    labelled: PoseData,
    rows: tuple[IntArray, IntArray],
    config: TrainingConfig,
    device: torch.device,
    checkpoint: Path,
    tick: Callable[[int, int], None] | None,
    log: Callable[[str, int, dict[str, float]], None] | None,
    about: list[str],
) -> PoseNetwork:
    _, task = supervised_task(labelled, config, device)
    unknown = (labelled.visibility == 0) & labelled.person[:, None]
    task.unknown = torch.from_numpy(unknown).to(device)
    learner = Learner(
        "adapted",
        network.requires_grad_(True),
        task,
        torch.from_numpy(rows[0]),
        torch.from_numpy(rows[1]),
        config.fit,
        config.seed,
        device,
        checkpoint.with_suffix(".progress.pt"),
        log,
        about=[labelled.fingerprint(), config.of_students(), *about],
    )
    fit_together([learner], config.fit.max_minutes, tick)
    return learner.take_best().float().cpu()


def _exported(
    network: PoseNetwork,
    head: ConfidenceHead,
    labelled: PoseData,
    config: TrainingConfig,
    out: Path,
    name: str,
    judged: IntArray,
    provenance: ModelProvenance,
) -> dict[str, Path]:
    crops = calibration_crops(labelled, config)
    cards = export_student(network, head, out, name, crops, provenance)
    if len(judged) >= _LEAST_RECALIBRATED:
        for path in cards.values():
            recalibrate(path, labelled.select(judged), joints_only=True)
    return cards


def _provenance(
    data: PoseData,
    train: IntArray,
    held: IntArray,
    kind: HeldOut,
    source: LabelSource,
    card: ModelCard,
    config: TrainingConfig,
    device: torch.device,
) -> ModelProvenance:
    return ModelProvenance(
        data={
            "simulated": data.simulated,
            "learnt_from": {"teacher": source.name, "teacher_figures": source.figures},
            "started_from": described(card),
            "seen_before": list(learnt_from(card)),
            "train": described_data(data.select(train)),
            "held_out": described_data(data.select(held)),
            "held_out_by": kind,
        },
        command=command_line(),
        device=device_name(device),
        limits=(
            NEVER_ON_PATIENTS,
            f"Adapted to one camera with a teacher's labels ({source.name}): its figures are "
            "agreement with those labels, and their errors were learnt.",
            f"Joint scores were calibrated on the {kind} held out (if at least "
            f"{_LEAST_RECALIBRATED} pictures); the person's score is that of the model it began "
            "as, and was not measured on this camera.",
        ),
        normalization=config.normalization,
        crop=card.crop,
        decode=card.decode,
    )


def _judged(
    model: str, data: PoseData, labelled: PoseData, rows: IntArray
) -> dict[str, float | None]:
    sets: dict[str, PoseData] = {"labels" if labelled is data else "teacher": labelled}
    if labelled is not data and (data.visibility[rows] > 0).any():
        sets["truth"] = data
    estimator = make_estimator(model)
    return {name: evaluate_model(estimator, s.select(rows)).get("ap") for name, s in sets.items()}
