# SPDX-License-Identifier: Apache-2.0
"""The thermal frames of a simulated chair-rise trial in one file, to find keypoints in again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermal_pose.lab.learning.tug.frame_store import read_frame_file, write_frame_file
from thermal_pose.types import ThermalFrame


@dataclass(frozen=True)
class RiseFrames:
    """What the camera saw of one trial.

    Attributes
    ----------
    frames : by rising stamp, all of one size.
    conditions : truth and conditions of the recording, as in the keypoint file.
    """

    frames: tuple[ThermalFrame, ...]
    conditions: dict[str, Any]


def write_rise_frames(seen: RiseFrames, path: Path) -> None:
    """Write the frames; an existing file is replaced atomically."""
    write_frame_file(path, seen.frames, {"conditions": seen.conditions})


def read_rise_frames(path: Path) -> RiseFrames:
    """Read the frames.

    Raises
    ------
    StorageError
        If the file is missing or not one of these.
    """
    meta, frames = read_frame_file(path)
    return RiseFrames(frames, meta["conditions"])
