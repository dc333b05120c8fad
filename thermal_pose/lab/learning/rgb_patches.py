# SPDX-License-Identifier: Apache-2.0
"""The RGB patch of a person: its size, its coding, and many of them in a file."""

from collections.abc import Iterator, Sequence
from typing import Final, overload

import cv2
import numpy as np

from thermal_pose.errors import TrainingError
from thermal_pose.types import Int64Array, UInt8Array

#: RGB patches are cut 1.2 times larger than the crop, so that boxes can be jittered within.
PATCH_WH: Final = (240, 320)
PATCH_MARGIN: Final = 1.25
PATCH_BYTES: Final = 3 * PATCH_WH[0] * PATCH_WH[1]
_JPEG_QUALITY: Final = 92


def encode_patch(rgb: UInt8Array) -> bytes:
    """Code one (320, 240, 3) RGB patch as JPEG."""
    if rgb.shape != (PATCH_WH[1], PATCH_WH[0], 3):
        raise ValueError(f"rgb: expected {(PATCH_WH[1], PATCH_WH[0], 3)}, got {rgb.shape}")
    done, coded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise TrainingError("an RGB patch could not be coded as JPEG")
    return coded.tobytes()


def decode_patches(patches: Sequence[bytes], rows: Sequence[int]) -> UInt8Array:
    """Decode the patches of the chosen rows: (len(rows), 320, 240, 3) uint8 RGB.

    Raises
    ------
    TrainingError
        The data set was built without RGB, or a patch is damaged.
    """
    if not patches:
        raise TrainingError("the data set has no RGB pictures: rebuild it from bags with RGB")
    out = np.empty((len(rows), PATCH_WH[1], PATCH_WH[0], 3), dtype=np.uint8)
    for place, row in enumerate(rows):
        picture = cv2.imdecode(np.frombuffer(patches[row], np.uint8), cv2.IMREAD_COLOR)
        if picture is None or picture.shape != out.shape[1:]:
            raise TrainingError(f"RGB patch {row} of the data set is damaged")
        out[place] = picture[..., ::-1]
    return out


class PatchesOnDisk(Sequence[bytes]):
    """Coded patches that are read from a file when they are asked for.

    Parameters
    ----------
    stored : (B,) uint8, all patches one after another, mapped from the file.
    starts, ends : (N,) where each patch begins and ends.
    """

    def __init__(self, stored: UInt8Array, starts: Int64Array, ends: Int64Array) -> None:
        self._stored, self._starts, self._ends = stored, starts, ends

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> "PatchesOnDisk": ...
    def __getitem__(self, row: int | slice) -> "bytes | PatchesOnDisk":
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        return self._stored[self._starts[row] : self._ends[row]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: Int64Array) -> "PatchesOnDisk":
        """Return the chosen patches, which stay in the file."""
        return PatchesOnDisk(self._stored, self._starts[rows], self._ends[rows])


def chosen(patches: Sequence[bytes], rows: Int64Array) -> Sequence[bytes]:
    """Return the patches of the chosen rows, in memory or in the file as before."""
    if isinstance(patches, PatchesOnDisk):
        return patches.take(rows)
    return tuple(patches[row] for row in rows)
