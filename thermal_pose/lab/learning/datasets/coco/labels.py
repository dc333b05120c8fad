# SPDX-License-Identifier: Apache-2.0
"""Reads and checks the labels of a COCO keypoint file.

Annotation tools and predictors write many things that look like COCO: scores in place of the
visibility flag, corners in place of a size, coordinates of another resolution. Each changes what
a network learns without any visible fault, so every value is checked and nothing is converted
silently. Format: https://cocodataset.org/#format-data
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.errors import TrainingError
from thermal_pose.skeleton import JOINT_NAMES, N_JOINTS
from thermal_pose.types import FloatArray, UInt8Array

#: A box may leave the picture by this share of the picture's side (tools round and extrapolate).
_MARGIN: Final = 0.05
#: A joint counts as inside its box if it is inside the box enlarged by this share on each side.
_BOX_MARGIN: Final = 0.25
#: Areas are those of silhouettes, so they hardly exceed the box.
_MAX_AREA_SHARE: Final = 1.1


@dataclass(frozen=True)
class LabelledPicture:
    """One picture.

    Attributes
    ----------
    file_name : relative to the folder of the pictures.
    size_wh : px; None if the file does not state it.
    scene : shared by pictures that are not independent; the file name if the file has no 'scene'.
    """

    file_name: str
    size_wh: tuple[int, int] | None
    scene: str


@dataclass(frozen=True)
class LabelledPerson:
    """One annotated person.

    Attributes
    ----------
    name : how errors refer to the annotation, such as `people.json: annotation 12`.
    picture : id of the picture.
    xy : (17, 2) px.
    visibility : (17,) uint8; 0 not labelled, 1 labelled but hidden, 2 visible.
    box_xywh : corner and size, px.
    area_px : area of the silhouette, or of the box if the file does not state it.
    """

    name: str
    picture: int
    xy: FloatArray
    visibility: UInt8Array
    box_xywh: tuple[float, float, float, float]
    area_px: float

    def check_inside(self, size_wh: tuple[int, int]) -> None:
        """Refuse a box that lies outside a picture of this size (px) or leaves it.

        Raises
        ------
        TrainingError
            Such a box usually belongs to another resolution, or holds corners instead of a size.
        """
        x, y, width, height = self.box_xywh
        for start, side, limit in ((x, width, size_wh[0]), (y, height, size_wh[1])):
            margin = _MARGIN * limit
            if start < -margin or start + side > limit + margin or start >= limit:
                raise TrainingError(
                    f"{self.name}: expected a bbox [x, y, width, height] inside the picture of "
                    f"{size_wh[0]} x {size_wh[1]} px, got {list(self.box_xywh)}"
                )


@dataclass(frozen=True)
class CocoLabels:
    """The pictures of a file by id, and its labelled people in the file's order."""

    pictures: dict[int, LabelledPicture]
    people: list[LabelledPerson]


def read_labels(path: Path) -> CocoLabels:
    """Read the labelled people of a COCO keypoint file.

    Annotations without labelled joints (unlabelled people, crowds, other categories) are left
    out.

    Raises
    ------
    TrainingError
        The file is not a COCO keypoint file, or an annotation has a value that the format does
        not allow; the message names the annotation by its id, the value and what was expected.
    """
    content = _content(path)
    pictures = _pictures(path, content["images"])
    person_id = _person_category(path, content.get("categories"))
    people = []
    for number, annotation in enumerate(content["annotations"], 1):
        person = _person(_name(path, annotation, number), annotation, pictures, person_id)
        if person is not None:
            people.append(person)
    if not people:
        raise TrainingError(f"{path}: no annotation holds a person with labelled joints")
    return CocoLabels(pictures, people)


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: not a COCO keypoint file: {error}") from error
    if not isinstance(content, dict):
        raise TrainingError(
            f"{path}: not a COCO keypoint file: expected an object with 'images' and "
            f"'annotations', got a {type(content).__name__} (a file of predictions?)"
        )
    for key in ("images", "annotations"):
        if not isinstance(content.get(key), list):
            raise TrainingError(f"{path}: not a COCO keypoint file: expected a list '{key}'")
    return content


def _name(path: Path, annotation: Any, number: int) -> str:
    if isinstance(annotation, dict) and "id" in annotation:
        return f"{path}: annotation {annotation['id']}"
    return f"{path}: annotation without id, number {number} in the file"


def _pictures(path: Path, images: list[Any]) -> dict[int, LabelledPicture]:
    pictures: dict[int, LabelledPicture] = {}
    for number, image in enumerate(images, 1):
        where = f"{path}: image number {number} in the file"
        if not isinstance(image, dict):
            raise TrainingError(f"{where}: expected an object, got {image!r}")
        picture = _id(image.get("id"))
        if picture is None:
            raise TrainingError(f"{where}: expected a whole number as id, got {image.get('id')!r}")
        where = f"{path}: image {picture}"
        if picture in pictures:
            raise TrainingError(f"{where}: the id is used by more than one image")
        name = image.get("file_name")
        if not isinstance(name, str) or not name:
            raise TrainingError(f"{where}: expected a file_name, got {name!r}")
        scene = str(image.get("scene", name))
        pictures[picture] = LabelledPicture(name, _size(where, image), scene)
    return pictures


def _id(value: Any) -> int | None:
    """The whole number that an id is, also written as a string; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _size(where: str, image: dict[str, Any]) -> tuple[int, int] | None:
    size = image.get("width"), image.get("height")
    if size == (None, None):
        return None
    width, height = size
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        raise TrainingError(
            f"{where}: expected width and height as whole numbers above 0, got {width!r} and "
            f"{height!r}"
        )
    return width, height


def _person_category(path: Path, categories: Any) -> int | None:
    """The id of the category 'person'; None if the file names no categories."""
    if not categories:
        return None
    entries = categories if isinstance(categories, list) else []
    for entry in entries:
        if isinstance(entry, dict) and str(entry.get("name", "")).strip().lower() == "person":
            _check_joint_names(path, entry.get("keypoints"))
            return _id(entry.get("id"))
    names = [entry.get("name") for entry in entries if isinstance(entry, dict)]
    raise TrainingError(f"{path}: expected a category named 'person', got {names}")


def _check_joint_names(path: Path, names: Any) -> None:
    if not names:
        return
    plain = [str(name).strip().lower().replace(" ", "_").replace("-", "_") for name in names]
    if plain != list(JOINT_NAMES):
        raise TrainingError(
            f"{path}: category 'person': expected the {N_JOINTS} joints of COCO in its order "
            f"(nose, left_eye, ...), got {len(plain)}: {', '.join(plain)}"
        )


def _person(
    where: str, entry: Any, pictures: dict[int, LabelledPicture], person_id: int | None
) -> LabelledPerson | None:
    """The person of an annotation; None if it labels no joint."""
    if not isinstance(entry, dict):
        raise TrainingError(f"{where}: expected an object, got {entry!r}")
    count = entry.get("num_keypoints", ...)
    if count == 0 and not any(_flags(entry)):
        return None
    xy, visibility = _joints(where, entry.get("keypoints"))
    _check_count(where, count, visibility)
    if not visibility.any():
        return None
    _check_category(where, entry, person_id)
    picture = _id(entry.get("image_id"))
    if picture is None or picture not in pictures:
        got = "none" if entry.get("image_id") is None else repr(entry["image_id"])
        raise TrainingError(f"{where}: expected the image_id of one of the images, got {got}")
    box = _box(where, entry.get("bbox"))
    _check_joints_in_box(where, xy[visibility > 0], box)
    person = LabelledPerson(where, picture, xy, visibility, box, _area(where, entry, box))
    size_wh = pictures[picture].size_wh
    if size_wh is not None:
        person.check_inside(size_wh)
    return person


def _flags(entry: dict[str, Any]) -> list[Any]:
    joints = entry.get("keypoints")
    return joints[2::3] if isinstance(joints, list) else []


def _check_category(where: str, entry: dict[str, Any], person_id: int | None) -> None:
    category = entry.get("category_id")
    if person_id is not None and _id(category) != person_id:
        raise TrainingError(f"{where}: expected category_id {person_id} (person), got {category!r}")
    if entry.get("iscrowd", 0) not in (0, False):
        raise TrainingError(
            f"{where}: expected iscrowd 0, got {entry['iscrowd']!r}: a crowd has no joints"
        )


def _joints(where: str, values: Any) -> tuple[FloatArray, UInt8Array]:
    """(17, 2) px and (17,) flags of a flat list x, y, v, ..."""
    if not isinstance(values, list) or len(values) != 3 * N_JOINTS:
        got = f"{len(values) / 3:g}" if isinstance(values, list) else "none"
        if isinstance(values, list) and values and isinstance(values[0], list):
            got = "nested lists"
        raise TrainingError(
            f"{where}: expected {N_JOINTS} joints (COCO) as a flat list x, y, v, ..., got {got}"
        )
    for index, value in enumerate(values):
        joint = f"{where}: joint {JOINT_NAMES[index // 3]}"
        if not _is_number(value):
            raise TrainingError(f"{joint}: expected numbers as keypoints, got {value!r}")
        if index % 3 == 2 and value not in (0, 1, 2):
            raise TrainingError(
                f"{joint}: expected 0 (not labelled), 1 (hidden) or 2 (visible) as v, got {value!r}"
            )
    table = np.array(values, np.float32).reshape(N_JOINTS, 3)
    return table[:, :2], table[:, 2].astype(np.uint8)


def _check_count(where: str, count: Any, visibility: UInt8Array) -> None:
    """Some tools count the visible joints only; a number that fits neither way is refused."""
    labelled, visible = int((visibility > 0).sum()), int((visibility == 2).sum())
    if count is ... or (_is_number(count) and count in (labelled, visible)):
        return
    raise TrainingError(
        f"{where}: expected num_keypoints {labelled}, the number of its labelled joints, "
        f"got {count!r}"
    )


def _box(where: str, box: Any) -> tuple[float, float, float, float]:
    sound = isinstance(box, list) and len(box) == 4 and all(_is_number(v) for v in box)
    if not sound or box[2] <= 0 or box[3] <= 0:
        got = "none" if box is None else repr(box)
        raise TrainingError(
            f"{where}: expected a bbox [x, y, width, height] with a size above 0, got {got}"
        )
    return (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def _check_joints_in_box(
    where: str, xy: FloatArray, box: tuple[float, float, float, float]
) -> None:
    corner, size = np.array(box[:2]), np.array(box[2:])
    low, high = corner - _BOX_MARGIN * size, corner + (1 + _BOX_MARGIN) * size
    outside = int(((xy < low) | (xy > high)).any(axis=1).sum())
    if 2 * outside > len(xy):
        raise TrainingError(
            f"{where}: {outside} of its {len(xy)} labelled joints lie outside its bbox "
            f"{list(box)}: expected [x, y, width, height] in px of the same picture"
        )


def _area(where: str, entry: dict[str, Any], box: tuple[float, float, float, float]) -> float:
    of_box = box[2] * box[3]
    area = entry.get("area", of_box)
    if not _is_number(area) or not 0 < area <= _MAX_AREA_SHARE * of_box:
        raise TrainingError(
            f"{where}: expected an area above 0 and at most that of the bbox, {of_box:g} px, "
            f"got {'none' if area is None else repr(area)}"
        )
    return float(area)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
