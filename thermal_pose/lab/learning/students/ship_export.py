# SPDX-License-Identifier: Apache-2.0
"""Measures trained students on held-out people and writes them as files with cards."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.counting import measure
from thermal_pose.lab.learning.networks.folded_pose import slim
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import TeacherInfo
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.students.confidence import collect, measure_confidence
from thermal_pose.lab.learning.students.export import Provenance, export_student
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
    """Return AP on true boxes, break-downs and calibration of a network on held-out people."""
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
    """Return (count, 1, 256, 192) training crops for int8 ranges, empty ones included."""
    source = ThermalCrops(data, config.normalization, config.augment, torch.device("cpu"))
    rows = np.linspace(0, len(data) - 1, min(count, len(data))).astype(np.int64)
    index = torch.from_numpy(rows)
    inputs = source.draw(index, None)
    inputs["affine"] = crops.crop_affine(source.regions[index])
    return source.images(inputs)[:, :1].contiguous().numpy()


def export_shipped(
    name: str,
    network: PoseNetwork,
    head: ConfidenceHead,
    data: ShipData,
    config: TrainingConfig,
    device: torch.device,
    out: Path,
    command: str,
    detector: str | None = None,
    teacher: TeacherInfo | None = None,
    started_from: str = "random weights",
    seen_before: Sequence[str] = (),
) -> dict[str, Path]:
    """Measure, export fp32 and int8, measure the files, and write their cards.

    Parameters
    ----------
    command : what the cards say made them.
    detector : also measure the files with its boxes.
    teacher : that the network was distilled from; None: exact keypoints.
    started_from, seen_before : the weights that training began with, and whom those, or the
        teacher, had learnt from ('stream-0/*': all of that stream).
    """
    size, rule = measure(network), decode_rule(teacher)
    figures: dict[str, Any] = {"params": size.parameters, "macs": size.macs}
    for set_name, part in data.evaluation.items():
        figures[set_name] = evaluate_student(slim(network), head, part, config, device, rule)
    provenance = Provenance(
        data={
            "simulated": data.train.simulated,
            "learnt_from": "exact keypoints" if teacher is None else _taught_by(teacher),
            "started_from": started_from,
            "seen_before": list(seen_before),
            "train": described_data(data.train),
            "confidence": described_data(data.confidence),
            "calibration": described_data(data.calibration),
            "evaluation": {key: described_data(part) for key, part in data.evaluation.items()},
        },
        command=command,
        device=device_name(device),
        figures=figures,
        limits=_LIMITS,
        normalization=config.normalization,
        decode=rule,
    )
    subset = calibration_crops(data.train, config)
    cards = export_student(network, head, out, name, subset, provenance)
    recalibrate(cards["int8"], data.calibration)  # the head knows fp32 heatmaps only
    for path in cards.values():
        _measure_file(path, data.evaluation, detector)
    return cards


def _taught_by(teacher: TeacherInfo) -> dict[str, Any]:
    return {"teacher": teacher.name, "encoder": teacher.encoder, "teacher_figures": teacher.figures}


def _measure_file(path: Path, evaluation: Mapping[str, PoseData], detector: str | None) -> None:
    card = load_card(path)
    figures = dict(card.figures)
    for name, part in evaluation.items():
        found = evaluate_model(make_estimator(str(path)), part)
        runtime = {key: value for key, value in found.items() if key != "breakdown"}
        entry = {"runtime": runtime}
        if detector is not None:
            pair = make_estimator(str(path)), make_detector(detector)
            entry["runtime_detected"] = evaluate_detected(*pair, part, _DETECTED_FRAMES)
        figures[name] = {**figures.get(name, {}), **entry}
    replace(card, figures=figures).save(path)


def described_data(data: PoseData) -> dict[str, Any]:
    """Return what a card says of a data set: its hash, how much it holds, and of whom."""
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
