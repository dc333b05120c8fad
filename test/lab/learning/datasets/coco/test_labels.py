# SPDX-License-Identifier: Apache-2.0
"""Labels as annotation tools and predictors write them: each value is checked, none is cast."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import faults

from thermal_pose.errors import TrainingError
from thermal_pose.lab.learning.datasets.coco.labels import read_labels
from thermal_pose.skeleton import JOINT_NAMES

Change = Callable[[dict[str, Any]], object]

KEYPOINTS = [value for j in range(17) for value in (30.0 + j % 5, 15.0 + 2 * j, 2)]
CONTENT: dict[str, Any] = {
    "images": [{"id": i, "file_name": f"{i}.png", "width": 80, "height": 60} for i in range(3)],
    "categories": [{"id": 1, "name": "person", "keypoints": list(JOINT_NAMES)}],
    "annotations": [
        {
            "id": 10 + i,
            "image_id": i,
            "category_id": 1,
            "bbox": [28.0, 12.0, 12.0, 40.0],
            "area": 300.0,
            "iscrowd": 0,
            "num_keypoints": 17,
            "keypoints": KEYPOINTS,
        }
        for i in range(3)
    ],
}


def each(**values: Any) -> Change:
    """Set (or, with `...`, remove) keys of every annotation."""

    def change(content: dict[str, Any]) -> None:
        for annotation in content["annotations"]:
            for key, value in values.items():
                if value is ...:
                    annotation.pop(key, None)
                else:
                    annotation[key] = value

    return change


def one(**values: Any) -> Change:
    return lambda content: content["annotations"][1].update(values)


def with_flags(flag: Any, count: Any = ..., joints: int = 17) -> Change:
    keypoints = list(KEYPOINTS)
    keypoints[2 : 3 * joints : 3] = [flag] * joints
    return each(keypoints=keypoints, num_keypoints=count)


def images(**values: Any) -> Change:
    return lambda content: [image.update(values) for image in content["images"]]


def string_ids(content: dict[str, Any]) -> None:
    for image in content["images"]:
        image["id"] = str(image["id"])


def word_ids(content: dict[str, Any]) -> None:
    for image in content["images"]:
        image["id"] = f"img_{image['id']}"


def read(tmp_path: Path, change: Change, encoding: str = "utf-8") -> Any:
    content = copy.deepcopy(CONTENT)
    change(content)
    path = tmp_path / "people.json"
    path.write_text(json.dumps(content), encoding=encoding)
    return read_labels(path)


SOUND: dict[str, tuple[Change, int]] = {
    "as the format says": (lambda _: None, 3),
    "hidden joints": (with_flags(1), 3),
    "flags as floats": (with_flags(2.0), 3),
    "only visible joints counted": (with_flags(1, 7, 10), 3),
    "no num_keypoints": (each(num_keypoints=...), 3),
    "no area": (each(area=...), 3),
    "no iscrowd": (each(iscrowd=...), 3),
    "no categories": (lambda c: c.pop("categories"), 3),
    "ids as strings": (string_ids, 3),
    "no sizes": (lambda c: [image.pop("width") + image.pop("height") for image in c["images"]], 3),
    "an image without people": (
        lambda c: c["images"].append({"id": 9, "file_name": "9.png"}),
        3,
    ),
    "an unlabelled person": (one(num_keypoints=0, keypoints=[0] * 51), 2),
    "an unlabelled dog": (one(num_keypoints=0, keypoints=[], category_id=18, area=None), 2),
    "a crowd without joints": (one(num_keypoints=0, keypoints=[0] * 51, iscrowd=1), 2),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_labels_are_read(tmp_path: Path, name: str) -> None:
    change, people = SOUND[name]
    labels = read(tmp_path, change)
    assert len(labels.people) == people
    first = labels.people[0]
    assert first.xy.tolist() == [[30.0 + j % 5, 15.0 + 2 * j] for j in range(17)]
    assert (first.picture, first.box_xywh) == (0, (28.0, 12.0, 12.0, 40.0))
    assert first.area_px == (480.0 if name == "no area" else 300.0)


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert len(read(tmp_path, lambda _: None, "utf-8-sig").people) == 3


FOREIGN: dict[str, tuple[Change, str]] = {
    "v = -1": (with_flags(-1, ..., 10), "annotation 10: joint nose: .* as v, got -1"),
    "v = a score": (with_flags(0.87), "as v, got 0.87"),
    "v = a small score": (with_flags(0.02, 17), "as v, got 0.02"),
    "v = 3": (with_flags(3), "as v, got 3"),
    "v = true": (with_flags(True), "expected numbers as keypoints, got True"),
    "no joint labelled, 17 counted": (with_flags(0, 17), "expected num_keypoints 0, .* got 17"),
    "17 joints labelled, none counted": (one(num_keypoints=0), "annotation 11: .* got 0"),
    "num_keypoints null": (each(num_keypoints=None), "expected num_keypoints 17, .* got None"),
    "num_keypoints a string": (each(num_keypoints="17"), "expected num_keypoints 17, .* got '17'"),
    "num_keypoints half": (each(num_keypoints=16.5), "got 16.5"),
    "area null": (one(area=None), "annotation 11: expected an area above 0 .* got none"),
    "area 0": (each(area=0), "annotation 10: expected an area above 0 .* got 0"),
    "area negative": (each(area=-5), "expected an area above 0 .* got -5"),
    "area a string": (each(area="300"), "expected an area above 0 .* got '300'"),
    "area of another size": (each(area=300 * 64.0), "at most that of the bbox, 480 px, got 19200"),
    "a crowd with joints": (one(iscrowd=1), "annotation 11: expected iscrowd 0, got 1"),
    "category dog": (one(category_id=18), r"annotation 11: expected category_id 1 \(person\)"),
    "only dogs": (lambda c: c["categories"][0].update(name="dog"), r"named 'person', got \['dog'"),
    "joints of animals": (
        lambda c: c["categories"][0].update(keypoints=["left_eye", "right_eye", "nose"]),
        "in its order .* got 3: left_eye",
    ),
    "ids are words": (word_ids, "image number 1 in the file: expected a whole number as id"),
    "ids are floats": (images(id=0.5), "expected a whole number as id, got 0.5"),
    "an id twice": (images(id=0), "image 0: the id is used by more than one image"),
    "no file name": (images(file_name=None), "image 0: expected a file_name, got None"),
    "no image": (one(image_id=99), "annotation 11: .* image_id of one of the images, got 99"),
    "image_id missing": (each(image_id=...), "annotation 10: .* image_id .* got none"),
    "image_id a float": (one(image_id=1.5), "annotation 11: .* got 1.5"),
    "no id": (
        lambda c: (c["annotations"][2].pop("id"), c["annotations"][2].update(area=0)),
        "annotation without id, number 3 in the file: expected an area",
    ),
    "bbox missing": (each(bbox=...), "expected a bbox .* got none"),
    "bbox of three": (each(bbox=[1, 2, 3]), r"bbox .* got \[1, 2, 3\]"),
    "bbox empty": (each(bbox=[30.0, 20.0, 0.0, 0.0]), "a size above 0, got"),
    "bbox negative": (each(bbox=[40.0, 50.0, -12.0, -40.0]), "a size above 0, got"),
    "bbox strings": (each(bbox=["28", "12", "12", "40"]), "a size above 0, got"),
    "bbox outside": (
        each(bbox=[500.0, 500.0, 12.0, 40.0]),
        "annotation 10: 17 of its 17 labelled joints lie outside its bbox",
    ),
    "bbox of corners": (
        each(bbox=[28.0, 12.0, 40.0, 52.0]),
        "annotation 10: expected a bbox .* inside the picture of 80 x 60 px",
    ),
    "bbox as shares": (each(bbox=[0.35, 0.2, 0.15, 0.66], area=...), "lie outside its bbox"),
    "a joint is NaN": (one(keypoints=[float("nan"), *KEYPOINTS[1:]]), "numbers .* got nan"),
    "a joint is null": (one(keypoints=[None, *KEYPOINTS[1:]]), "annotation 11: joint nose"),
    "nested": (
        each(keypoints=[KEYPOINTS[i : i + 3] for i in range(0, 51, 3)]),
        "as a flat list .* got nested lists",
    ),
    "13 joints": (each(keypoints=KEYPOINTS[:39]), r"expected 17 joints \(COCO\) .* got 13"),
    "no joints": (each(keypoints=None), r"expected 17 joints .* got none"),
    "words": (each(keypoints=["x"] * 51), "annotation 10: joint nose: expected numbers"),
    "sizes are strings": (images(width="80"), "image 0: expected width and height as whole"),
    "not an object": (lambda c: c["annotations"].append(3), "expected an object, got 3"),
    "no images": (lambda c: c.pop("images"), "expected a list 'images'"),
    "nobody": (lambda c: c.update(annotations=[]), "no annotation holds a person"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_labels_are_refused_by_annotation_and_value(tmp_path: Path, name: str) -> None:
    change, message = FOREIGN[name]
    with pytest.raises(TrainingError, match=rf"people\.json: (.|\n)*{message}"):
        read(tmp_path, change)


def test_a_file_of_predictions_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image_id": 0, "keypoints": KEYPOINTS, "score": 0.9}]))
    with pytest.raises(TrainingError, match=r"got a list \(a file of predictions"):
        read_labels(path)


@pytest.mark.faults
def test_every_foreign_label_is_refused(tmp_path: Path) -> None:
    for change, _ in FOREIGN.values():
        with pytest.raises(TrainingError):
            read(tmp_path, change)
    faults.record(
        "COCO labels that only look like COCO", len(FOREIGN), "refused by annotation and value"
    )
