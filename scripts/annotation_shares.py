# SPDX-License-Identifier: Apache-2.0
"""Where annotators put joints on upright people, beside the body model.

    bash scripts/with_venv.sh python scripts/annotation_shares.py person_keypoints_val2017.json

Takes any COCO keypoint file, and uses people who stand upright with straight legs and whose
shoulders, hips, knees and ankles are visible. The last two columns are the body model's own joints
and those that `simulation/people/annotation.py` labels, in its library of bodies at rest.

The first table has hips and knees between shoulders and ankles. The second has eyes, ears and
ankles below the top of the person's box, as shares of its height, of people whose box ends inside
the image; a row uses those on whom both joints are visible. COCO's boxes hold hair and shoes, the
bodies at rest neither: some 2 cm at the top and at the bottom. The last row is the distance of the
eyes across the image as a share of that of the ears, for faces that show both.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.lab.simulation.people.annotation import DROP_SHARES
from thermal_pose.lab.simulation.people.bake import bake_body, library_shapes
from thermal_pose.lab.simulation.people.body import Body
from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array, FloatArray

SIDES = (
    (Joint.LEFT_SHOULDER, Joint.LEFT_HIP, Joint.LEFT_KNEE, Joint.LEFT_ANKLE),
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP, Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE),
)
#: Greatest angle of trunk, thigh and shank to the vertical, degrees; least shoulders to ankles, px.
UPRIGHT_DEG, MIN_PX = (15.0, 12.0, 12.0), 60.0
#: Quantities: a joint and the joint at which the way to the ankles begins.
QUANTITIES = {
    "hip, from the shoulders": (1, 0),
    "knee, from the shoulders": (2, 0),
    "knee, from the hips": (2, 1),
}
#: Bodies of the library that are measured.
BODIES = 60
#: Joints whose height is measured in the person's box.
IN_BOX = {
    "eyes": (Joint.LEFT_EYE, Joint.RIGHT_EYE),
    "ears": (Joint.LEFT_EAR, Joint.RIGHT_EAR),
    "ankles": (Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE),
}
EYES_OF_EARS = "eyes apart, of the ears"
#: Least distance of a box from the image's border, and of ears from each other, px.
MARGIN_PX, EARS_PX = 1.0, 4.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path, help="COCO keypoint json")
    path = parser.parse_args().labels
    people = _upright(path)
    if not len(people):
        parser.error("labels: expected upright people with visible legs, found none")
    modelled, labelled = _bodies()
    print(f"{len(people)} upright people, {len(modelled)} bodies; shares of the way to the ankles")
    print("| | annotators, mean ± standard error | body model | its labels |\n|---|---|---|---|")
    for name, (joint, origin) in QUANTITIES.items():
        values = _shares(people, joint, origin)
        error = values.std() / np.sqrt(len(values))
        model, label = (_shares(rows, joint, origin).mean() for rows in (modelled, labelled))
        print(f"| {name} | {values.mean():.3f} ± {error:.3f} | {model:.3f} | {label:.3f} |")
    _print_in_box(path)


def _print_in_box(path: Path) -> None:
    """Print the table of eyes, ears and ankles."""
    print("\n| | people | annotators, mean ± standard error | body model | its labels |")
    print("|---|---|---|---|---|")
    modelled, labelled = _bodies_in_box()
    for name, seen in _in_box(path).items():
        model, label = np.mean(modelled[name]), np.mean(labelled[name])
        values = np.array(seen)
        measured = "-"
        if len(values):
            measured = f"{values.mean():.3f} ± {values.std() / np.sqrt(len(values)):.3f}"
        print(f"| {name} | {len(values)} | {measured} | {model:.3f} | {label:.3f} |")


def _shares(heights: Float64Array, joint: int, origin: int) -> Float64Array:
    """Place of a joint on the way from another to the ankles, of (N, 4) heights."""
    way = heights[:, 3] - heights[:, origin]
    return (heights[:, joint] - heights[:, origin]) / way


def _upright(path: Path) -> Float64Array:
    """(N, 4) rows of shoulders, hips, knees and ankles of upright people, downwards, px."""
    rows = [
        np.mean([joints[list(side), 1] for side in SIDES], axis=0)
        for joints, _ in _upright_people(path)
    ]
    return np.array(rows).reshape(-1, 4)


def _upright_people(path: Path) -> Iterator[tuple[Float64Array, Float64Array | None]]:
    """Joints (17, 3) of upright people, with their box (x, y, width, height) if it is whole, px."""
    labels = json.loads(path.read_text(encoding="utf-8"))
    sizes = {image["id"]: (image["width"], image["height"]) for image in labels.get("images", [])}
    for note in labels["annotations"]:
        joints = np.array(note.get("keypoints", []), dtype=np.float64).reshape(-1, 3)
        if len(joints) != len(Joint) or not all(_stands(joints[list(side)]) for side in SIDES):
            continue
        heights = [joints[[side[row] for side in SIDES], 1].mean() for row in (0, 3)]
        if heights[1] - heights[0] >= MIN_PX:
            yield joints, _whole_box(note, sizes.get(note.get("image_id")))


def _whole_box(note: dict[str, Any], size_wh: tuple[int, int] | None) -> Float64Array | None:
    """The box (4,) of one person, unless the image's border cuts it off; None without a box."""
    if "bbox" not in note or note.get("iscrowd", 0):
        return None
    box = np.array(note["bbox"], dtype=np.float64)
    ends = box[:2] + box[2:]
    if size_wh is None or box[:2].min() < MARGIN_PX or (ends > np.array(size_wh) - MARGIN_PX).any():
        return None
    return box


def _in_box(path: Path) -> dict[str, list[float]]:
    """Quantity -> its values over upright people with a whole box."""
    values: dict[str, list[float]] = {name: [] for name in (*IN_BOX, EYES_OF_EARS)}
    for joints, box in _upright_people(path):
        for name, pair in IN_BOX.items():
            if box is not None and (joints[list(pair), 2] == 2).all():
                values[name].append(float((joints[list(pair), 1].mean() - box[1]) / box[3]))
        eyes, ears = (joints[list(IN_BOX[name])] for name in ("eyes", "ears"))
        apart_px = abs(ears[1, 0] - ears[0, 0])
        if (np.concatenate([eyes, ears])[:, 2] == 2).all() and apart_px >= EARS_PX:
            values[EYES_OF_EARS].append(float(abs(eyes[1, 0] - eyes[0, 0]) / apart_px))
    return values


def _stands(side: Float64Array) -> bool:
    """Whether trunk, thigh and shank of one side are visible and nearly vertical."""
    ways = np.diff(side[:, :2], axis=0)
    angles = np.degrees(np.arctan2(np.abs(ways[:, 0]), ways[:, 1]))
    return bool((side[:, 2] == 2).all() and (angles <= UPRIGHT_DEG).all())


def _bodies() -> tuple[Float64Array, Float64Array]:
    """(N, 4) heights of the body model's joints, and of those that are labelled, m."""
    modelled, labelled = [], []
    for shape in library_shapes(BODIES):
        body = bake_body(shape)
        for rows, points in ((modelled, body.keypoints), (labelled, _labelled(body))):
            rows.append(np.mean([points[list(side), 2] for side in SIDES], axis=0))
    return np.array(modelled), np.array(labelled)


def _bodies_in_box() -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Quantity -> its values over the bodies at rest: of their joints, and of their labels."""
    both: list[dict[str, list[float]]] = []
    for labels in (False, True):
        values: dict[str, list[float]] = {name: [] for name in (*IN_BOX, EYES_OF_EARS)}
        for shape in library_shapes(BODIES):
            body = bake_body(shape)
            joints = _labelled(body) if labels else body.keypoints
            top, bottom = body.fine.vertices[:, 2].max(), body.fine.vertices[:, 2].min()
            for name, pair in IN_BOX.items():
                values[name].append(float((top - joints[list(pair), 2].mean()) / (top - bottom)))
            eyes, ears = (np.ptp(joints[list(IN_BOX[name]), 1]) for name in ("eyes", "ears"))
            values[EYES_OF_EARS].append(float(eyes / ears))
        both.append(values)
    return both[0], both[1]


def _labelled(body: Body) -> FloatArray:
    """Labelled joints (17, 3) of a body at rest, m."""
    lowered = body.keypoints.copy()
    for joint, share in DROP_SHARES.items():
        lowered[joint, 2] -= share * body.shape.height_m
    return lowered


if __name__ == "__main__":
    main()
