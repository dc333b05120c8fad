# SPDX-License-Identifier: Apache-2.0
"""From a trained student to shipped files: measure, export, recalibrate, judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
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
from thermal_pose.lab.learning.students.confidence import ScoredNetwork, collect, measure_confidence
from thermal_pose.lab.learning.students.export import ModelProvenance, export_student
from thermal_pose.lab.learning.students.judge import evaluate_detected, evaluate_model
from thermal_pose.lab.learning.students.recalibrate import LEAST_RECALIBRATED, recalibrate
from thermal_pose.lab.learning.students.ship import (
    ShipData,
    add_confidence,
    decode_rule,
    learns_scores,
    save_student,
)
from thermal_pose.lab.learning.teachers.fit import Start
from thermal_pose.lab.metrics.oks import EstimatedPose, average_precision, pose_score
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import FloatArray

CALIBRATION_CROPS: Final = 256
_DETECTED_FRAMES: Final = 300
_SIMULATED_LIMITS: Final = (
    NEVER_ON_PATIENTS,
    "Trained and measured on simulated people only.",
    "Made for 80 x 60 and 80 x 62 radiometric frames of people 2.6 to 8 m away.",
)
_LABELLED_LIMITS: Final = (
    NEVER_ON_PATIENTS,
    "Trained on labelled pictures. Its accuracy with other cameras and in other places is unknown.",
)
_KEPT_HEAD_LIMIT: Final = (
    "The person's score is that of the model it began as, and was not measured on this data."
)


def evaluate_student(scored: ScoredNetwork, data: PoseData, training: Training) -> dict[str, Any]:
    """Return AP with true boxes, breakdowns and calibration of a network on held-out people."""
    config, head = training.config, scored.head
    source = ThermalCrops(data, config.normalization, config.augment, training.device)
    rows = np.flatnonzero(data.person)
    predictions = predict(scored.network, source, rows, scored.rule)
    evidence = collect(scored, source, data, np.arange(len(data)))
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
) -> FloatArray:
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
    keeps_head : the confidence head is that of the start; the data could not teach one.
    seen_before : subjects that those weights or the teacher have seen ('stream-0/*' stands for a
        whole stream).
    """

    name: str
    network: PoseNetwork
    head: ConfidenceHead
    teacher: TeacherInfo | None = None
    started_from: str = "random weights"
    seen_before: Sequence[str] = ()
    keeps_head: bool = False

    @property
    def rule(self) -> DecodeRule:
        """How its heatmaps are read."""
        return decode_rule(self.teacher)


def finished(
    name: str,
    network: PoseNetwork,
    data: ShipData,
    training: Training,
    teacher: TeacherInfo | None = None,
    begun: Start | None = None,
) -> TrainedStudent:
    """Give a trained network its confidence head, and save both as `NAME.pt`.

    Parameters
    ----------
    teacher : it was distilled from; None: from keypoints.
    begun : what the start of its training; None: random weights. Its head is kept where the data
        cannot teach one.
    """
    keeps_head = begun is not None and not learns_scores(data)
    if begun is not None and keeps_head:
        head = begun.head.to(training.device).eval()
    else:
        head = add_confidence(network, data, training, decode_rule(teacher))
    save_student(training.folder / f"{name}.pt", network, head)
    return TrainedStudent(
        name,
        network,
        head,
        teacher,
        begun.name if begun else "random weights",
        begun.trained_on if begun else (),
        keeps_head,
    )


def export_shipped(
    student: TrainedStudent, data: ShipData, training: Training, command: str, detector: str = ""
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
        limits=_limits(student, data),
        normalization=training.config.normalization,
        decode=student.rule,
    )
    crops = calibration_crops(data.train, training.config)
    folder = training.folder
    cards = export_student(student.network, student.head, folder, student.name, crops, provenance)
    if not student.keeps_head:
        recalibrate(cards["int8"], data.calibration)  # the head knows fp32 heatmaps only
    elif len(data.calibration) >= LEAST_RECALIBRATED:
        for path in cards.values():
            recalibrate(path, data.calibration, joints_only=True)
    for path in cards.values():
        judge_file(path, data.evaluation, detector)
    return cards


def _limits(student: TrainedStudent, data: ShipData) -> tuple[str, ...]:
    limits = _SIMULATED_LIMITS if data.train.simulated else _LABELLED_LIMITS
    return (*limits, _KEPT_HEAD_LIMIT) if student.keeps_head else limits


def measure_student(
    student: TrainedStudent, evaluation: Mapping[str, PoseData], training: Training
) -> dict[str, Any]:
    """Return size and accuracy of the network itself on each evaluation set."""
    size = measure(student.network)
    scored = ScoredNetwork(slim(student.network), student.head, student.rule)
    figures: dict[str, Any] = {"params": size.parameters, "macs": size.macs}
    for name, part in evaluation.items():
        figures[name] = evaluate_student(scored, part, training)
    return figures


def data_card(student: TrainedStudent, data: ShipData) -> dict[str, Any]:
    """Return the card's description of the data: labels, start, and every set."""
    return {
        "simulated": data.train.simulated,
        "learnt_from": _learnt_from(student, data),
        "started_from": student.started_from,
        "seen_before": list(student.seen_before),
        "train": described_data(data.train),
        "confidence": described_data(data.confidence),
        "calibration": described_data(data.calibration),
        "sets_kept_apart_by": data.apart,
        "evaluation": {key: described_data(part) for key, part in data.evaluation.items()},
    }


def _learnt_from(student: TrainedStudent, data: ShipData) -> Any:
    teacher = student.teacher
    if data.train.found:
        return "keypoints that another network found in the RGB pictures"
    if teacher is None:
        return "exact keypoints" if data.train.simulated else "labelled keypoints"
    return {"teacher": teacher.name, "encoder": teacher.encoder, "teacher_figures": teacher.figures}


def judge_file(card_path: Path, evaluation: Mapping[str, PoseData], detector: str = "") -> None:
    """Add to a card its file's accuracy in the live runtime, with true and detected boxes."""
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
