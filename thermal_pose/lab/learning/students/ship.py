# SPDX-License-Identifier: Apache-2.0
"""Trains the shipped models: broad training with exact keypoints or a teacher, then confidence.

Four disjoint sets of simulated people: one to learn poses from, one to learn confidence from,
one to calibrate it on, and evaluation sets that nothing was trained on. `ship_export` measures
and writes what comes out.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from thermal_pose.errors import ConfigError, ModelArtifactError, StorageError, TrainingError
from thermal_pose.inference.card import DecodeRule
from thermal_pose.lab.learning.fitting.config import AugmentConfig, FitConfig, TrainingConfig
from thermal_pose.lab.learning.fitting.learner import Learner
from thermal_pose.lab.learning.fitting.stages import fit_in_stages
from thermal_pose.lab.learning.fitting.tasks import (
    DistillationTask,
    KeypointTask,
    RgbCrops,
    Task,
    ThermalCrops,
)
from thermal_pose.lab.learning.fitting.training import Rows, Run, Training
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.decoder import DECODER_WIDTH
from thermal_pose.lab.learning.networks.mobilenet import MobileNetV3SmallEncoder
from thermal_pose.lab.learning.networks.pose import PoseNetwork, StudentShape
from thermal_pose.lab.learning.networks.teacher import UNREADABLE, TeacherInfo, fingerprint
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.confidence import (
    ScoredNetwork,
    about_persons_only,
    calibrate,
    collect,
    fit_head,
    joined_evidence,
)
from thermal_pose.lab.learning.students.splits import KeptApart, split_rows
from thermal_pose.lab.learning.teachers.cache import build_cache
from thermal_pose.lab.learning.teachers.fit import Start, check_disjoint
from thermal_pose.types import IntArray

#: Shapes by name: `student` is the paper's, `student-narrow` what it is widened from on a CPU.
SHIPPED: Final[dict[str, StudentShape]] = {
    "student": StudentShape(DECODER_WIDTH),
    "student-narrow": StudentShape(64),
    "student-lite": StudentShape(64, extra=4),
}


#: Shares of the groups that confidence is learnt from and calibrated on.
_SCORE_SHARES: Final = (0.1, 0.1)
#: Batch norms need two crops, each of the other sets one.
_LEAST_SPLIT: Final = 4


@dataclass(frozen=True)
class ShipData:
    """The sets that a shipped model is made from, disjoint in their subjects.

    Attributes
    ----------
    train, confidence, calibration : to fit poses, to fit confidence, and to calibrate it.
    evaluation : sets by name, measured once, at the end.
    apart : what the sets do not share. People and trials are checked by name.
    """

    train: PoseData
    confidence: PoseData
    calibration: PoseData
    evaluation: Mapping[str, PoseData] = field(default_factory=dict)
    apart: KeptApart = "people"

    def __post_init__(self) -> None:
        sets = {
            "train": self.train,
            "confidence": self.confidence,
            "calibration": self.calibration,
            **self.evaluation,
        }
        what, seen = ("trial" if self.apart == "trials" else "subject"), dict[str, str]()
        for name, data in sets.items():
            for each in self._groups(data):
                if seen.setdefault(each, name) != name:
                    raise TrainingError(
                        f"{what} '{each}' is in the sets '{seen[each]}' and '{name}'"
                    )

    def _groups(self, data: PoseData) -> list[str]:
        """Return the names that no other set may have."""
        if self.apart == "the last minutes":
            return []
        if self.apart == "trials":
            return [data.trials[index] for index in np.unique(data.trial)]
        return [data.subjects[index] for index in np.unique(data.subject)]


def split_data(
    data: PoseData, seed: int, evaluation: Mapping[str, PoseData] | None = None
) -> ShipData:
    """Return the sets of a shipped model from a single one: a tenth of the groups for each score.

    Raises
    ------
    TrainingError
        There are fewer than four rows.
    """
    usable = np.flatnonzero(~data.asynchronous)
    if len(usable) < _LEAST_SPLIT:
        raise TrainingError(
            f"train: expected at least {_LEAST_SPLIT} pictures of people to split into three "
            f"sets, got {len(usable)}"
        )
    parts, apart = split_rows(data, usable, _SCORE_SHARES, seed)
    train, confidence, calibration = (data.select(rows) for rows in parts)
    return ShipData(train, confidence, calibration, evaluation or {}, apart)


def check_scores(data: ShipData, begun: Start | None) -> None:
    """Refuse data that no confidence head can learn from, before the long work begins.

    Raises
    ------
    TrainingError
        No crop without people, and no start whose head could be kept.
    """
    if begun is None and not learns_scores(data):
        raise TrainingError(
            "scores are learnt and calibrated from crops with and without people, and the data "
            "lacks one kind: add such crops, or let `train` --start from a model, whose "
            "confidence head is then kept"
        )


def learns_scores(data: ShipData) -> bool:
    """Whether the data can teach a confidence head: both its sets hold crops of either kind."""
    people = (data.confidence.person, data.calibration.person)
    return all(each.any() and not each.all() for each in people)


def supervised_task(
    data: PoseData, config: TrainingConfig, device: torch.device
) -> tuple[ThermalCrops, KeypointTask]:
    """Return crops and task of a data set with keypoints.

    Crops without people teach empty heatmaps; unlabelled joints are masked out of the loss.
    """
    source = ThermalCrops(data, config.normalization, config.augment, device)
    present = (data.visibility > 0) & data.person[:, None]
    task = KeypointTask(
        source,
        torch.from_numpy(data.xy).to(device),
        torch.from_numpy(present).to(device),
        config.augment,
        config.distill.sigma_px,
        torch.from_numpy(data.unlabelled).to(device) if data.unlabelled.any() else None,
    )
    return source, task


def distillation_task(
    data: PoseData, teacher: PoseNetwork, info: TeacherInfo, training: Training
) -> DistillationTask:
    """Return the paper's task: thermal crops against the teacher's answer to the paired RGB.

    The teacher's answers are kept in the training's folder and found again there.
    """
    config, device, folder = training.config, training.device, training.folder / "cache"
    source = ThermalCrops(data, config.normalization, config.augment, device)
    rgb = RgbCrops(data, AugmentConfig(occlude=0), device)
    cache = build_cache(teacher, info, data, rgb, config.distill, config.seed, folder)
    return DistillationTask(
        source, cache.affine, cache.latents, cache.heatmaps, config.distill.beta
    )


def _network(name: str, teacher: PoseNetwork | None) -> PoseNetwork:
    network, width = SHIPPED[name].build(), SHIPPED[name].width
    if teacher is None:
        return network
    if width != teacher.decoder.width:
        raise ConfigError(
            f"--names: '{name}' has a decoder {width} wide, the teacher's is "
            f"{teacher.decoder.width} wide and cannot be shared"
        )
    network.decoder = copy.deepcopy(teacher.decoder)
    return network.freeze_decoder()


def train_students(
    names: Sequence[str],
    data: ShipData,
    training: Training,
    teacher: tuple[PoseNetwork, TeacherInfo] | None = None,
    begun: PoseNetwork | None = None,
) -> dict[str, PoseNetwork]:
    """Train the named students at the same time on the same data.

    Parameters
    ----------
    training : checkpoints and the teacher's answers go to its folder.
    teacher : distil from it, with its decoder frozen; None: supervise with exact keypoints.
    begun : a trained network to continue from (`shipped_start`); None: random weights.

    Raises
    ------
    ConfigError
        A student's decoder has another width than the teacher's, or earlier frames are asked for.
    TrainingError
        The teacher was trained on people of the evaluation sets, or the data has no RGB.
    """
    config = training.config
    if config.distill.earlier_frames:
        raise ConfigError("distill.earlier_frames: expected false, an exported model has one frame")
    task = _task(data, training, teacher)
    _, validation = supervised_task(data.calibration, config, training.device)
    train = _training_rows(data.train, teacher is not None)
    training = training.fitted_to(len(train))
    rows = Rows(
        train,
        np.arange(len(data.calibration))[:: config.validation_stride],
    )
    about = _about(data, config, teacher and teacher[0], begun)
    networks = []
    for name in names:
        torch.manual_seed(config.seed)
        networks.append(copy.deepcopy(begun) or _network(name, teacher[0] if teacher else None))

    def learner(index: int, network: PoseNetwork, suffix: str, fit: FitConfig) -> Learner:
        name = f"{names[index]}{suffix}"
        run = replace(training.run(f"{name}.progress", [name, *about]), fit=fit)
        return ShippedLearner(name, network, task, rows, run, validation)

    fit_in_stages(networks, learner, training)
    return {name: network.float() for name, network in zip(names, networks, strict=True)}


def _task(
    data: ShipData, training: Training, teacher: tuple[PoseNetwork, TeacherInfo] | None
) -> Task:
    """Return what the students learn, after a check that the teacher has not seen the judged."""
    if teacher is None:
        return supervised_task(data.train, training.config, training.device)[1]
    for judged in (data.calibration, *data.evaluation.values()):
        check_disjoint(teacher[1].trained_on, judged.subjects)
    return distillation_task(data.train, *teacher, training)


def _about(
    data: ShipData,
    config: TrainingConfig,
    teacher: PoseNetwork | None,
    begun: PoseNetwork | None,
) -> list[Any]:
    """Return what the students depend on beyond the optimisation, for their checkpoints."""
    return [
        *(part.fingerprint() for part in (data.train, data.calibration)),
        config.of_students(),
        teacher and fingerprint(teacher),
        begun and fingerprint(begun.decoder.conv),  # the rest has statistics, and their rounding
    ]


def decode_rule(teacher: TeacherInfo | None) -> DecodeRule:
    """Return how a student's heatmaps lie: a shared decoder keeps its teacher's alignment."""
    return DecodeRule() if teacher is None else DecodeRule(alignment=teacher.alignment)


def _training_rows(data: PoseData, paired: bool) -> IntArray:
    """Return all rows, or only synchronous pairs that show a person."""
    if not paired:
        return np.arange(len(data))
    return np.flatnonzero(data.person & ~data.asynchronous)


class ShippedLearner(Learner):
    """A learner that validates on another data set than it trains on."""

    def __init__(
        self,
        name: str,
        network: PoseNetwork,
        task: Task,
        rows: Rows,
        run: Run,
        validation: KeypointTask,
    ) -> None:
        self._validation_task = validation
        super().__init__(name, network, task, rows, run)

    def validation_loss(self) -> float:
        """Return the loss over the other people's plain crops."""
        training, self.task = self.task, self._validation_task
        try:
            return super().validation_loss()
        finally:
            self.task = training


def add_confidence(
    network: PoseNetwork, data: ShipData, training: Training, rule: DecodeRule | None = None
) -> ConfidenceHead:
    """Fit and calibrate a confidence head for a trained network.

    The person score is also fitted to the training set, which has many rooms without people;
    the pose network was not trained to recognise those.

    Parameters
    ----------
    rule : how its heatmaps are read (`decode_rule`).
    """
    config, device = training.config, training.device
    torch.manual_seed(config.seed)
    head = ConfidenceHead(network.encoder.out_channels).to(device)
    scored = ScoredNetwork(network, head, rule or DecodeRule())
    fitting = ThermalCrops(data.confidence, config.normalization, config.augment, device)
    rows = np.arange(len(data.confidence))
    passes = [
        collect(scored, fitting, data.confidence, rows, geometry, seed)
        for seed, geometry in enumerate((None, config.augment, config.augment))
    ]
    mixed = _empty_and_as_many_people(data.train)
    if len(mixed):
        rooms = ThermalCrops(data.train, config.normalization, config.augment, device)
        found = collect(scored, rooms, data.train, mixed, config.augment, 9)
        passes.append(about_persons_only(found))
    fit_head(head, joined_evidence(passes), config.seed)
    calibrating = ThermalCrops(data.calibration, config.normalization, config.augment, device)
    rows = np.arange(len(data.calibration))
    calibrate(head, collect(scored, calibrating, data.calibration, rows))
    return head.eval()


def _empty_and_as_many_people(data: PoseData) -> IntArray:
    """Return all rows without people and as large a number with people, evenly spread."""
    empty, people = np.flatnonzero(~data.person), np.flatnonzero(data.person)
    if not len(empty) or not len(people):
        return np.zeros(0, np.int64)
    count = min(len(empty), len(people))
    return np.concatenate([empty, people[np.linspace(0, len(people) - 1, count).astype(int)]])


def save_student(path: Path, network: PoseNetwork, head: ConfidenceHead) -> None:
    """Write trained weights in fp16 (half the size, far below what int8 loses)."""
    assert isinstance(network.encoder, MobileNetV3SmallEncoder)
    state = {
        "network": {k: _half(v) for k, v in network.state_dict().items()},
        "head": dict(head.state_dict()),
        "width": network.decoder.width,
        "extra": network.encoder.extra,
    }
    try:
        torch.save(state, path)
    except (OSError, RuntimeError) as error:
        raise StorageError(f"{path}: cannot be written: {error}") from error


def _half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().cpu().half() if tensor.is_floating_point() else tensor.cpu()


def load_student(path: Path) -> tuple[PoseNetwork, ConfidenceHead]:
    """Read what `save_student` wrote.

    Raises
    ------
    ModelArtifactError
        Not such a file.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network = StudentShape(state["width"], state.get("extra", 0)).build()
        network.load_state_dict(state["network"])
        head = ConfidenceHead(network.encoder.out_channels)
        head.load_state_dict(state["head"])
    except (*UNREADABLE, KeyError, TypeError) as error:
        raise ModelArtifactError(f"{path}: not a trained student: {error}") from error
    return network.eval(), head.eval()
