# SPDX-License-Identifier: Apache-2.0
"""Makes the shipped models: broad supervised training, calibrated confidence, export, figures.

Four disjoint sets of simulated people: one to learn poses from, one to learn confidence from,
one to calibrate it on, and evaluation sets that nothing was tuned on.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from thermal_pose.errors import ConfigError, ModelArtifactError, StorageError, TrainingError
from thermal_pose.evaluation.oks import EstimatedPose, average_precision
from thermal_pose.inference.card import NEVER_ON_PATIENTS, DecodeRule, load_card
from thermal_pose.inference.factory import make_detector, make_estimator
from thermal_pose.models.confidence import ConfidenceHead
from thermal_pose.models.counting import measure
from thermal_pose.models.decoder import ClassicDecoder
from thermal_pose.models.pose import PoseNetwork, build_network
from thermal_pose.models.teacher import UNREADABLE, TeacherInfo
from thermal_pose.training import crops
from thermal_pose.training.assess import breakdown, true_poses
from thermal_pose.training.confidence import calibrate, collect, fit_head, measure_confidence
from thermal_pose.training.config import AugmentConfig, TrainingConfig
from thermal_pose.training.export import Provenance, export_student
from thermal_pose.training.learner import Learner, fit_together
from thermal_pose.training.pose_data import PoseData
from thermal_pose.training.predict import device_name, predict
from thermal_pose.training.tasks import (
    DistillationTask,
    KeypointTask,
    RgbCrops,
    Task,
    ThermalCrops,
)
from thermal_pose.training.teacher_cache import build_cache
from thermal_pose.training.teacher_training import check_disjoint
from thermal_pose.types import PersonBox

IntArray = npt.NDArray[np.integer]

#: Decoder widths by shipped name; everything else is the paper's student.
SHIPPED: Final[dict[str, int]] = {"student": 256, "student-lite": 128}
CALIBRATION_CROPS: Final = 256
_LIMITS: Final = (
    NEVER_ON_PATIENTS,
    "Trained and measured on simulated people only.",
    "Made for 80 x 60 and 80 x 62 radiometric frames of people 2.6 to 8 m away.",
)


@dataclass(frozen=True)
class ShipData:
    """The sets that a shipped model is made from, disjoint in their subjects.

    Attributes
    ----------
    train, confidence, calibration : to learn poses, confidence, and its calibration.
    evaluation : by name; measured once, at the end.
    """

    train: PoseData
    confidence: PoseData
    calibration: PoseData
    evaluation: Mapping[str, PoseData] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sets = {
            "train": self.train,
            "confidence": self.confidence,
            "calibration": self.calibration,
            **self.evaluation,
        }
        seen: dict[str, str] = {}
        for name, data in sets.items():
            for subject in data.subjects:
                if seen.setdefault(subject, name) != name:
                    raise TrainingError(
                        f"subject '{subject}' is in the sets '{seen[subject]}' and '{name}'"
                    )


def supervised_task(
    data: PoseData, config: TrainingConfig, device: torch.device
) -> tuple[ThermalCrops, KeypointTask]:
    """Return crops and task of a data set with exact keypoints; empty crops teach silence."""
    source = ThermalCrops(data, config.normalization, config.augment, device)
    present = (data.visibility > 0) & data.person[:, None]
    task = KeypointTask(
        source,
        torch.from_numpy(data.xy).to(device),
        torch.from_numpy(present).to(device),
        config.augment,
        config.distill.sigma_px,
    )
    return source, task


def distillation_task(
    data: PoseData,
    teacher: PoseNetwork,
    info: TeacherInfo,
    config: TrainingConfig,
    device: torch.device,
) -> DistillationTask:
    """Return the paper's task: thermal crops against the teacher's answer to the paired RGB."""
    source = ThermalCrops(data, config.normalization, config.augment, device)
    rgb = RgbCrops(data, AugmentConfig(occlude=0), device)
    cache = build_cache(teacher, info, data, rgb, config.distill, config.seed)
    return DistillationTask(
        source, cache.affine, cache.latents, cache.heatmaps, config.distill.beta
    )


def _network(name: str, teacher: PoseNetwork | None) -> PoseNetwork:
    if teacher is None:
        return build_network("mobilenetv3", ClassicDecoder(width=SHIPPED[name]))
    decoder = copy.deepcopy(teacher.decoder)
    if SHIPPED[name] != decoder.width:
        raise ConfigError(
            f"--names: '{name}' has a decoder {SHIPPED[name]} wide, the teacher's is "
            f"{decoder.width} wide and cannot be shared"
        )
    return build_network("mobilenetv3", decoder).freeze_decoder()


def train_students(
    names: Sequence[str],
    data: ShipData,
    config: TrainingConfig,
    device: torch.device,
    out: Path,
    max_minutes: float = 0.0,
    log: Callable[[str, int, dict[str, float]], None] | None = None,
    tick: Callable[[int, int], None] | None = None,
    teacher: tuple[PoseNetwork, TeacherInfo] | None = None,
) -> dict[str, PoseNetwork]:
    """Train the named students at the same time on the same data.

    Parameters
    ----------
    teacher : distil from it, with its decoder frozen; None: supervise with exact keypoints.

    Raises
    ------
    ConfigError
        A student's decoder has another width than the teacher's.
    TrainingError
        The teacher has seen people that the student is judged on, or there is no RGB.
    """
    task: Task
    if teacher is None:
        _, task = supervised_task(data.train, config, device)
    else:
        seen = tuple(teacher[1].trained_on.split(","))
        for judged in (data.calibration, *data.evaluation.values()):
            check_disjoint(seen, judged.subjects)
        task = distillation_task(data.train, *teacher, config, device)
    _, validation = supervised_task(data.calibration, config, device)
    rows = np.arange(len(data.calibration))[:: config.validation_stride]
    learners = []
    for name in names:
        torch.manual_seed(config.seed)
        network = _network(name, teacher[0] if teacher else None)
        learners.append(
            _ShippedLearner(
                name,
                network,
                task,
                torch.from_numpy(_training_rows(data.train, teacher is not None)),
                torch.from_numpy(rows),
                config.fit,
                config.seed,
                device,
                out / f"{name}.progress.pt",
                log,
                validation=validation,
            )
        )
    fit_together(learners, max_minutes, tick)
    return {learner.name: learner.take_best().float() for learner in learners}


def _training_rows(data: PoseData, paired: bool) -> IntArray:
    """All rows, or those whose two pictures are of the same person and moment."""
    if not paired:
        return np.arange(len(data))
    return np.flatnonzero(data.person & ~data.asynchronous)


class _ShippedLearner(Learner):
    """A learner that validates on another data set than it trains on."""

    def __init__(self, *args: Any, validation: KeypointTask, **kwargs: Any) -> None:
        self._validation_task = validation
        super().__init__(*args, **kwargs)

    def validation_loss(self) -> float:
        """Return the loss over the other people's plain crops."""
        training, self.task = self.task, self._validation_task
        try:
            return super().validation_loss()
        finally:
            self.task = training


def add_confidence(
    network: PoseNetwork, data: ShipData, config: TrainingConfig, device: torch.device
) -> ConfidenceHead:
    """Fit and calibrate a confidence head for a trained network."""
    torch.manual_seed(config.seed)
    head = ConfidenceHead(network.encoder.out_channels).to(device)
    fitting = ThermalCrops(data.confidence, config.normalization, config.augment, device)
    rows = np.arange(len(data.confidence))
    passes = [
        collect(network, head, fitting, data.confidence, rows, geometry, seed)
        for seed, geometry in enumerate((None, config.augment, config.augment))
    ]
    evidence = replace(
        passes[0],
        summary=torch.cat([p.summary for p in passes]),
        hits=torch.cat([p.hits for p in passes]),
        counted=torch.cat([p.counted for p in passes]),
    )
    fit_head(head, evidence, config.seed)
    calibrating = ThermalCrops(data.calibration, config.normalization, config.augment, device)
    rows = np.arange(len(data.calibration))
    calibrate(head, collect(network, head, calibrating, data.calibration, rows, None))
    return head.eval()


def evaluate_student(
    network: PoseNetwork,
    head: ConfidenceHead,
    data: PoseData,
    config: TrainingConfig,
    device: torch.device,
) -> dict[str, Any]:
    """Return AP on true boxes, break-downs and calibration of a network on held-out people."""
    source = ThermalCrops(data, config.normalization, config.augment, device)
    rows = np.flatnonzero(data.person)
    predictions = predict(network, source, rows, DecodeRule())
    evidence = collect(network, head, source, data, np.arange(len(data)), None)
    scores = torch.sigmoid(head.logits(evidence.summary))[:, -1].detach().cpu().numpy()[rows]
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


def evaluate_files(
    card: Path, data: PoseData, detector: str | None = None, max_frames: int = 300
) -> dict[str, Any]:
    """Return AP of an exported file through the pose runtime, as the live nodes run it.

    Parameters
    ----------
    detector : name of a detector; None: the data set's own boxes.
    max_frames : at most so many frames, evenly spaced.
    """
    estimator = make_estimator(str(card))
    finder = None if detector is None else make_detector(detector)
    frames = np.unique(data.frame_of[data.person])
    frames = frames[np.linspace(0, len(frames) - 1, min(len(frames), max_frames)).astype(int)]
    rows = np.flatnonzero(np.isin(data.frame_of, frames) & data.person)
    estimates = []
    for frame in frames:
        image = np.ascontiguousarray(data.frames[frame][: data.frame_rows[frame]])
        if finder is None:
            mine = data.boxes[rows[data.frame_of[rows] == frame]]
            boxes = [PersonBox((b[0], b[1], b[2], b[3]), 1.0) for b in mine.tolist()]
        else:
            boxes = list(finder.detect(image))
        estimates += [
            EstimatedPose(int(frame), found.xy, found.person_score * found.box.score)
            for found in estimator.estimate(image, boxes)
        ]
    precision = average_precision(true_poses(data, rows), estimates)
    kind = "true_boxes" if finder is None else "detected_boxes"
    return {f"ap_{kind}": precision.ap, f"ap75_{kind}": precision.ap75, "frames": len(frames)}


def save_student(path: Path, network: PoseNetwork, head: ConfidenceHead) -> None:
    """Write trained weights in fp16 (half the size, far below what int8 loses)."""
    state = {
        "network": {k: _half(v) for k, v in network.state_dict().items()},
        "head": dict(head.state_dict()),
        "width": network.decoder.width,
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
        network = build_network("mobilenetv3", ClassicDecoder(width=state["width"]))
        network.load_state_dict(state["network"])
        head = ConfidenceHead(network.encoder.out_channels)
        head.load_state_dict(state["head"])
    except (*UNREADABLE, KeyError, TypeError) as error:
        raise ModelArtifactError(f"{path}: not a trained student: {error}") from error
    return network.eval(), head.eval()


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
) -> dict[str, Path]:
    """Measure, export fp32 and int8, measure the files, and write their cards."""
    size = measure(network)
    figures: dict[str, Any] = {"params": size.parameters, "macs": size.macs}
    for set_name, part in data.evaluation.items():
        figures[set_name] = evaluate_student(network, head, part, config, device)
    provenance = Provenance(
        data={
            "simulated": True,
            "train": _described(data.train),
            "confidence": _described(data.confidence),
            "calibration": _described(data.calibration),
            "evaluation": {key: _described(part) for key, part in data.evaluation.items()},
        },
        command=command,
        device=device_name(device),
        figures=figures,
        limits=_LIMITS,
        normalization=config.normalization,
    )
    subset = calibration_crops(data.train, config)
    cards = export_student(network, head, out, name, subset, provenance)
    for path in cards.values():
        _measure_file(path, data.evaluation, detector)
    return cards


def _measure_file(path: Path, evaluation: Mapping[str, PoseData], detector: str | None) -> None:
    card = load_card(path)
    figures = dict(card.figures)
    for name, part in evaluation.items():
        entry = {"runtime": evaluate_files(path, part)}
        if detector is not None:
            entry["runtime_detected"] = evaluate_files(path, part, detector)
        figures[name] = {**figures.get(name, {}), **entry}
    replace(card, figures=figures).save(path)


def _described(data: PoseData) -> dict[str, Any]:
    return {
        "hash": data.fingerprint(),
        "frames": len(data.frames),
        "people": int(data.person.sum()),
        "crops_without_people": int((~data.person).sum()),
        "subjects": len(data.subjects),
        "first_subject": data.subjects[0],
        "last_subject": data.subjects[-1],
    }
