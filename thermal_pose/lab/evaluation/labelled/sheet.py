# SPDX-License-Identifier: Apache-2.0
"""A sheet of labelled pictures with labels and answers drawn over them, to look at."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.files import write_whole
from thermal_pose.imaging.radiometry import to_mono8
from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers
from thermal_pose.lab.learning.datasets.coco.labels import CocoLabels
from thermal_pose.lab.learning.datasets.coco.pictures import centikelvin, read_picture
from thermal_pose.skeleton import LIMBS
from thermal_pose.types import Float64Array

_TILE_WH: Final = (320, 240)
_COLUMNS: Final = 5
_LABEL, _LEFT, _RIGHT = (255, 255, 255), (80, 220, 80), (60, 120, 255)


def write_overlay_sheet(
    path: Path,
    labels: CocoLabels,
    images: Path,
    answers: LabelledAnswers,
    span_degc: tuple[float, float],
) -> None:
    """Write one tile per picture: labels white, answers green (left) and orange (right).

    Raises
    ------
    StorageError
        The sheet cannot be written.
    """
    tiles = []
    for image_id in dict.fromkeys(answers.images.tolist()):
        image = read_picture(images / labels.pictures[image_id].file_name)
        frame = to_mono8(centikelvin(image, span_degc))
        tile = cv2.cvtColor(cv2.resize(frame, _TILE_WH), cv2.COLOR_GRAY2BGR)
        scale = np.array(_TILE_WH) / frame.shape[::-1]
        for row in np.flatnonzero(answers.images == image_id):
            _draw(tile, answers, row, scale)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _COLUMNS)
    lines = [np.hstack(tiles[k : k + _COLUMNS]) for k in range(0, len(tiles), _COLUMNS)]
    write_whole(path, cv2.imencode(".png", np.vstack(lines))[1].tobytes())


def _draw(
    tile: npt.NDArray[Any],
    answers: LabelledAnswers,
    row: int,
    scale: Float64Array,
) -> None:
    def place(xy: Float64Array) -> tuple[int, int]:
        x, y = np.clip((xy + 0.5) * scale, -1e4, 1e4).astype(int)
        return int(x), int(y)

    seen = answers.visibility[row] > 0
    for a, b in LIMBS:
        if seen[a] and seen[b]:
            ends = place(answers.true_xy[row, a]), place(answers.true_xy[row, b])
            cv2.line(tile, *ends, _LABEL, 1, cv2.LINE_AA)
    for a, b in LIMBS:
        colour = _RIGHT if a % 2 == 0 else _LEFT
        cv2.line(tile, place(answers.xy[row, a]), place(answers.xy[row, b]), colour, 1, cv2.LINE_AA)
    text = f"{answers.oks[row]:.2f}"
    cv2.putText(tile, text, (5, 15 + 15 * (row % 2)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _LABEL, 1)
