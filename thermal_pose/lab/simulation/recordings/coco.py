# SPDX-License-Identifier: Apache-2.0
"""COCO keypoint annotations of a cohort, written and joined line by line in bounded memory.

The format is that of keypoint detection at https://cocodataset.org/#format-data. The images remain
in the recordings: `file_name` is `<trial>/<frame, six digits>`, and `stamp_ns` is the stamp of the
message.
"""

import codecs
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.errors import StorageError
from thermal_pose.files import whole_file
from thermal_pose.skeleton import JOINT_NAMES, LIMBS
from thermal_pose.types import TrueFrame, TruePerson

#: The only category, in COCO's form, which numbers joints from 1.
PERSON_CATEGORY = {
    "id": 1,
    "name": "person",
    "supercategory": "person",
    "keypoints": list(JOINT_NAMES),
    "skeleton": [[int(a) + 1, int(b) + 1] for a, b in LIMBS],
}


def _annotation(person: TruePerson) -> dict[str, Any]:
    assert person.box_xyxy is not None
    left, top, right, bottom = person.box_xyxy
    keypoints: list[float] = []
    for (x, y), seen in zip(person.xy, person.visibility, strict=True):
        # In COCO, a joint without a label is 0, 0, 0.
        keypoints += [round(float(x), 3), round(float(y), 3), int(seen)] if seen else [0, 0, 0]
    return {
        "category_id": 1,
        "person_id": person.person_id,
        "role": person.role,
        "bbox": [round(float(value), 3) for value in (left, top, right - left, bottom - top)],
        "area": round(float(person.area_px), 3),
        "iscrowd": 0,
        "num_keypoints": int(np.count_nonzero(person.visibility)),
        "keypoints": keypoints,
    }


def frame_line(truth: TrueFrame, trial_id: str, index: int) -> str:
    """One line of JSON: a frame and the annotations of all people in view."""
    persons = [_annotation(person) for person in truth.persons if person.box_xyxy is not None]
    frame = {
        "file_name": f"{trial_id}/{index:06d}",
        "stamp_ns": truth.stamp_ns,
        "asynchronous": truth.asynchronous,
    }
    return json.dumps({"image": frame, "annotations": persons}) + "\n"


def write_coco(
    path: Path, trials: Iterable[tuple[Path, tuple[int, int]]], info: dict[str, Any]
) -> tuple[int, int]:
    """Join the lines of many trials into one COCO file, one line in memory at a time.

    Parameters
    ----------
    path : file to write, either completely or not at all.
    trials : file of lines and image size (width, height) px of each trial, in order.
    info : the field `info` of the file.

    Returns
    -------
    images, annotations : numbers of both.

    Raises
    ------
    StorageError
        If a file cannot be read or written.
    """
    try:
        with (
            whole_file(path) as binary,
            tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent) as notes,
        ):
            out = codecs.getwriter("utf-8")(binary)
            out.write(f'{{"info": {json.dumps(info, sort_keys=True)},\n')
            out.write(f'"categories": [{json.dumps(PERSON_CATEGORY)}],\n"images": [')
            counts = _copy_lines(out, notes, trials)
            out.write('\n],\n"annotations": [')
            notes.seek(0)
            for line in notes:
                out.write(line)
            out.write("\n]}\n")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    return counts


def _copy_lines(
    out: Any, notes: Any, trials: Iterable[tuple[Path, tuple[int, int]]]
) -> tuple[int, int]:
    image_id = annotation_id = 0
    for lines_path, (width, height) in trials:
        with lines_path.open(encoding="utf-8") as lines:
            for line in lines:
                frame = json.loads(line)
                image_id += 1
                image = {"id": image_id, "width": width, "height": height, **frame["image"]}
                out.write((",\n" if image_id > 1 else "\n") + json.dumps(image))
                for person in frame["annotations"]:
                    annotation_id += 1
                    entry = {"id": annotation_id, "image_id": image_id, **person}
                    notes.write((",\n" if annotation_id > 1 else "\n") + json.dumps(entry))
    return image_id, annotation_id
