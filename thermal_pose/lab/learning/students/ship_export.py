# SPDX-License-Identifier: Apache-2.0
"""From a trained student to shipped files: measure, export, recalibrate, judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from thermal_pose.inference.card import NEVER_ON_PATIENTS, DecodeRule, load_card
from thermal_pose.inference.factory import make_detector, make_estimator
from thermal_pose.lab.learning.fitting import crops
from thermal_pose.lab.learning.fitting.assess import breakdown, true_poses
from thermal_pose.lab.learning.fitting.config import TrainingConfig
from thermal_pose.lab.learning.fitting.predict import device_name, predict
from thermal_pose.lab.learning.fitting.tasks import ThermalCrops
from thermal_pose.lab.learning.fitting.training import Training
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.counting import measure
from thermal_pose.lab.learning.networks.folded_pose import slim
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import TeacherInfo
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.confidence import collect, measure_confidence
from thermal_pose.lab.learning.students.export import ModelProvenance, export_student
from thermal_pose.lab.learning.students.judge import evaluate_detected, evaluate_model
from thermal_pose.lab.learning.students.recalibrate import recalibrate
from thermal_pose.lab.learning.students.ship import ShipData, decode_rule
from thermal_pose.lab.metrics.oks import EstimatedPose, average_precision, pose_score
from thermal_pose.skeleton import N_JOINTS

CALIBRATION_CROPS: Final = 256
_DETECTED_FRAMES: Final = 300
_LIMITS: Final = (
    NEVER_ON_PATIENTS,
    "Trained and measured on simulated people only.",
    "Made for 80 x 60 and 80 x 62 radiometric frames of people 2.6 to 8 m away.",
)


def evaluate_student(
    network: PoseNetwork,
    head: ConfidenceHead,
    data: PoseData,
    config: TrainingConfig,
    device: torch.device,
    rule: DecodeRule | None = None,
) -> dict[str, Any]:
    """Return AP with true boxes, breakdowns and calibration of a network on held-out people."""
    source = ThermalCrops(data, config.normalization, config.augment, device)
    rows = np.flatnonzero(data.person)
    predictions = predict(network, source, rows, rule or DecodeRule())
    evidence = collect(network, head, source, data, np.arange(len(data)), None, rule=rule)
    said = torch.sigmoid(head.logits(evidence.summary)).detach().cpu().numpy()[rows]
    scores = pose_score(said[:, :N_JOINTS], said[:, N_JOINTS])
    estimates = [
        EstimatedPose(int(data.frame_of[row]), xy, float(score))
        for row, xy, score in zip(rows, predictions.xy, scores, strict=True)
    ]
    precision = average_precision(true_poses(data, rows), estimates)
    return {
        "ap_true_boxes": precision.ap,
        "ap50_true_boxes": precision.ap50,
        "ap75_true_boxes": precision.ap75,
        "confidence": measure_confidence(head, evidence),
        "breakdown": breakdown(data, rows, predictions),
        "people": len(rows),
    }


def calibration_crops(
    data: PoseData, config: TrainingConfig, count: int = CALIBRATION_CROPS
) -> npt.NDArray[np.float32]:
    """Return (count, 1, 256, 192) training crops for int8 ranges, including empty ones."""
    source = ThermalCrops(data, config.normalization, config.augment, torch.device("cpu"))
    rows = np.linspace(0, len(data) - 1, min(count, len(data))).astype(np.int64)
    index = torch.from_numpy(rows)
    inputs = source.draw(index, None)
    inputs["affine"] = crops.crop_affine(source.regions[index])
    return source.images(inputs)[:, :1].contiguous().numpy()


@dataclass(frozen=True)
class TrainedStudent:
    """A trained network with its scores, on the way from training to its files.

    Attributes
    ----------
    name : of the files, and a key of `SHIPPED`.
    teacher : the network was distilled from it; None means exact keypoints.
    started_from : the weights that training began with.
    seen_before : subjects that those weights or the teacher have seen ('stream-0/*' stands for a
        whole stream).
    """

    name: str
    network: PoseNetwork
    head: ConfidenceHead
    teacher: TeacherInfo | None = None
    started_from: str = "random weights"
    seen_before: Sequence[str] = ()

    @property
    def rule(self) -> DecodeRule:
        """How its heatmaps are read."""
        return decode_rule(self.teacher)


def export_shipped(
    student: TrainedStudent,
    data: ShipData,
    training: Training,
    out: Path,
    command: str,
    detector: str = "",
) -> dict[str, Path]:
    """Measure the network, export it in fp32 and int8, recalibrate int8, and judge both files.

    Parameters
    ----------
    command : named in the cards as what made them.
    detector : also judge the files with its boxes; '' skips that.

    Returns
    -------
    The cards' paths by precision, 'fp32' and 'int8'.
    """
    figures = measure_student(student, data.evaluation, training)
    provenance = ModelProvenance(
        data=data_card(student, data),
        command=command,
        device=device_name(training.device),
        figures=figures,
        limits=_LIMITS,
        normalization=training.config.normalization,
        decode=student.rule,
    )
    crops = calibration_crops(data.train, training.config)
    cards = export_student(student.network, student.head, out, student.name, crops, provenance)
    recalibrate(cards["int8"], data.calibration)  # the head knows fp32 heatmaps only
    for path in cards.values():
        judge_file(path, data.evaluation, detector)
    return cards


def measure_student(
    student: TrainedStudent, evaluation: Mapping[str, PoseData], training: Training
) -> dict[str, Any]:
    """Return size and accuracy of the network itself on each evaluation set."""
    size, network = measure(student.network), slim(student.network)
    figures: dict[str, Any] = {"params": size.parameters, "macs": size.macs}
    for name, part in evaluation.items():
        figures[name] = evaluate_student(
            network, student.head, part, training.config, training.device, student.rule
        )
    return figures


def data_card(student: TrainedStudent, data: ShipData) -> dict[str, Any]:
    """Return what a card tells of the data: what was learned from, and from whom."""
    return {
        "simulated": data.train.simulated,
        "learnt_from": _taught_by(student.teacher) if student.teacher else "exact keypoints",
        "started_from": student.started_from,
        "seen_before": list(student.seen_before),
        "train": described_data(data.train),
        "confidence": described_data(data.confidence),
        "calibration": described_data(data.calibration),
        "evaluation": {key: described_data(part) for key, part in data.evaluation.items()},
    }


def _taught_by(teacher: TeacherInfo) -> dict[str, Any]:
    return {"teacher": teacher.name, "encoder": teacher.encoder, "teacher_figures": teacher.figures}


def judge_file(card_path: Path, evaluation: Mapping[str, PoseData], detector: str = "") -> None:
    """Add to a card what its file achieves through the live runtime, with true and found boxes."""
    card = load_card(card_path)
    figures = dict(card.figures)
    for name, part in evaluation.items():
        found = evaluate_model(make_estimator(str(card_path)), part)
        entry = {"runtime": {key: value for key, value in found.items() if key != "breakdown"}}
        if detector:
            pair = make_estimator(str(card_path)), make_detector(detector)
            entry["runtime_detected"] = evaluate_detected(*pair, part, _DETECTED_FRAMES)
        figures[name] = {**figures.get(name, {}), **entry}
    replace(card, figures=figures).save(card_path)


def described_data(data: PoseData) -> dict[str, Any]:
    """Return a data set's entry in a card: its hash, its size and its subjects."""
    subjects = [data.subjects[index] for index in np.unique(data.subject)]
    return {
        "hash": data.fingerprint(),
        "frames": len(data.frames),
        "people": int(data.person.sum()),
        "crops_without_people": int((~data.person).sum()),
        "subjects": len(subjects),
        "streams": sorted({subject.partition("/")[0] for subject in subjects}),
        "first_subject": subjects[0],
        "last_subject": subjects[-1],
    }
