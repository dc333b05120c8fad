# SPDX-License-Identifier: Apache-2.0
"""Where annotators put hips and knees between shoulders and ankles, beside the body model.

    bash scripts/with_venv.sh python scripts/annotation_shares.py person_keypoints_val2017.json

Takes any COCO keypoint file, and uses people who stand upright with straight legs and whose
shoulders, hips, knees and ankles are visible. The last two columns are the body model's own joints
and those that `simulation/people/annotation.py` labels, in its library of bodies at rest.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from thermal_pose.lab.simulation.people.annotation import DROP_SHARES
from thermal_pose.lab.simulation.people.bake import bake_body, library_shapes
from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array

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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path, help="COCO keypoint json")
    people = _upright(parser.parse_args().labels)
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


def _shares(heights: Float64Array, joint: int, origin: int) -> Float64Array:
    """Place of a joint on the way from another to the ankles, of (N, 4) heights."""
    way = heights[:, 3] - heights[:, origin]
    return (heights[:, joint] - heights[:, origin]) / way


def _upright(path: Path) -> Float64Array:
    """(N, 4) rows of shoulders, hips, knees and ankles of upright people, downwards, px."""
    rows = []
    for note in json.loads(path.read_text(encoding="utf-8"))["annotations"]:
        joints = np.array(note.get("keypoints", []), dtype=np.float64).reshape(-1, 3)
        if len(joints) == len(Joint) and all(_stands(joints[list(side)]) for side in SIDES):
            rows.append(np.mean([joints[list(side), 1] for side in SIDES], axis=0))
    upright = np.array(rows).reshape(-1, 4)
    return upright[upright[:, 3] - upright[:, 0] >= MIN_PX]


def _stands(side: Float64Array) -> bool:
    """Whether trunk, thigh and shank of one side are visible and nearly vertical."""
    ways = np.diff(side[:, :2], axis=0)
    angles = np.degrees(np.arctan2(np.abs(ways[:, 0]), ways[:, 1]))
    return bool((side[:, 2] == 2).all() and (angles <= UPRIGHT_DEG).all())


def _bodies() -> tuple[Float64Array, Float64Array]:
    """(N, 4) heights of the body model's joints, and of those that are labelled, m."""
    modelled, labelled = [], []
    for shape in library_shapes(60):
        joints = bake_body(shape).keypoints.astype(np.float64)
        lowered = joints.copy()
        for joint, share in DROP_SHARES.items():
            lowered[joint, 2] -= share * shape.height_m
        for rows, points in ((modelled, joints), (labelled, lowered)):
            rows.append(np.mean([points[list(side), 2] for side in SIDES], axis=0))
    return np.array(modelled), np.array(labelled)


if __name__ == "__main__":
    main()
