# SPDX-License-Identifier: Apache-2.0
"""The thermal frames of a simulated chair-rise trial in one file, to find keypoints in again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.errors import StorageError
from thermal_pose.files import whole_file
from thermal_pose.types import ThermalFrame

#: Folder of the frames, below that of the keypoints.
_FOLDER: Final = "frames"


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


def frames_path(folder: Path, name: str) -> Path:
    """Where the frames of a case are kept, `folder` being that of the keypoints."""
    return folder / _FOLDER / f"{name}.npz"


def write_frames(seen: RiseFrames, path: Path) -> None:
    """Write the frames; an existing file is replaced atomically."""
    meta = {"frame_id": seen.frames[0].frame_id, "conditions": seen.conditions}
    with whole_file(path) as stream:
        np.savez_compressed(
            stream,
            meta=np.array(json.dumps(meta)),
            stamps_ns=np.array([frame.stamp_ns for frame in seen.frames], dtype=np.int64),
            centikelvin=np.stack([frame.centikelvin for frame in seen.frames]),
        )


def read_frames(path: Path) -> RiseFrames:
    """Read the frames.

    Raises
    ------
    StorageError
        If the file is missing or not one of these.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            meta = json.loads(str(archive["meta"]))
            stamps_ns, images = archive["stamps_ns"], archive["centikelvin"]
        frames = tuple(
            ThermalFrame(int(stamp_ns), meta["frame_id"], image)
            for stamp_ns, image in zip(stamps_ns, images, strict=True)
        )
        return RiseFrames(frames, meta["conditions"])
    except (OSError, KeyError, ValueError) as error:
        raise StorageError(f"{path}: not a file of frames: {error}") from error
