# SPDX-License-Identifier: Apache-2.0
"""Frames and boxes for training the detector, from the same shards as the pose networks.

A frame with no person in any row is an empty room; the detector must find nothing in it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.errors import TrainingError
from thermal_pose.imaging.radiometry import relative_k
from thermal_pose.types import FloatArray, UInt16Array

INPUT_WH: Final = (80, 64)
#: Of one frame; the arrays are padded to it.
MAX_BOXES: Final = 10
_SMALLEST_PX: Final = 2.0


@dataclass(frozen=True)
class DetectorData:
    """Legend: F frames, M = `MAX_BOXES`.

    Attributes
    ----------
    frames : (F, 64, 80) float16, kelvin above the frame's median; rows below the camera's 60
        or 62 repeat the last one.
    rows : (F,) real rows.
    boxes : (F, M, 4) float32 xyxy px of visible silhouettes, zero where there is none.
    simulated : whether no frame shows a real person.
    """

    frames: npt.NDArray[np.float16]
    rows: npt.NDArray[np.int16]
    boxes: FloatArray
    simulated: bool = True

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.frames), MAX_BOXES, 4):
            raise ValueError(
                f"boxes: expected ({len(self.frames)}, {MAX_BOXES}, 4), got {self.boxes.shape}"
            )

    def __len__(self) -> int:
        return len(self.frames)

    def fingerprint(self) -> str:
        """Return 16 hex digits that change with any frame or box."""
        digest = hashlib.sha256()
        for values in (self.frames, self.rows, self.boxes):
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()[:16]


def load_detector_data(*folders: Path) -> DetectorData:
    """Read all shards of the folders, in the order of their names.

    Raises
    ------
    TrainingError
        The folder has no shard, or one is damaged.
    """
    paths = []
    for folder in folders:
        found = sorted(folder.rglob("*.npz"))
        if not found:
            raise TrainingError(f"{folder}: no shard (*.npz)")
        paths.extend(found)
    parts = [_load_shard(path) for path in paths]
    return DetectorData(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        all(part.simulated for part in parts),
    )


def thinned(data: DetectorData, max_frames: int | None) -> DetectorData:
    """Return at most `max_frames` frames, evenly spaced; None: all."""
    if max_frames is None or len(data) <= max_frames:
        return data
    chosen = np.linspace(0, len(data) - 1, max_frames).round().astype(np.int64)
    return DetectorData(data.frames[chosen], data.rows[chosen], data.boxes[chosen], data.simulated)


def _load_shard(path: Path) -> DetectorData:
    try:
        with np.load(path, allow_pickle=False) as shard:
            frames, rows = shard["frames"], shard["frame_rows"]
            person = shard["person"].astype(bool)
            frame_of, boxes = shard["frame_of"][person], shard["boxes"][person]
            # Only a simulation knows the direction of a pelvis.
            real = np.isnan(shard["heading_deg"][person]) if "heading_deg" in shard else False
    except (OSError, KeyError, ValueError) as error:
        raise TrainingError(f"{path}: not a shard of frames and boxes: {error}") from error
    return DetectorData(
        _prepared(frames, rows),
        rows.astype(np.int16),
        _grouped(len(frames), frame_of, boxes, rows),
        not np.any(real),
    )


def _prepared(frames: UInt16Array, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.float16]:
    """Return kelvin above each frame's median, padded to the network's input."""
    width, height = INPUT_WH
    out = np.empty((len(frames), height, width), dtype=np.float16)
    for index, (frame, real) in enumerate(zip(frames, rows, strict=True)):
        values = relative_k(np.ascontiguousarray(frame[: int(real)]))
        out[index] = np.pad(values, ((0, height - int(real)), (0, 0)), mode="edge")
    return out


def _grouped(
    n_frames: int,
    frame_of: npt.NDArray[np.integer],
    boxes: FloatArray,
    rows: npt.NDArray[np.integer],
) -> FloatArray:
    """Return (F, M, 4): the boxes of each frame, clipped to the picture."""
    grouped = np.zeros((n_frames, MAX_BOXES, 4), dtype=np.float32)
    count = np.zeros(n_frames, dtype=np.int64)
    for frame, box in zip(frame_of, boxes, strict=True):
        limit = np.array([INPUT_WH[0], rows[frame]] * 2, dtype=np.float32) - 0.5
        inside = np.clip(box, -0.5, limit)
        if (inside[2:] - inside[:2]).min() >= _SMALLEST_PX and count[frame] < MAX_BOXES:
            grouped[frame, count[frame]] = inside
            count[frame] += 1
    return grouped
