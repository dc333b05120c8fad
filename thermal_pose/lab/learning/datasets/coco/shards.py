# SPDX-License-Identifier: Apache-2.0
"""Builds shards from COCO keypoint files over thermal pictures, such as OpenThermalPose's.

Pictures may have any size and are scaled to fit into 80 x 60 px. 16-bit pictures must hold
centikelvin. 8-bit pictures hold no temperature: their range is mapped to 20..36 degC, which makes
no difference to models with 'crop_minmax' or 'crop_percentile' input.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.errors import ConfigError, TrainingError
from thermal_pose.lab.learning.datasets.coco.labels import (
    CocoLabels,
    LabelledPerson,
    read_labels,
)
from thermal_pose.lab.learning.datasets.coco.pictures import read_picture
from thermal_pose.lab.learning.pose_data import PoseData, save_shard
from thermal_pose.types import FloatArray, UInt16Array

FRAME_WH: Final = (80, 60)
_COLD_COUNTS, _SPAN_COUNTS = 29315, 1600
_PER_SHARD: Final = 2000


@dataclass(frozen=True)
class _Frame:
    """A picture reduced to 80 x 60 px at most, in its own proportions.

    Attributes
    ----------
    centikelvin : (60, 80); the last row and column are repeated below and beside the picture.
    rows : real rows.
    scale : (2,) frame px per picture px, x and y.
    picture_wh : px.
    """

    centikelvin: UInt16Array
    rows: int
    scale: FloatArray
    picture_wh: tuple[int, int]


def _frame(image: npt.NDArray[Any]) -> _Frame:
    picture_wh = (image.shape[1], image.shape[0])
    factor = min(FRAME_WH[0] / picture_wh[0], FRAME_WH[1] / picture_wh[1])
    width, height = (max(1, round(side * factor)) for side in picture_wh)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    if image.dtype == np.uint8:
        small = _COLD_COUNTS + small * (_SPAN_COUNTS / 255)
    margins = ((0, FRAME_WH[1] - height), (0, FRAME_WH[0] - width))
    whole = np.pad(small.round().astype(np.uint16), margins, mode="edge")
    scale = np.array([width / picture_wh[0], height / picture_wh[1]], np.float32)
    return _Frame(whole, height, scale, picture_wh)


def check_names(paths: list[Path]) -> None:
    """Refuse files with the same name, because their shards would have the same name, too.

    Raises
    ------
    ConfigError
        Two files have the same name.
    """
    taken: dict[str, Path] = {}
    for path in paths:
        other = taken.setdefault(path.stem, path)
        if other is not path:
            raise ConfigError(
                f"{other} and {path} have the same name, and so would their shards: rename one"
            )


def _check_subject(shard: Path, subject: str) -> None:
    with np.load(shard, allow_pickle=False) as content:
        there = str(content["subjects"][0])
    if there != subject:
        raise ConfigError(
            f"{shard} was built with --cohort {there} and is now asked for with {subject}: give "
            "another --out, or delete that shard"
        )


def build_from_coco(path: Path, images: Path, out: Path, cohort: str = "") -> int:
    """Write shards of all labelled people; return the number of rows.

    Parameters
    ----------
    images : folder that the file names in the JSON are relative to.
    cohort : subject of all rows, because COCO names no person; default: the file's name.

    Raises
    ------
    TrainingError
        See `read_labels`; also for a picture that is missing or unlike its labels.
    ConfigError
        The shards exist already, built for another cohort.
    """
    labels = read_labels(path)
    people = sorted(labels.people, key=lambda person: person.picture)
    for start in range(0, len(people), _PER_SHARD):
        shard = out / f"{path.stem}_{start // _PER_SHARD:04d}.npz"
        if shard.is_file():
            _check_subject(shard, cohort or path.stem)
        else:
            part = people[start : start + _PER_SHARD]
            save_shard(_rows(part, labels, images, cohort or path.stem), shard)
    return len(people)


def _frames(people: list[LabelledPerson], labels: CocoLabels, images: Path) -> dict[int, _Frame]:
    """Read the pictures of people, by their ids.

    Raises
    ------
    TrainingError
        A picture is missing or of another kind or size than labelled.
    """
    frames: dict[int, _Frame] = {}
    for person in people:
        number = person.picture
        if number not in frames:
            picture = labels.pictures[number]
            frames[number] = _frame(read_picture(images / picture.file_name))
            if picture.size_wh not in (None, frames[number].picture_wh):
                raise TrainingError(
                    f"{person.name}: image {number} is labelled as {picture.size_wh} px, but "
                    f"{images / picture.file_name} has {frames[number].picture_wh} px"
                )
        person.check_inside(frames[number].picture_wh)
    return frames


def _rows(people: list[LabelledPerson], labels: CocoLabels, images: Path, subject: str) -> PoseData:
    frames = _frames(people, labels, images)
    order = {number: index for index, number in enumerate(frames)}
    scales = np.stack([frames[p.picture].scale for p in people])
    boxes = np.array([p.box_xywh for p in people], np.float32)
    boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    xy = np.stack([p.xy for p in people])
    area = np.array([p.area_px for p in people], np.float32)
    n = len(people)
    # Pictures of one scene are not independent: they are one trial, and held out together.
    scenes = list(dict.fromkeys(labels.pictures[p.picture].scene for p in people))
    return PoseData(
        frames=np.stack([frame.centikelvin for frame in frames.values()]),
        frame_rows=np.array([frame.rows for frame in frames.values()], np.int16),
        frame_of=np.array([order[p.picture] for p in people], np.int32),
        boxes=(boxes + 0.5) * np.tile(scales, 2) - 0.5,
        xy=(xy + 0.5) * scales[:, None] - 0.5,
        visibility=np.stack([p.visibility for p in people]),
        area_px=area * scales.prod(axis=1),
        person=np.ones(n, np.bool_),
        subject=np.zeros(n, np.int32),
        trial=np.array([scenes.index(labels.pictures[p.picture].scene) for p in people], np.int32),
        stamp_ns=np.zeros(n, np.int64),
        phase=np.zeros(n, np.uint8),
        distance_m=np.full(n, np.nan, np.float32),
        heading_deg=np.full(n, np.nan, np.float32),
        asynchronous=np.zeros(n, np.bool_),
        patch_affine=np.zeros((n, 2, 3), np.float32),
        subjects=(subject,),
        trials=tuple(f"{subject}/{scene}" for scene in scenes),
    )
