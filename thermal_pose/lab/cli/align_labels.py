# SPDX-License-Identifier: Apache-2.0
"""Move a pose network's keypoints to where your annotators put them.

Networks learn the habits of their labels: one puts hips at the joint, another at the waist. Where
some pictures have both the network's keypoints and annotations, the difference is learnt, as a
function of the pose, and added to all of the network's keypoints. Pictures without annotations
change alike.

Annotations are COCO json over the pictures of `adapt --pictures`, whose `pictures.json` holds the
data set's own keypoints, if it has any. Exit code 0: the keypoints agree better on pictures left
out; 1: they do not, so keep the old ones.

examples:
  thermal-pose adapt out/pairs --pictures pictures
  thermal-pose align-labels keypoints.json --reference pictures/pictures.json --out aligned
  thermal-pose align-labels keypoints.json --reference annotated.json \\
      --also keypoints-cohort.json --out aligned
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermal_pose.cli.arguments import add_json, add_out, print_result
from thermal_pose.errors import ConfigError

if TYPE_CHECKING:
    from thermal_pose.lab.learning.students.convention import Convention
    from thermal_pose.types import BoolArray, Float64Array, FloatArray, UInt8Array


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("labels", type=Path, help="the network's predictions, COCO json")
    parser.add_argument(
        "--reference",
        type=Path,
        required=True,
        metavar="FILE",
        help="annotations of the same pictures, or of some, COCO json",
    )
    parser.add_argument(
        "--also",
        type=Path,
        nargs="*",
        default=[],
        metavar="FILE",
        help="predictions of other pictures to change alike",
    )
    add_out(parser, "folder for the changed files, under their names", required=True)
    add_json(parser, "the distances by joint")


def start(args: argparse.Namespace) -> int:
    """Fit, change, write."""
    from thermal_pose.lab.learning.students.convention import fit_convention
    from thermal_pose.lab.learning.students.labels import read_annotated
    from thermal_pose.lab.learning.students.predictions import read_predictions

    paths = [args.labels, *args.also]
    if len({path.name for path in paths}) < len(paths):
        raise ConfigError("align-labels: two files have the same name, and --out holds one folder")
    files = {path: read_predictions(path) for path in paths}
    joints, truth, known = _pairs(files[args.labels], read_annotated(args.reference))
    convention, agreement = fit_convention(joints, truth, known)
    for path, found in files.items():
        _write_moved(args.out / path.name, found, convention)
    document = {
        "pictures_with_both": len(joints),
        "penalty": "shift alone" if convention.shift_alone else convention.penalty,
        "distance_before": agreement.distance_before,
        "distance_after": agreement.distance_after,
        "joints": agreement.by_joint(),
        "files": [str(args.out / path.name) for path in paths],
    }
    print_result(args, document, _text(args.out, document))
    return 0 if agreement.distance_after < agreement.distance_before else 1


def _pairs(
    found: Mapping[int, "FloatArray"], reference: Mapping[int, tuple["FloatArray", "UInt8Array"]]
) -> tuple["Float64Array", "Float64Array", "BoolArray"]:
    """Return joints (N, 17, 3), reference (N, 17, 2) and known (N, 17) of pictures with both."""
    import numpy as np

    from thermal_pose.skeleton import N_JOINTS

    both = sorted(found.keys() & reference.keys())
    joints = np.array([found[row] for row in both], np.float64).reshape(-1, N_JOINTS, 3)
    truth = np.array([reference[row][0] for row in both], np.float64).reshape(-1, N_JOINTS, 2)
    known = np.array([reference[row][1] > 0 for row in both], bool).reshape(-1, N_JOINTS)
    return joints, truth, known


def _write_moved(path: Path, found: Mapping[int, "FloatArray"], convention: "Convention") -> None:
    import numpy as np

    from thermal_pose.lab.learning.students.predictions import write_predictions
    from thermal_pose.skeleton import N_JOINTS

    joints = np.array(list(found.values()), np.float64).reshape(-1, N_JOINTS, 3)
    write_predictions(path, dict(zip(found, convention.applied(joints), strict=True)))


def _text(out: Path, document: Mapping[str, Any]) -> str:
    lines = [
        f"{name}: {each['before']:.3f} -> {each['after']:.3f}"
        for name, each in document["joints"].items()
    ]
    lines.append(
        f"{out}: distance to the annotations {document['distance_before']:.3f} -> "
        f"{document['distance_after']:.3f} of the pose's size, on pictures left out "
        f"({document['pictures_with_both']} pictures)"
    )
    return "\n".join(lines)
