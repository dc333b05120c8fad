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

from thermal_pose.errors import TrainingError
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.training.pose_data import PoseData, save_shard

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
    wrong = [a for a in people if len(a.get("keypoints", ())) != 3 * N_JOINTS]
    if wrong:
        raise TrainingError(
            f"{path}: expected {N_JOINTS} joints (COCO), annotation {wrong[0].get('id')} has "
            f"{len(wrong[0].get('keypoints', ())) // 3}"
        )
    return files, people


def build_from_coco(path: Path, images: Path, out: Path, cohort: str = "") -> int:
    """Write shards of all annotated people; return the number of rows.

    Parameters
    ----------
    images : folder that the json's file names are relative to.
    cohort : becomes the subject of all rows (COCO names nobody).

    Raises
    ------
    TrainingError
        Not a COCO keypoint file, another number of joints, or a picture is missing.
    """
    files, people = _annotations(path)
    people = sorted(people, key=lambda a: int(a["image_id"]))
    for start in range(0, len(people), _PER_SHARD):
        shard = out / f"{path.stem}_{start // _PER_SHARD:04d}.npz"
        if not shard.is_file():
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
