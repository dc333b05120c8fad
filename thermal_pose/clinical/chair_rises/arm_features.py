# SPDX-License-Identifier: Apache-2.0
"""Features of the arms' motion, one row per rise.

Elbows, wrists, shoulders and knees are looked at from 1.2 s before the rise until 0.6 s after the
descent, at marks that follow its pace. Both sides are described by their mean and by how far apart
they are, so that a mirrored person has the same numbers.

Legend: R rises, M marks, N frames, C numbers per side.
"""

from typing import Final

import numpy as np

from thermal_pose.clinical.chair_rises.curves import RiseCurves
from thermal_pose.clinical.chair_rises.cycles import Cycle
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array

_HIPS: Final = (Joint.LEFT_HIP, Joint.RIGHT_HIP)
_SHOULDERS: Final = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
_ELBOWS: Final = (Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW)
_WRISTS: Final = (Joint.LEFT_WRIST, Joint.RIGHT_WRIST)
_KNEES: Final = (Joint.LEFT_KNEE, Joint.RIGHT_KNEE)
_PAIRS: Final = (_HIPS, _SHOULDERS, _ELBOWS, _WRISTS, _KNEES)
#: In the image of a person who faces the camera, the left side's outward direction is right.
_OUTWARD: Final = np.array([1.0, -1.0])
#: Marks before the hips have risen by a quarter, s: the hands are placed and take the load.
_BEFORE_S: Final = (-1.2, -0.8, -0.5, -0.25)
#: Marks after the hips have come down by three quarters, s.
_AFTER_S: Final = (0.0, 0.25, 0.6)
#: A mark on standing lies this long after the rise or before the descent, s.
_STANDING_S: Final = (0.25, 0.2)
_N_MARKS: Final = 14
#: Positions of 8 pairs of joints, across and down, and 3 scores.
_N_NUMBERS: Final = 8 * 2 + 3
#: Standard deviation of the Gaussian around a mark, s, and the least weight of frames under it.
_SMOOTH_S: Final = 0.12
_LEAST_WEIGHT: Final = 0.2
#: Percentile of the trunk's length that is taken for its length upright.
_UPRIGHT: Final = 80
N_FEATURES: Final = _N_MARKS * 2 * _N_NUMBERS


def arm_features(
    track: SubjectTrack, curves: RiseCurves, cycles: tuple[Cycle, ...]
) -> Float64Array:
    """(R, N_FEATURES) features of each rise; NaN where joints were not seen.

    Parameters
    ----------
    track, curves : of the person tested, one row per frame.
    cycles : the rises.
    """
    sides = _sides(track, curves)
    rows = [_at(curves.times_s, sides, _marks_s(cycle)) for cycle in cycles]
    return np.array([_both(row).ravel() for row in rows]).reshape(len(cycles), N_FEATURES)


def _marks_s(cycle: Cycle) -> Float64Array:
    """(M,) times to look at, s; NaN after an unfinished rise."""
    quarter_s, _, last_s = cycle.up_s
    after_s, before_s = _STANDING_S
    up = [quarter_s + shift_s for shift_s in _BEFORE_S] + [*cycle.up_s, last_s + after_s]
    if not cycle.down_s:
        return np.array(up + [np.nan] * (_N_MARKS - len(up)))
    first_s, half_s, down_s = cycle.down_s
    down = [first_s - before_s, first_s, half_s] + [down_s + shift_s for shift_s in _AFTER_S]
    return np.array(up + down)


def _sides(track: SubjectTrack, curves: RiseCurves) -> Float64Array:
    """(N, 2, C) of the left and the right side, in lengths of the upright trunk."""
    known = curves.trunk_px[np.isfinite(curves.trunk_px)]
    unit_px = max(float(np.percentile(known, _UPRIGHT)), 1.0) if known.size else 1.0
    joints = {pair: track.xy[:, list(pair)] / unit_px for pair in _PAIRS}
    hips = joints[_HIPS].mean(axis=1, keepdims=True)
    shoulders = joints[_SHOULDERS].mean(axis=1, keepdims=True)
    elbows, wrists = joints[_ELBOWS], joints[_WRISTS]
    places = [
        elbows - shoulders,
        wrists - shoulders,
        elbows - hips,
        wrists - hips,
        joints[_SHOULDERS] - hips,
        joints[_KNEES] - hips,
        wrists - joints[_KNEES],
        wrists - elbows,
    ]
    scores = [track.scores[:, list(pair)] for pair in (_ELBOWS, _WRISTS, _SHOULDERS)]
    numbers = [part for place in places for part in (place[..., 0] * _OUTWARD, place[..., 1])]
    return np.stack([*numbers, *scores], axis=-1)


def _at(times_s: Float64Array, sides: Float64Array, marks_s: Float64Array) -> Float64Array:
    """(M, 2, C) local means at the marks; NaN where no frame is near."""
    seen = np.isfinite(sides).all(axis=(1, 2))
    apart_s = np.nan_to_num(marks_s, nan=np.inf)[:, None] - times_s[seen]
    weights = np.exp(-0.5 * (apart_s / _SMOOTH_S) ** 2)
    total = weights.sum(axis=1)
    near = total > _LEAST_WEIGHT
    sums = np.einsum("mn,nsc->msc", weights, sides[seen])
    means = sums / np.where(near, total, 1.0)[:, None, None]
    return np.where(near[:, None, None], means, np.nan)


def _both(sides: Float64Array) -> Float64Array:
    """(M, 2, C) mean of the sides, and how far they are apart."""
    return np.stack([sides.mean(axis=1), np.ptp(sides, axis=1)], axis=1)
