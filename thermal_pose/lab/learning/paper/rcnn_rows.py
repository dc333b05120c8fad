# SPDX-License-Identifier: Apache-2.0
"""The row `keypoint_rcnn`: supervised on whole thermal frames; it finds its own boxes.

It learns the same labels as the other supervised rows (the teacher's by default), on
the same folds, and is judged by its own detections; `ap_true_boxes` and `ap_teacher` ask its
keypoint head for the joints in the true boxes.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
import torch

from thermal_pose.errors import TrainingError
from thermal_pose.lab.learning.fitting import crops
from thermal_pose.lab.learning.fitting.assess import (
    estimated_poses,
    teacher_poses,
    true_boxes,
    true_poses,
)
from thermal_pose.lab.learning.fitting.learner import Learner, fit_together
from thermal_pose.lab.learning.fitting.predict import Predictions
from thermal_pose.lab.learning.fitting.tasks import Inputs, ThermalCrops
from thermal_pose.lab.learning.fitting.training import Progress, Rows
from thermal_pose.lab.learning.paper.cohort import Cohort, keypoint_task
from thermal_pose.lab.learning.paper.fold_results import FoldResult, counted
from thermal_pose.lab.learning.paper.keypoint_rcnn import KeypointRcnn, Target, build_keypoint_rcnn
from thermal_pose.lab.metrics.oks import EstimatedPose, average_precision
from thermal_pose.types import IntArray

_PERSON: Final = 1
_SCALE_CK: Final = 500.0
_LOW, _HIGH = -2.0, 3.0
_CHUNK: Final = 8
#: torchvision counts coordinates from the pixel corner; this package from the pixel centre.
_CORNER: Final = 0.5


class WholeFrames:
    """Thermal frames in the form that Keypoint R-CNN reads, with their targets."""

    def __init__(
        self, source: ThermalCrops, boxes: Any, xy: torch.Tensor, present: torch.Tensor
    ) -> None:
        self.source, self.xy, self.present = source, xy, present
        self.boxes = torch.as_tensor(boxes, device=source.device)

    def draw(self, index: torch.Tensor, generator: torch.Generator | None) -> Inputs:
        """Draw photometry, mirror image, and the seed of the losses' own sampling."""
        inputs = self.source.draw(index, generator)
        shape = (len(index) + 1,)
        drawn = torch.zeros(shape, device=index.device)
        if generator is not None:
            drawn = torch.rand(shape, generator=generator, device=index.device)
        inputs["mirrored"], inputs["seed"] = drawn[1:] > 0.5, (drawn[0] * 2**31).long()
        return inputs

    def pictures(self, inputs: Inputs) -> list[torch.Tensor]:
        """Return each row's whole frame, (3, H, W) in 0..1 as `faster_rcnn_input` has them."""
        frame = self.source.frame_of[inputs["index"]]
        frames, medians = self.source.frames[frame].float(), self.source.medians[frame]
        if "pixels" in inputs:
            frames, medians = crops.disturb(frames, medians, inputs, self.source.augment)
        values = (frames - medians[:, None, None]) / _SCALE_CK
        values = (values.clamp(_LOW, _HIGH) - _LOW) / (_HIGH - _LOW)
        pictures = []
        for each, rows, mirrored in zip(
            values, self.source.rows[frame], inputs["mirrored"], strict=True
        ):
            shown = each[: int(rows)].flip(-1) if mirrored else each[: int(rows)]
            pictures.append(shown.expand(3, -1, -1))
        return pictures

    def targets(self, inputs: Inputs) -> list[Target]:
        """Return each row's person as torchvision wants it."""
        index, mirrored = inputs["index"], inputs["mirrored"]
        width = self.source.frames.shape[-1]
        xy = crops.mirror_joints(self.xy[index], mirrored) + _CORNER
        present = crops.mirror_joints(self.present[index], mirrored)
        boxes = self.boxes[index] + _CORNER
        xy[mirrored, :, 0] = width - xy[mirrored, :, 0]
        boxes[mirrored, 0], boxes[mirrored, 2] = (
            width - boxes[mirrored, 2],
            width - boxes[mirrored, 0],
        )
        joints = torch.cat([xy, present[..., None].to(xy.dtype)], dim=-1)
        label = torch.full((1,), _PERSON, dtype=torch.int64, device=xy.device)
        return [
            {"boxes": box[None], "labels": label, "keypoints": joint[None]}
            for box, joint in zip(boxes, joints, strict=True)
        ]

    def loss(self, network: Any, inputs: Inputs) -> torch.Tensor:
        """Return torchvision's losses; their sampling of proposals is seeded by the step."""
        pictures, targets = self.pictures(inputs), self.targets(inputs)
        total = torch.zeros((), device=self.boxes.device)
        with torch.random.fork_rng(self._devices()):
            torch.manual_seed(int(inputs["seed"]))
            for start in range(0, len(pictures), _CHUNK):
                part = slice(start, start + _CHUNK)
                loss = network.losses(pictures[part], targets[part])
                total = total + loss * (len(pictures[part]) / len(pictures))
        return total

    def _devices(self) -> list[int]:
        return [self.boxes.device.index or 0] if self.boxes.device.type == "cuda" else []


def run_rcnn_folds(
    cohort: Cohort,
    name: str,
    folds: Sequence[int],
    progress: Progress,
) -> list[FoldResult]:
    """Train and evaluate on some folds, one after the other, because one alone fills a device."""
    results = []
    for fold in folds:
        learner = _learner(cohort, f"{name}-{cohort.folds[fold].subject}", fold, progress)
        fit_together([learner], progress.max_minutes / len(folds), progress.tick)
        network = cast(KeypointRcnn, learner.take_best())
        results.append(counted(_judge(cohort, fold, network), learner))
    return results


def _learner(
    cohort: Cohort,
    label: str,
    fold: int,
    progress: Progress,
) -> Learner:
    settings, rows = cohort.config.rcnn, cohort.folds[fold].rows
    labels = keypoint_task(cohort)
    has_joints = labels.present.any(dim=1).cpu().numpy()
    train, validation = (part[has_joints[part]] for part in (rows.train, rows.validation))
    if not len(train):
        raise TrainingError(f"{label}: no training row has a labelled joint")
    label = label.replace("/", "_")
    about = [label, cohort.about(), settings.backbone, settings.min_size_px]
    run = cohort.run(fold, label, settings.fit, progress, about)
    torch.manual_seed(run.seed)
    network: Any = build_keypoint_rcnn(settings.backbone, settings.min_size_px)
    task: Any = WholeFrames(cohort.source, cohort.data.boxes, labels.xy, labels.present)
    return Learner(label, network, task, Rows(train, validation), run)


@torch.no_grad()
def _judge(cohort: Cohort, fold: int, network: KeypointRcnn) -> FoldResult:
    data, rows = cohort.data, cohort.folds[fold].test
    network.eval()
    truths, boxed = true_poses(data, rows), true_poses(data, rows, "box")
    found, predictions = _own_people(cohort, network, rows), _in_true_boxes(cohort, network, rows)
    estimates = estimated_poses(true_boxes(data, rows), predictions)
    return FoldResult(
        cohort.folds[fold].subject,
        average_precision(truths, found),
        average_precision(truths, estimates),
        average_precision(teacher_poses(data, rows, cohort.cache.labels), estimates),
        rows,
        predictions,
        average_precision(boxed, found),
        average_precision(boxed, estimates),
    )


def _frames(cohort: Cohort, rows: IntArray) -> tuple[list[torch.Tensor], torch.Tensor]:
    nothing = torch.zeros(len(cohort.data), 17, 2, device=cohort.device)
    whole = WholeFrames(cohort.source, cohort.data.boxes, nothing, nothing[..., 0] > 0)
    index = torch.as_tensor(rows, dtype=torch.int64, device=cohort.device)
    return whole.pictures(whole.draw(index, None)), whole.boxes[index] + _CORNER


def _own_people(cohort: Cohort, network: KeypointRcnn, rows: IntArray) -> list[EstimatedPose]:
    frame_of = cohort.data.frame_of[rows]
    _, first = np.unique(frame_of, return_index=True)  # a frame may hold several people
    poses = []
    for part in np.array_split(rows[first], max(1, len(first) // _CHUNK)):
        pictures, _ = _frames(cohort, part)
        for row, people in zip(part, network(pictures), strict=True):
            joints = people["keypoints"][..., :2].float().cpu().numpy() - _CORNER
            scores = people["scores"].float().cpu().numpy()
            frame = int(cohort.data.frame_of[row])
            poses += [
                EstimatedPose(frame, xy, float(s)) for xy, s in zip(joints, scores, strict=True)
            ]
    return poses


def _in_true_boxes(cohort: Cohort, network: KeypointRcnn, rows: IntArray) -> Predictions:
    xy, scores = [], []
    for part in np.array_split(rows, max(1, len(rows) // _CHUNK)):
        pictures, boxes = _frames(cohort, part)
        joints, sure = network.joints_in(pictures, list(boxes[:, None]))
        xy.append(torch.cat(joints).float().cpu().numpy() - np.float32(_CORNER))
        scores.append(torch.cat(sure).float().cpu().numpy())
    return Predictions(np.concatenate(xy), np.concatenate(scores))
