# SPDX-License-Identifier: Apache-2.0
"""Keypoints to learn: a teacher network's, any other network's or person's, or the data's own.

Any pose network can be the teacher: `write_pictures` writes the RGB pictures of a data set, the
network's keypoints come back as COCO json, and `with_own_labels` puts them into the thermal frames.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from thermal_pose.errors import StorageError, TrainingError
from thermal_pose.files import write_whole
from thermal_pose.inference.card import DecodeRule
from thermal_pose.lab.learning.datasets.coco.labels import read_labels
from thermal_pose.lab.learning.fitting.assess import TEACHER_PEAK
from thermal_pose.lab.learning.fitting.config import AugmentConfig
from thermal_pose.lab.learning.fitting.predict import predict
from thermal_pose.lab.learning.fitting.tasks import RgbCrops
from thermal_pose.lab.learning.networks.pose import PoseNetwork
from thermal_pose.lab.learning.networks.teacher import TeacherInfo, fingerprint
from thermal_pose.lab.learning.pose_data import PoseData
from thermal_pose.lab.learning.rgb_patches import PATCH_WH
from thermal_pose.lab.learning.students.predictions import (
    LEAST_CONFIDENCE,
    best_predictions,
)
from thermal_pose.skeleton import JOINT_NAMES, N_JOINTS
from thermal_pose.types import FloatArray, UInt8Array

PICTURES_NAME: Final = "pictures.json"
_PIECE_ROWS: Final = 1024


@dataclass(frozen=True)
class LabelSource:
    """Where the keypoints come from.

    Attributes
    ----------
    name : as named in cards.
    figures : its accuracy, if known.
    trained_on : subjects it was trained on, which must not be used for evaluation.
    key : digest that changes with the source.
    """

    name: str
    figures: dict[str, Any]
    trained_on: tuple[str, ...] = ()
    key: str = ""

    @staticmethod
    def of_teacher(network: PoseNetwork, info: TeacherInfo) -> "LabelSource":
        """Describe a teacher network."""
        return LabelSource(info.name, info.figures, info.trained_on, fingerprint(network))


@dataclass(frozen=True)
class Labelled:
    """A data set and the keypoints to learn.

    Attributes
    ----------
    data : as it was built; its keypoints, if it has any, are the truth.
    labels : the same rows with the keypoints to learn; `data` itself where they are its own.
    source : where those come from.
    """

    data: PoseData
    labels: PoseData
    source: LabelSource

    @property
    def own(self) -> bool:
        """Whether the keypoints are the data set's own."""
        return self.labels is self.data


def label(
    data: PoseData,
    teacher: PoseNetwork,
    info: TeacherInfo,
    device: torch.device,
    tick: Callable[[int], object] = lambda rows: None,
) -> PoseData:
    """Return the data with its keypoints replaced by a teacher's, found in the RGB pictures.

    Parameters
    ----------
    tick : called with the number of rows done, piece by piece.

    Raises
    ------
    TrainingError
        The data has no RGB, or no joint exceeds `TEACHER_PEAK`.
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
    labels = visible.astype(np.uint8) * 2
    return replace(data, xy=np.concatenate(xy), visibility=labels, found=True)


def own_keypoints(data: PoseData) -> Labelled:
    """Return data that is labelled already.

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
    return Labelled(data, data, LabelSource("keypoints of the data set", {}, (), "own"))


def write_pictures(data: PoseData, folder: Path) -> int:
    """Write the RGB picture of every row, and a COCO file of them; return how many.

    Image ids are row numbers of the data set. Keypoints that it has become annotations.

    Raises
    ------
    TrainingError
        The data set has no RGB pictures.
    StorageError
        The disk is full or the folder read-only.
    """
    if not data.patches:
        raise TrainingError("the data set has no RGB pictures: rebuild it from bags with RGB")
    images = []
    for row, coded in enumerate(data.patches):
        name = f"{row:06d}.jpg"
        _write_picture(folder / name, coded)
        images.append({"id": row, "file_name": name, "width": PATCH_WH[0], "height": PATCH_WH[1]})
    person = {"id": 1, "name": "person", "keypoints": list(JOINT_NAMES)}
    own = [found for row in range(len(data)) if (found := _in_picture(data, row)) is not None]
    listed = {"images": images, "annotations": own, "categories": [person]}
    write_whole(folder / PICTURES_NAME, json.dumps(listed) + "\n")
    return len(images)


def with_own_labels(path: Path, data: PoseData) -> PoseData:
    """Return the data with its keypoints replaced by those of a COCO file over its RGB pictures.

    Parameters
    ----------
    path : COCO keypoint json over the pictures of `write_pictures`: an object with images and
        annotations (v is 0, 1 or 2), or a list of predictions (the third number of each joint is
        a confidence, and joints count from `LEAST_CONFIDENCE` on). Of several people in one
        picture the best scored one counts.

    Raises
    ------
    TrainingError
        Not such a file, a picture that the data set does not have, or no joint at all.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: not COCO keypoint json: {error}") from error
    found = _predictions(path, content) if isinstance(content, list) else read_annotated(path)
    strange = sorted(row for row in found if not 0 <= row < len(data))
    if strange:
        raise TrainingError(
            f"{path}: image_id {strange[0]}: expected 0 to {len(data) - 1}, the rows of the data "
            "set: are these the keypoints of its own pictures?"
        )
    dark = [
        row for row in sorted(found) if not abs(np.linalg.det(data.patch_affine[row][:, :2])) > 0
    ]
    if dark:
        raise TrainingError(
            f"{path}: image_id {dark[0]}: the data set has no RGB picture of this row: are these "
            "the keypoints of its own pictures?"
        )
    xy = np.zeros((len(data), N_JOINTS, 2), np.float32)
    visibility = np.zeros((len(data), N_JOINTS), np.uint8)
    for row, (patch_xy, seen) in found.items():
        xy[row] = _in_frame(data.patch_affine[row], patch_xy)
        visibility[row] = seen
    if not visibility.any():
        raise TrainingError(f"{path}: no joint is labelled in any of {len(data)} pictures")
    return replace(data, xy=xy, visibility=visibility, found=True)


def _write_picture(path: Path, coded: bytes) -> None:
    """Write one of thousands of pictures; the list that is written last says that all are there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(coded)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def read_annotated(path: Path) -> dict[int, tuple[FloatArray, UInt8Array]]:
    """Return joints (17, 2), px, and their v (17,) of each picture of a COCO keypoint file.

    Raises
    ------
    TrainingError
        As `read_labels`.
    """
    return {person.picture: (person.xy, person.visibility) for person in read_labels(path).people}


def _predictions(path: Path, entries: list[Any]) -> dict[int, tuple[FloatArray, UInt8Array]]:
    return {
        row: (joints[:, :2], (joints[:, 2] >= LEAST_CONFIDENCE).astype(np.uint8) * 2)
        for row, joints in best_predictions(path, entries).items()
    }


def _in_picture(data: PoseData, row: int) -> dict[str, Any] | None:
    """Return a row's own keypoints as an annotation of its picture; None: none lie in it."""
    affine = data.patch_affine[row].astype(np.float64)
    xy = data.xy[row] @ affine[:, :2].T + affine[:, 2]
    inside = (xy >= 0).all(axis=1) & (xy < PATCH_WH).all(axis=1)
    flags = np.where(inside, data.visibility[row], 0)
    if not data.person[row] or not flags.any():
        return None
    corner, size = xy[flags > 0].min(axis=0), np.ptp(xy[flags > 0], axis=0)
    if size.min() < 1:
        return None
    joints = np.column_stack([xy * (flags > 0)[:, None], flags])
    return {
        "id": row + 1,
        "image_id": row,
        "category_id": 1,
        "iscrowd": 0,
        "keypoints": [round(float(value), 2) for value in joints.ravel()],
        "num_keypoints": int((flags > 0).sum()),
        "bbox": [round(float(value), 2) for value in (*corner, *size)],
    }


def _in_frame(affine: FloatArray, patch_xy: FloatArray) -> FloatArray:
    """Map pixels of a row's RGB picture (17, 2) to its thermal frame."""
    linear, shift = affine[:, :2].astype(np.float64), affine[:, 2].astype(np.float64)
    return np.asarray((patch_xy - shift) @ np.linalg.inv(linear).T, dtype=np.float32)
