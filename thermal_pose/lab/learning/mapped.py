# SPDX-License-Identifier: Apache-2.0
"""Arrays in temporary files, for training sets that are larger than memory."""

import os
import tempfile
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thermal_pose.errors import StorageError
from thermal_pose.types import Int64Array, UInt16Array

_AT_ONCE: Final = 4096


def temporary_array(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Any:
    """Return an array in an unnamed file that is deleted with it; in memory if it is empty.

    Raises
    ------
    StorageError
        The folder for temporary files is full or read-only.
    """
    if 0 in shape:
        return np.zeros(shape, dtype)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    try:
        with tempfile.TemporaryFile(prefix="thermal-pose-pictures-") as file:
            # Reserved now: a mapped file that finds the disk full later kills the process.
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise StorageError(
            f"{tempfile.gettempdir()}: no room for {size / 1e9:.1f} GB of training pictures "
            f"({error}); set TMPDIR to a folder with more space"
        ) from error


def chosen_frames(frames: UInt16Array, used: Int64Array, from_bytes: int) -> UInt16Array:
    """Return some frames; from `from_bytes` on, frames on disk are copied on disk in pieces."""
    if not isinstance(frames, np.memmap) or frames[:1].nbytes * len(used) <= from_bytes:
        return np.asarray(frames[used])
    kept: UInt16Array = temporary_array((len(used), *frames.shape[1:]), np.uint16)
    for start in range(0, len(used), _AT_ONCE):
        kept[start : start + _AT_ONCE] = frames[used[start : start + _AT_ONCE]]
    return kept
