# SPDX-License-Identifier: Apache-2.0
"""The seed paper's Fig. 1: thermal frames as they are, and with the joints found in them."""

import zipfile
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.errors import TrainingError
from thermal_pose.imaging.draw import DrawSettings, draw_overlay
from thermal_pose.types import PersonBox, PersonKeypoints

_SETTINGS: Final = DrawSettings(scale=5, colormap="gray", min_joint_score=0.0, boxes=False)
_GAP_PX: Final = 6
_WHITE: Final = 255


def draw_frames(predictions: Path, path: Path, count: int = 5) -> Path:
    """Draw some evenly spaced frames of a row of results as PNG: (a) above, (b) below.

    Parameters
    ----------
    predictions : `.npz` that `thermal-pose loso` wrote beside its results, of left-out subjects.
    count : frames drawn, at most.

    Raises
    ------
    TrainingError
        The file is missing or not of that command.
    """
    frames, joints, peaks, boxes = _shown(predictions)
    chosen = np.linspace(0, len(frames) - 1, min(count, len(frames))).astype(int)
    columns = []
    for index in chosen:
        left, top, right, bottom = boxes[index].tolist()
        box = PersonBox((left, top, right, bottom), 1.0)
        found = PersonKeypoints(0, box, joints[index], np.clip(peaks[index], 0, 1))
        plain, drawn = (draw_overlay(frames[index], who, _SETTINGS) for who in ([], [found]))
        gap = np.full((_GAP_PX, plain.shape[1], 3), _WHITE, np.uint8)
        columns.append(np.vstack([plain, gap, drawn]))
        columns.append(np.full((len(columns[-1]), _GAP_PX, 3), _WHITE, np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.hstack(columns[:-1]))
    return path


def _shown(path: Path) -> tuple[npt.NDArray[Any], ...]:
    try:
        with np.load(path, allow_pickle=False) as content:
            shown = content["shown"]
            joints, peaks = content["xy"][shown], content["peaks"][shown]
            return content["shown_frames"], joints, peaks, content["shown_boxes"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: no predictions of `thermal-pose loso`: {error}") from error
