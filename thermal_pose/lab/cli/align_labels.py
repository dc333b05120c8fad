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
from pathlib import Path
from typing import Any

from thermal_pose.cli.arguments import add_json, add_out, print_result
from thermal_pose.errors import ConfigError


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
    import numpy as np

    from thermal_pose.lab.learning.students.convention import fit_convention
    from thermal_pose.lab.learning.students.labels import read_annotated
    from thermal_pose.lab.learning.students.predictions import read_predictions, write_predictions
    from thermal_pose.skeleton import JOINT_NAMES

    paths = [args.labels, *args.also]
    if len({path.name for path in paths}) < len(paths):
        raise ConfigError("align-labels: two files have the same name, and --out holds one folder")
    files = {path: read_predictions(path) for path in paths}
    reference = read_annotated(args.reference)
    both = sorted(files[args.labels].keys() & reference.keys())
    joints = np.array([files[args.labels][row] for row in both], np.float64).reshape(-1, 17, 3)
    truth = np.array([reference[row][0] for row in both], np.float64).reshape(-1, 17, 2)
    known = np.array([reference[row][1] > 0 for row in both], bool).reshape(-1, 17)
    convention, agreement = fit_convention(joints, truth, known)
    for path, found in files.items():
        rows = list(found)
        moved = convention.applied(np.array([found[row] for row in rows], np.float64))
        write_predictions(args.out / path.name, dict(zip(rows, moved, strict=True)))
    before, after = (
        float(np.sqrt(np.nanmean(part**2))) for part in (agreement.before, agreement.after)
    )
    table: dict[str, Any] = {
        name: {"before": round(float(b), 4), "after": round(float(a), 4)}
        for name, b, a in zip(JOINT_NAMES, agreement.before, agreement.after, strict=True)
        if np.isfinite(b)
    }
    document = {
        "pictures_with_both": len(both),
        "penalty": convention.penalty if np.isfinite(convention.penalty) else "shift alone",
        "distance_before": before,
        "distance_after": after,
        "joints": table,
        "files": [str(args.out / path.name) for path in files],
    }
    lines = [f"{name}: {each['before']:.3f} -> {each['after']:.3f}" for name, each in table.items()]
    print_result(
        args,
        document,
        "\n".join(
            [
                *lines,
                f"{args.out}: distance to the annotations {before:.3f} -> {after:.3f} of the "
                f"pose's size, on pictures left out ({len(both)} pictures)",
            ]
        ),
    )
    return 0 if after < before else 1
