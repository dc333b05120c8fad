# SPDX-License-Identifier: Apache-2.0
"""The segmentation network's input: the subject's joints on an even grid of 1/8 s cells.

Legend: T cells, 17 joints, F features. A cell holds the score-weighted mean of the frames that
fall into it and how far from its centre their mean time lies, so that irregular stamps, lost
frames and other frame rates all come to the network in one form; an empty cell is interpolated
and says so.
"""

from dataclasses import dataclass, replace

import numpy as np

from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.skeleton import MIRROR, N_JOINTS, Joint
from thermal_pose.types import BoolArray, Float64Array

#: Width of a cell, s.
CELL_S = 0.125
#: Pixels are scaled to an image this wide.
REFERENCE_WIDTH_PX = 80.0
#: Longest trial the network is run on, cells.
MAX_CELLS = 8 * 240

_N_EXTRA = 19
N_FEATURES = 3 * N_JOINTS + _N_EXTRA


@dataclass(frozen=True)
class CellGrid:
    """The subject's joints in cells.

    Attributes
    ----------
    xy : (T, 17, 2) px at reference width; interpolated where `scores` is 0.
    scores : (T, 17) mean score of the frames in the cell, 0 if it has none.
    offsets : (T,) mean time of the cell's frames from its centre, in cells (-0.5 to 0.5).
    observed : (T,) share of the cell's frames with the subject; 0 without frames.
    start_s : left edge of the first cell, s since the first frame.
    """

    xy: Float64Array
    scores: Float64Array
    offsets: Float64Array
    observed: Float64Array
    start_s: float

    @property
    def n_cells(self) -> int:
        """T."""
        return len(self.offsets)


def cell_grid(
    times_s: Float64Array,
    xy: Float64Array,
    scores: Float64Array,
    image_wh: tuple[int, int],
    shift: float = 0.5,
) -> CellGrid:
    """Put frames into cells.

    Parameters
    ----------
    times_s : (N,) rising, s since the first frame; N >= 1.
    xy : (N, 17, 2) px, NaN where unknown; scores : (N, 17).
    shift : where the first frame falls in its cell, 0..1 (training varies it).

    Raises
    ------
    ValueError
        If there is no frame.
    """
    if len(times_s) == 0:
        raise ValueError("times_s: expected at least one frame, got none")
    start_s = float(times_s[0]) - shift * CELL_S
    position = (times_s - start_s) / CELL_S
    cells = np.minimum(position.astype(np.int64), MAX_CELLS - 1)
    n_cells = int(cells[-1]) + 1
    known = np.isfinite(xy[..., 0] + xy[..., 1])
    weights = np.where(known, scores, 0.0)
    scaled = (np.nan_to_num(xy) - _centre_px(image_wh)) * (REFERENCE_WIDTH_PX / image_wh[0])
    mass, frames, seen, offset = (
        np.zeros((n_cells, *shape)) for shape in ((N_JOINTS,), (), (), ())
    )
    total = np.zeros((n_cells, N_JOINTS, 2))
    np.add.at(mass, cells, weights)
    np.add.at(total, cells, weights[..., None] * scaled)
    np.add.at(frames, cells, 1.0)
    np.add.at(seen, cells, known.any(axis=1).astype(np.float64))
    np.add.at(offset, cells, position - cells - 0.5)
    count = np.maximum(frames, 1.0)
    place = total / np.maximum(mass, 1e-9)[..., None]
    return CellGrid(
        _fill(place, mass > 0), mass / count[:, None], offset / count, seen / count, start_s
    )


def track_grid(track: SubjectTrack, image_wh: tuple[int, int]) -> CellGrid:
    """Put a subject's track into cells (see `cell_grid`)."""
    return cell_grid(track.stamps_s, track.xy, track.scores, image_wh)


def mirrored_grid(grid: CellGrid) -> CellGrid:
    """Return what a mirrored camera would have seen: left is right."""
    return replace(
        grid, xy=grid.xy[:, MIRROR] * np.array([-1.0, 1.0]), scores=grid.scores[:, MIRROR]
    )


def _centre_px(image_wh: tuple[int, int]) -> Float64Array:
    return (np.array(image_wh, dtype=np.float64) - 1.0) / 2.0


def _fill(place: Float64Array, known: BoolArray) -> Float64Array:
    """Interpolate each joint linearly over the cells where it is unknown."""
    cells = np.arange(len(place), dtype=np.float64)
    filled = np.zeros_like(place)
    for joint in range(N_JOINTS):
        rows = np.flatnonzero(known[:, joint])
        if rows.size:
            for axis in (0, 1):
                filled[:, joint, axis] = np.interp(cells, cells[rows], place[rows, joint, axis])
    return filled


def grid_features(grid: CellGrid) -> Float64Array:
    """(T, F) network input from the joints in cells.

    Joints relative to the hips, their scores, the hips' place in the image; then ratios that
    do not depend on distance, which a network of sums and products is slow to find by itself.
    """
    xy = grid.xy
    hips = (xy[:, Joint.LEFT_HIP] + xy[:, Joint.RIGHT_HIP]) / 2
    relative = np.clip((xy - hips[:, None]) / 10.0, -5.0, 5.0)
    middle = {
        name: (relative[:, left] + relative[:, left + 1]) / 2
        for name, left in (("ear", 3), ("shoulder", 5), ("knee", 13), ("ankle", 15))
    }
    trunk = np.hypot(*middle["shoulder"].T)
    shank = np.abs(middle["ankle"][:, 1] - middle["knee"][:, 1])
    size = _local_size(trunk + shank)
    reference = float(np.median(size))
    extra = [
        hips[:, 0] / 40.0,
        hips[:, 1] / 30.0,
        np.log(size),
        np.log(size / reference),
        trunk / size,
        middle["shoulder"][:, 0] / size,
        middle["knee"][:, 1] / size,
        middle["ankle"][:, 1] / size,
        (relative[:, Joint.LEFT_SHOULDER, 0] - relative[:, Joint.RIGHT_SHOULDER, 0]) / size,
        (relative[:, Joint.LEFT_HIP, 0] - relative[:, Joint.RIGHT_HIP, 0]) / size,
        (relative[:, Joint.LEFT_ANKLE, 1] - relative[:, Joint.RIGHT_ANKLE, 1]) / size,
        (relative[:, Joint.NOSE, 0] - middle["shoulder"][:, 0]) / size,
        # What a swap of left and right does not change.
        np.abs(relative[:, Joint.LEFT_SHOULDER, 0] - relative[:, Joint.RIGHT_SHOULDER, 0]) / size,
        np.abs(relative[:, Joint.LEFT_HIP, 0] - relative[:, Joint.RIGHT_HIP, 0]) / size,
        (relative[:, Joint.NOSE, 0] - middle["ear"][:, 0]) / size,
        np.abs(relative[:, Joint.LEFT_EAR, 0] - relative[:, Joint.RIGHT_EAR, 0]) / size,
        hips[:, 1] / 30.0 + middle["ankle"][:, 1] / 3.0,
        grid.offsets,
        grid.observed,
    ]
    columns = [relative.reshape(len(xy), -1), grid.scores, np.stack(extra, axis=1)]
    return np.clip(np.concatenate(columns, axis=1), -5.0, 5.0)


def _local_size(size: Float64Array) -> Float64Array:
    """Running median over nine cells (1.1 s), at least 0.3 (3 px)."""
    padded = np.pad(size, 4, mode="edge")
    return np.maximum(np.median(np.lib.stride_tricks.sliding_window_view(padded, 9), axis=1), 0.3)
