# SPDX-License-Identifier: Apache-2.0
"""Reads COCO keypoint json over thermal pictures, such as OpenThermalPose's, into shards.

Pictures of 16 bits are taken as centikelvin; pictures of 8 bits hold no temperature and are
spread over 20 to 36 C, which 'crop_minmax' input does not notice.
"""

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.errors import ConfigError, TrainingError
from thermal_pose.lab.learning.pose_data import PoseData, save_shard
from thermal_pose.skeleton import N_JOINTS

FRAME_WH: Final = (80, 60)
_COLD_COUNTS, _SPAN_COUNTS = 29315, 1600
_PER_SHARD: Final = 2000


def _picture(path: Path) -> tuple[npt.NDArray[np.uint16], float, float]:
    """Return an 80 x 60 frame in centikelvin, and the scales from the picture's pixels."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise TrainingError(f"{path}: cannot be read as a picture")
    if image.ndim == 3:
        image = cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2GRAY)
    scale = (FRAME_WH[0] / image.shape[1], FRAME_WH[1] / image.shape[0])
    small = cv2.resize(image, FRAME_WH, interpolation=cv2.INTER_AREA).astype(np.float32)
    if image.dtype == np.uint8:
        small = _COLD_COUNTS + small * (_SPAN_COUNTS / 255)
    return small.round().astype(np.uint16), scale[0], scale[1]


def _annotations(path: Path) -> tuple[dict[int, str], list[dict[str, Any]]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = {int(image["id"]): str(image["file_name"]) for image in content["images"]}
        people = [a for a in content["annotations"] if a.get("num_keypoints", 1) > 0]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path}: not a COCO keypoint file: {error}") from error
    if not people:
        raise TrainingError(f"{path}: no annotation holds a person (num_keypoints > 0)")
    for person in people:
        _check(path, person, files)
    return files, people


def _check(path: Path, person: dict[str, Any], files: dict[int, str]) -> None:
    """Refuse an annotation that is not a person in one of the pictures."""
    where = f"{path}: annotation {person.get('id', 'without id')}"
    joints, box = person.get("keypoints"), person.get("bbox")
    image: Any = person.get("image_id")
    if not isinstance(joints, list) or len(joints) != 3 * N_JOINTS:
        count = len(joints) // 3 if isinstance(joints, list) else "none"
        raise TrainingError(f"{where}: expected {N_JOINTS} joints (COCO), got {count}")
    if not isinstance(box, list) or len(box) != 4 or not all(_is_number(v) for v in box):
        got = "none" if box is None else repr(box)
        raise TrainingError(f"{where}: expected a bbox [x, y, width, height], got {got}")
    try:
        known = int(image) in files
    except (TypeError, ValueError):
        known = False
    if not known:
        got = "none" if image is None else repr(image)
        raise TrainingError(f"{where}: expected the image_id of one of the images, got {got}")
    if not all(_is_number(value) for value in joints):
        raise TrainingError(f"{where}: expected numbers as keypoints, got something else")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and np.isfinite(value)


def check_names(paths: list[Path]) -> None:
    """Refuse files whose shards would have the same names.

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
    """Write shards of all annotated people; return the number of rows.

    Parameters
    ----------
    images : folder that the json's file names are relative to.
    cohort : becomes the subject of all rows (COCO names nobody).

    Raises
    ------
    TrainingError
        Not a COCO keypoint file, an annotation that cannot be used, or a picture is missing.
    ConfigError
        Its shards are there with another cohort.
    """
    files, people = _annotations(path)
    people = sorted(people, key=lambda a: int(a["image_id"]))
    for start in range(0, len(people), _PER_SHARD):
        shard = out / f"{path.stem}_{start // _PER_SHARD:04d}.npz"
        if shard.is_file():
            _check_subject(shard, cohort or path.stem)
        else:
            part = people[start : start + _PER_SHARD]
            save_shard(_rows(part, files, images, cohort or path.stem), shard)
    return len(people)


def _rows(
    people: list[dict[str, Any]], files: dict[int, str], images: Path, subject: str
) -> PoseData:
    ids = list(dict.fromkeys(int(person["image_id"]) for person in people))
    pictures = {image: _picture(images / files[image]) for image in ids}
    scales = np.array([pictures[int(p["image_id"])][1:] for p in people], np.float32)
    joints = np.array([p["keypoints"] for p in people], np.float32).reshape(-1, N_JOINTS, 3)
    boxes = np.array([p["bbox"] for p in people], np.float32)
    boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    area = np.array([p.get("area", p["bbox"][2] * p["bbox"][3]) for p in people], np.float32)
    n = len(people)
    return PoseData(
        frames=np.stack([pictures[image][0] for image in ids]),
        frame_rows=np.full(len(ids), FRAME_WH[1], np.int16),
        frame_of=np.array([ids.index(int(p["image_id"])) for p in people], np.int32),
        boxes=(boxes + 0.5) * np.tile(scales, 2) - 0.5,
        xy=(joints[..., :2] + 0.5) * scales[:, None] - 0.5,
        visibility=joints[..., 2].astype(np.uint8),
        area_px=area * scales.prod(axis=1),
        person=np.ones(n, np.bool_),
        subject=np.zeros(n, np.int32),
        trial=np.zeros(n, np.int32),
        stamp_ns=np.zeros(n, np.int64),
        phase=np.zeros(n, np.uint8),
        distance_m=np.full(n, np.nan, np.float32),
        heading_deg=np.full(n, np.nan, np.float32),
        asynchronous=np.zeros(n, np.bool_),
        patch_affine=np.zeros((n, 2, 3), np.float32),
        subjects=(subject,),
        trials=(subject,),
    )
