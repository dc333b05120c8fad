# SPDX-License-Identifier: Apache-2.0
"""The data set that training reads: one row per person and frame, in shards on disk.

A shard is one `.npz` (one recording, or one piece of a stream), written whole or not at all,
so that building resumes where it was interrupted and needs one recording's memory at a time.
"""

import dataclasses
import hashlib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thermal_pose.errors import TrainingError
from thermal_pose.files import whole_file
from thermal_pose.lab.learning.mapped import chosen_frames, temporary_array
from thermal_pose.lab.learning.rgb_patches import (
    PATCH_BYTES,
    PatchesOnDisk,
    chosen,
    decode_patches,
)
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import (
    NS_PER_S,
    BoolArray,
    FloatArray,
    Int32Array,
    Int64Array,
    UInt8Array,
    UInt16Array,
)

#: Pictures together larger than this stay on disk while a network learns from them.
MAPPED_FROM_BYTES: Final = 1 << 30
_AT_ONCE: Final = 4096

_PER_FRAME: Final = ("frames", "frame_rows")
_NAMES: Final = ("subjects", "trials")


@dataclass(frozen=True)
class PoseData:
    """People in thermal frames. Legend: F frames, N rows (a person in a frame).

    Attributes
    ----------
    frames : (F, H, W) uint16 centikelvin; smaller frames are padded below and to the right; in
        memory or mapped from disk (`load_folders`).
    frame_rows : (F,) real rows of each frame.
    frame_of : (N,) index of each row's frame.
    boxes : (N, 4) xyxy px, the box that the crop is cut around.
    xy, visibility, area_px : (N, 17, 2) px, (N, 17) COCO 0..2, (N,) px^2: the exact truth.
    person : (N,) bool; False: a crop that holds nobody.
    subject, trial : (N,) index into `subjects`, `trials`.
    stamp_ns, phase, distance_m, heading_deg : (N,) what results are broken down by; heading
        is the pelvis' direction against the line of sight, 0 facing the camera; NaN unknown.
    asynchronous : (N,) bool; the pictures of the pair are not of one moment.
    patches : N JPEG-coded RGB patches, or empty; in memory or on disk as the frames are.
    patch_affine : (N, 2, 3) frame pixels to patch pixels.
    found : the keypoints are what a network found, so v = 0 says only that it found none.
    """

    frames: UInt16Array
    frame_rows: npt.NDArray[np.int16]
    frame_of: Int32Array
    boxes: FloatArray
    xy: FloatArray
    visibility: UInt8Array
    area_px: FloatArray
    person: BoolArray
    subject: Int32Array
    trial: Int32Array
    stamp_ns: Int64Array
    phase: UInt8Array
    distance_m: FloatArray
    heading_deg: FloatArray
    asynchronous: BoolArray
    patch_affine: FloatArray
    patches: Sequence[bytes] = ()
    subjects: tuple[str, ...] = ("",)
    trials: tuple[str, ...] = ("",)
    found: bool = False

    def __post_init__(self) -> None:
        n = len(self.frame_of)
        for name in _row_arrays():
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name}: expected {n} rows, got {len(getattr(self, name))}")
        if self.xy.shape[1:] != (N_JOINTS, 2):
            raise ValueError(f"xy: expected (N, {N_JOINTS}, 2), got {self.xy.shape}")
        if self.patches and len(self.patches) != n:
            raise ValueError(f"patches: expected {n} or none, got {len(self.patches)}")

    def __len__(self) -> int:
        return len(self.frame_of)

    @property
    def simulated(self) -> bool:
        """Whether any row is from a simulation: nothing else knows where a pelvis points."""
        return bool(np.isfinite(self.heading_deg).any())

    @property
    def unlabelled(self) -> BoolArray:
        """(N, 17) joints of which nothing is known: v = 0 of real people or of found keypoints.

        A simulation knows where every joint is, and v = 0 says that the camera cannot see it.
        """
        labelled = self.person & (self.found | ~np.isfinite(self.heading_deg))
        return np.asarray((self.visibility == 0) & labelled[:, None])

    def select(self, rows: npt.NDArray[Any]) -> "PoseData":
        """Return the chosen rows (indices or mask) with only the frames that they need.

        What is mapped from disk and still large stays there.
        """
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        used, frame_of = np.unique(self.frame_of[index], return_inverse=True)
        rows_of = {name: getattr(self, name)[index] for name in _row_arrays()}
        rows_of["frame_of"] = frame_of.astype(np.int32)
        return dataclasses.replace(
            self,
            frames=chosen_frames(self.frames, used, MAPPED_FROM_BYTES),
            frame_rows=self.frame_rows[used],
            patches=chosen(self.patches, index) if self.patches else (),
            **rows_of,
        )

    @property
    def rgb_fits(self) -> bool:
        """Whether all RGB patches, decoded, fit into memory."""
        return len(self) * PATCH_BYTES <= MAPPED_FROM_BYTES

    def rgb(self, rows: Sequence[int] | None = None) -> UInt8Array:
        """Decode the patches of some rows, or all: (N, 320, 240, 3) uint8 RGB.

        Raises
        ------
        TrainingError
            The data set was built without RGB, or a patch is damaged.
        """
        return decode_patches(self.patches, range(len(self)) if rows is None else rows)

    def fingerprint(self) -> str:
        """Return 16 hex digits that change with any frame, label or name."""
        digest = hashlib.sha256()
        for name in (*_PER_FRAME, *_row_arrays()):
            values = getattr(self, name)
            for start in range(0, len(values), _AT_ONCE):
                digest.update(np.ascontiguousarray(values[start : start + _AT_ONCE]).data)
        digest.update(repr((self.subjects, self.trials)).encode())
        if self.found:
            digest.update(b"found")
        for coded in self.patches:
            digest.update(coded)
        return digest.hexdigest()[:16]


def earlier_frames(data: PoseData, count: int, longest_gap_s: float = 0.3) -> Int64Array:
    """Return, of each frame, the indices of the `count` frames before it in its recording.

    Parameters
    ----------
    longest_gap_s : two frames further apart do not follow on each other.

    Returns
    -------
    (F, count), the nearest first. A frame without one before it stands in for it.
    """
    frames, rows = np.unique(data.frame_of, return_index=True)
    order = np.lexsort((data.stamp_ns[rows], data.trial[rows]))
    frames, rows = frames[order], rows[order]
    follows = np.diff(data.trial[rows]) == 0
    follows &= np.diff(data.stamp_ns[rows]) <= longest_gap_s * NS_PER_S
    before = np.arange(len(data.frames))
    before[frames[1:][follows]] = frames[:-1][follows]
    found = np.empty((len(before), count), np.int64)
    last = np.arange(len(before))
    for back in range(count):
        last = before[last]
        found[:, back] = last
    return found


def _row_arrays() -> tuple[str, ...]:
    skipped = (*_PER_FRAME, *_NAMES, "patches", "found")
    return tuple(f.name for f in dataclasses.fields(PoseData) if f.name not in skipped)


def save_shard(data: PoseData, path: Path) -> None:
    """Write one shard atomically.

    Raises
    ------
    StorageError
        The disk is full or read-only; no half-written shard is left behind.
    """
    arrays = {name: getattr(data, name) for name in (*_PER_FRAME, *_row_arrays())}
    if data.found:
        arrays["found"] = np.array(True)
    lengths = np.array([len(coded) for coded in data.patches], dtype=np.int64)
    with whole_file(path) as stream:
        np.savez(
            stream,
            **arrays,
            subjects=np.array(data.subjects),
            trials=np.array(data.trials),
            patch_bytes=np.frombuffer(b"".join(data.patches), dtype=np.uint8),
            patch_lengths=lengths,
        )


def load_shard(path: Path) -> PoseData:
    """Read one shard.

    Raises
    ------
    TrainingError
        Not a shard of this package, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays: dict[str, Any] = {name: content[name] for name in (*_PER_FRAME, *_row_arrays())}
            ends = np.cumsum(content["patch_lengths"])
            coded = content["patch_bytes"].tobytes()
            arrays |= {name: tuple(str(text) for text in content[name]) for name in _NAMES}
            arrays["found"] = "found" in content
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: not a data set shard: {error}") from error
    bounds = [0, *ends.tolist()]
    patches = tuple(coded[a:b] for a, b in pairwise(bounds))
    return PoseData(**arrays, patches=patches)


def load_folder(folder: Path) -> PoseData:
    """Read all shards of a folder, in the order of their names.

    Raises
    ------
    TrainingError
        No shard there, or one is damaged.
    """
    return concatenate([load_shard(path) for path in _shards(folder)])


def concatenate(parts: Sequence[PoseData]) -> PoseData:
    """Join data sets; subjects and trials of equal name become one."""
    if not parts:
        raise ValueError("parts: expected at least one data set, got none")
    hw = (max(p.frames.shape[1] for p in parts), max(p.frames.shape[2] for p in parts))
    return _joined(parts, np.concatenate([_padded(part.frames, hw) for part in parts]))


def load_folders(folders: Sequence[Path], mapped_from_bytes: int = MAPPED_FROM_BYTES) -> PoseData:
    """Read all shards of several folders; large data sets stay on disk.

    Frames and coded RGB patches that together exceed `mapped_from_bytes` are written once to
    unnamed temporary files (`$TMPDIR` says where) and mapped from them, one shard's memory at a
    time. Everything else of a row is small and lies in memory.

    Raises
    ------
    TrainingError
        A folder without shards, or a damaged shard.
    StorageError
        There is no room for the temporary files.
    """
    paths = [path for folder in folders for path in _shards(folder)]
    shapes = [_shape(path, "frames", 3) for path in paths]
    count = sum(shape[0] for shape in shapes)
    hw = (max(shape[1] for shape in shapes), max(shape[2] for shape in shapes))
    coded = sum(_shape(path, "patch_bytes", 1)[0] for path in paths)
    if 2 * count * hw[0] * hw[1] + coded <= mapped_from_bytes:
        return concatenate([load_shard(path) for path in paths])
    return _mapped(paths, (count, *hw), coded)


def _mapped(paths: Sequence[Path], shape: tuple[int, int, int], coded: int) -> PoseData:
    """Write the pictures of all shards to files, and join the rest."""
    frames, patches = temporary_array(shape, np.uint16), temporary_array((coded,), np.uint8)
    parts: list[PoseData] = []
    ends: list[Int64Array] = [np.zeros(0, np.int64)]
    first = written = 0
    for path in paths:
        part = load_shard(path)
        frames[first : first + len(part.frames)] = _padded(part.frames, shape[1:])
        ends.append(written + np.cumsum([len(patch) for patch in part.patches], dtype=np.int64))
        for patch in part.patches:
            patches[written : written + len(patch)] = np.frombuffer(patch, np.uint8)
            written += len(patch)
        first += len(part.frames)
        # The shard's own pictures are let go: only their number matters from here on.
        hollow = np.broadcast_to(np.uint16(0), part.frames.shape)
        parts.append(dataclasses.replace(part, frames=hollow, patches=[b""] * len(part.patches)))
    frames.flush()
    joined = _joined(parts, frames)
    if not joined.patches:
        return joined
    each = np.concatenate(ends)
    on_disk = PatchesOnDisk(patches, np.append(0, each[:-1]), each)
    return dataclasses.replace(joined, patches=on_disk)


def _shards(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise TrainingError(f"{folder}: holds no data set (no .npz shard)")
    return paths


def _shape(path: Path, name: str, dimensions: int) -> tuple[int, ...]:
    """Read the shape of one of a shard's arrays from its header alone."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
            np.lib.format.read_magic(member)  # type: ignore[no-untyped-call]
            shape = np.lib.format.read_array_header_1_0(member)[0]  # type: ignore[no-untyped-call]
        if len(shape) != dimensions:
            raise ValueError(f"{name}: expected {dimensions} dimensions, got {len(shape)}")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: not a data set shard: {error}") from error
    return tuple(int(size) for size in shape)


def _joined(parts: Sequence[PoseData], frames: UInt16Array) -> PoseData:
    """Join everything but the frames, which are those of all parts in order."""
    subjects = _names(part.subjects for part in parts)
    trials = _names(part.trials for part in parts)
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _row_arrays()
    }
    offsets = np.cumsum([0, *(len(part.frames) for part in parts)])
    joined["frame_of"] = np.concatenate(
        [part.frame_of + offset for part, offset in zip(parts, offsets, strict=False)]
    ).astype(np.int32)
    joined["subject"] = np.concatenate([_recode(p.subject, p.subjects, subjects) for p in parts])
    joined["trial"] = np.concatenate([_recode(p.trial, p.trials, trials) for p in parts])
    with_rgb = all(part.patches for part in parts)
    return PoseData(
        frames=frames,
        frame_rows=np.concatenate([part.frame_rows for part in parts]),
        patches=tuple(coded for part in parts for coded in part.patches) if with_rgb else (),
        found=any(part.found for part in parts),
        subjects=subjects,
        trials=trials,
        **joined,
    )


def _padded(frames: UInt16Array, hw: tuple[int, int]) -> UInt16Array:
    """Repeat the last row and column: what a crop beyond the border shows anyway."""
    below, beside = hw[0] - frames.shape[1], hw[1] - frames.shape[2]
    if not below and not beside:
        return frames
    return np.pad(frames, ((0, 0), (0, below), (0, beside)), mode="edge")


def _names(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _recode(codes: Int32Array, old: tuple[str, ...], new: tuple[str, ...]) -> Int32Array:
    table = np.array([new.index(name) for name in old], dtype=np.int32)
    return np.asarray(table[codes], dtype=np.int32)
