# SPDX-License-Identifier: Apache-2.0
"""Reads and writes what a pose network found in pictures: a list of COCO predictions."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.errors import TrainingError
from thermal_pose.files import write_whole
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import Float64Array, FloatArray

#: Joints count as found from this confidence on.
LEAST_CONFIDENCE: Final = 0.3


def read_predictions(path: Path) -> dict[int, FloatArray]:
    """Return `best_predictions` of a file.

    Raises
    ------
    TrainingError
        The file is not a list of predictions.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: not COCO keypoint json: {error}") from error
    if not isinstance(entries, list):
        raise TrainingError(
            f"{path}: expected a list of predictions with image_id and keypoints, got a "
            f"{type(entries).__name__} (annotations?)"
        )
    return best_predictions(path, entries)


def best_predictions(path: Path, entries: list[Any]) -> dict[int, FloatArray]:
    """Return the joints (17, 3: x, y, confidence) of the best scored person of each picture.

    Parameters
    ----------
    path : named in errors.
    entries : COCO predictions.

    Raises
    ------
    TrainingError
        An entry is not a prediction.
    """
    best: dict[int, tuple[float, FloatArray]] = {}
    for number, entry in enumerate(entries, 1):
        try:
            row, score = int(entry["image_id"]), float(entry.get("score", 1.0))
            joints = np.array(entry["keypoints"], np.float32).reshape(N_JOINTS, 3)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise TrainingError(
                f"{path}: prediction number {number}: expected image_id and keypoints of "
                f"{N_JOINTS} joints (x, y, confidence): {error}"
            ) from error
        if not np.isfinite(joints).all():
            raise TrainingError(f"{path}: prediction number {number}: expected finite numbers")
        if row not in best or score > best[row][0]:
            best[row] = score, joints
    return {row: joints for row, (_, joints) in best.items()}


def write_predictions(path: Path, found: Mapping[int, Float64Array]) -> None:
    """Write joints (17, 3) by picture as a list of predictions; StorageError if that fails."""
    entries = [
        {"image_id": row, "keypoints": [round(float(value), 3) for value in joints.ravel()]}
        for row, joints in found.items()
    ]
    write_whole(path, json.dumps(entries) + "\n")
