# SPDX-License-Identifier: Apache-2.0
"""Contact sheets of training shards: frames with boxes and joints."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from thermal_pose.errors import StorageError
from thermal_pose.skeleton import LIMBS
from thermal_pose.types import FloatArray, UInt8Array, UInt16Array

_SCALE: Final = 3
_ROWS: Final = 60
#: Range of the colours relative to the median of a frame, K.
_SPAN_K: Final = (-3.0, 12.0)
_SEEN, _HIDDEN, _LIMB = (80, 255, 80), (255, 120, 40), (190, 255, 190)
_PERSON, _NOBODY = (255, 255, 255), (255, 200, 0)


def write_sheet(shard: Path, picture: Path, columns: int = 8, rows: int = 6) -> None:
    """Write an image of evenly spaced frames of a shard.

    Boxes with a person are white, others blue; visible joints are green, occluded ones blue.

    Raises
    ------
    StorageError
        The image cannot be written.
    """
    with np.load(shard) as arrays:
        frames, frame_of = arrays["frames"], arrays["frame_of"]
        boxes, xy = arrays["boxes"], arrays["xy"]
        visibility, person = arrays["visibility"], arrays["person"]
    chosen = np.linspace(0, len(frames) - 1, columns * rows).round().astype(int)
    tiles = []
    for frame in chosen:
        tile = _coloured(frames[frame][:_ROWS])
        for row in np.flatnonzero(frame_of == frame):
            _draw(tile, boxes[row], xy[row], visibility[row], bool(person[row]))
        tiles.append(tile)
    lines = [np.hstack(tiles[row * columns : (row + 1) * columns]) for row in range(rows)]
    if not cv2.imwrite(str(picture), np.vstack(lines)):
        raise StorageError(f"{picture}: cannot be written")


def _coloured(frame: UInt16Array) -> UInt8Array:
    above_k = (frame.astype(np.float32) - np.median(frame)) / 100.0
    low, high = _SPAN_K
    grey = np.clip((above_k - low) / (high - low) * 255.0, 0, 255).astype(np.uint8)
    large = cv2.resize(grey, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.applyColorMap(large, cv2.COLORMAP_INFERNO), dtype=np.uint8)


def _draw(
    tile: UInt8Array,
    box: FloatArray,
    xy: FloatArray,
    visibility: UInt8Array,
    person: bool,
) -> None:
    corners = [int((value + 0.5) * _SCALE) for value in box]
    cv2.rectangle(tile, corners[:2], corners[2:], _PERSON if person else _NOBODY, 1)
    if not person:
        return
    places = [(int((x + 0.5) * _SCALE), int((y + 0.5) * _SCALE)) for x, y in xy]
    for a, b in LIMBS:
        if visibility[a] and visibility[b]:
            cv2.line(tile, places[a], places[b], _LIMB, 1)
    for place, seen in zip(places, visibility, strict=True):
        if seen:
            cv2.circle(tile, place, 2, _SEEN if seen == 2 else _HIDDEN, -1)
