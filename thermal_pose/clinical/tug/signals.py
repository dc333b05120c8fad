# SPDX-License-Identifier: Apache-2.0
"""Curves that people can read, from the subject's joints: for plots, measures and validity.

None needs a calibrated camera. What distance does to the picture is learnt from the trial
itself: for one standing person on a level floor the row of the hips is a linear function of
the row of the ankles (both heights are seen under the same perspective), so that a line fitted
to the standing frames tells for every frame where the hips would be if the person stood there.
"""

from dataclasses import dataclass

import numpy as np

from thermal_pose.clinical.tug.subject import SubjectTrack, standing_indices
from thermal_pose.skeleton import Joint
from thermal_pose.types import BoolArray, Float64Array

_SHOULDERS = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
_HIPS = (Joint.LEFT_HIP, Joint.RIGHT_HIP)
_KNEES = (Joint.LEFT_KNEE, Joint.RIGHT_KNEE)
_WRISTS = (Joint.LEFT_WRIST, Joint.RIGHT_WRIST)
_ANKLES = (Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE)

#: Gaps longer than this are left open instead of being interpolated over, s.
MAX_BRIDGE_S = 0.6


@dataclass(frozen=True)
class BodySignals:
    """One row per frame; NaN where the joints needed were not seen.

    Attributes
    ----------
    stamps_s : (N,) s since the first frame.
    hip_height : (N,) hips above ankles as a share of the same standing at that place.
    trunk_lean_deg : (N,) hips-to-shoulders against the image's vertical, towards the right.
    trunk_px, size_px : (N,) apparent trunk length and standing hip height at that place, px.
    distance : (N,) from the camera, relative to the chair's.
    facing : (N,) signed shoulder width over its largest: +1 front, -1 back, 0 side.
    standing_index : (N,) drop hips-knees over drop knees-ankles.
    confidence : (N,) mean joint score, 0 where unseen.
    swings : (N, 8) what steps swing, as a share of `size_px`: left minus right ankle (row, then
        column), knee and wrist alike, and the sway of shoulders and hips over the feet.
    nose_aside : (N,) nose right of the shoulders' middle in the image, share of `size_px`.
    hips_px : (N, 2) place of the hips' middle in the image.
    """

    stamps_s: Float64Array
    hip_height: Float64Array
    trunk_lean_deg: Float64Array
    trunk_px: Float64Array
    size_px: Float64Array
    distance: Float64Array
    facing: Float64Array
    standing_index: Float64Array
    confidence: Float64Array
    swings: Float64Array
    nose_aside: Float64Array
    hips_px: Float64Array


def bridge(
    values: Float64Array, times_s: Float64Array, max_gap_s: float = MAX_BRIDGE_S
) -> Float64Array:
    """Interpolate linearly over runs of NaN no longer than `max_gap_s` between known values.

    Parameters
    ----------
    values : (N,) with NaN where unknown.
    times_s : (N,) rising.
    """
    known = np.flatnonzero(np.isfinite(values))
    if known.size < 2:
        return values.copy()
    filled = np.interp(times_s, times_s[known], values[known])
    following = np.searchsorted(known, np.arange(len(values)), side="left")
    inside = (following > 0) & (following < known.size)
    gap_s = np.full(len(values), np.inf)
    gap_s[inside] = times_s[known[following[inside]]] - times_s[known[following[inside] - 1]]
    return np.where(np.isfinite(values), values, np.where(gap_s <= max_gap_s, filled, np.nan))


def smooth(values: Float64Array, times_s: Float64Array, sigma_s: float) -> Float64Array:
    """Gaussian-weighted local mean on irregular stamps, NaN ignored; NaN where nothing is near.

    Parameters
    ----------
    values : (N,); times_s : (N,) rising; sigma_s : of the kernel, s.
    """
    if not len(values):
        return np.zeros(0)
    starts = np.searchsorted(times_s, times_s - 3 * sigma_s, side="left")
    ends = np.searchsorted(times_s, times_s + 3 * sigma_s, side="right")
    # One row per value: its neighbours, padded to the widest neighbourhood.
    rows = starts[:, None] + np.arange(int((ends - starts).max()))
    inside = rows < ends[:, None]
    rows = np.minimum(rows, len(values) - 1)
    near = values[rows]
    weights = np.exp(-0.5 * ((times_s[rows] - times_s[:, None]) / sigma_s) ** 2)
    weights = np.where(inside & np.isfinite(near), weights, 0.0)
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weights * np.nan_to_num(near)).sum(axis=1) / total
    return np.asarray(np.where(total > 0.2, mean, np.nan))


def pair_mean(
    xy: Float64Array, scores: Float64Array, pair: tuple[int, int], min_score: float
) -> Float64Array:
    """(N, 2) score-weighted middle of two joints; one alone stands for both; else NaN."""
    joints = xy[:, list(pair)]
    weights = scores[:, list(pair)] * (scores[:, list(pair)] >= min_score)
    weights = np.where(np.isfinite(joints).all(axis=2), weights, 0.0)[..., None]
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, (weights * np.nan_to_num(joints)).sum(axis=1) / total, np.nan)


def body_signals(track: SubjectTrack, min_score: float) -> BodySignals:
    """Compute all curves of a trial (see `BodySignals`)."""
    times_s = track.stamps_s
    xy, scores = track.xy, track.scores
    shoulders = pair_mean(xy, scores, _SHOULDERS, min_score)
    hips = pair_mean(xy, scores, _HIPS, min_score)
    ankles = pair_mean(xy, scores, _ANKLES, min_score)
    index = standing_indices(xy, scores, min_score)
    hips, ankles, shoulders = (
        np.stack([bridge(curve[:, axis], times_s) for axis in (0, 1)], axis=1)
        for curve in (hips, ankles, shoulders)
    )
    trunk = shoulders - hips
    trunk_px = np.hypot(trunk[:, 0], trunk[:, 1])
    size_px = _standing_hip_height_px(hips[:, 1], ankles[:, 1], index, trunk_px)
    with np.errstate(invalid="ignore", divide="ignore"):
        hip_height = (ankles[:, 1] - hips[:, 1]) / size_px
        facing = _facing(xy, scores, min_score) / size_px
        sway = np.stack([shoulders[:, 0] - ankles[:, 0], hips[:, 0] - ankles[:, 0]], axis=1)
        gaps = [_difference(xy, scores, p, min_score)[:, ::-1] for p in (_ANKLES, _KNEES, _WRISTS)]
        swings = np.concatenate([*gaps, sway], axis=1) / size_px[:, None]
        nose_aside = (xy[:, Joint.NOSE, 0] - shoulders[:, 0]) / size_px
    return BodySignals(
        stamps_s=times_s,
        hip_height=hip_height,
        trunk_lean_deg=np.degrees(np.arctan2(trunk[:, 0], -trunk[:, 1])),
        trunk_px=trunk_px,
        size_px=size_px,
        distance=_relative_distance(smooth(size_px, times_s, 0.3)),
        facing=_unit(facing),
        standing_index=bridge(index, times_s),
        confidence=np.where(track.seen, scores.mean(axis=1), 0.0),
        swings=swings,
        nose_aside=nose_aside,
        hips_px=hips,
    )


def _standing_hip_height_px(
    hip_y: Float64Array, ankle_y: Float64Array, index: Float64Array, trunk_px: Float64Array
) -> Float64Array:
    """Hip height in px that the person standing at each frame's place would have."""
    upright: BoolArray = np.isfinite(hip_y + ankle_y) & (index > 0.7)
    height = ankle_y - hip_y
    if upright.sum() < 8 or np.ptp(ankle_y[upright]) < 3.0:
        # No walkway to learn from: the trunk is a poorer scale that leaning shortens.
        return np.asarray(1.6 * trunk_px)
    weights = upright.astype(np.float64)
    slope, offset = 0.0, 0.0
    for _ in range(5):
        design = np.stack([np.nan_to_num(ankle_y), np.ones(len(ankle_y))], axis=1)
        scaled = design * weights[:, None]
        slope, offset = np.linalg.lstsq(scaled.T @ design, scaled.T @ np.nan_to_num(height))[0]
        residual = np.nan_to_num(height - (slope * ankle_y + offset))
        spread = max(0.5, 1.5 * float(np.median(np.abs(residual[upright]))))
        weights = upright / (1.0 + (residual / spread) ** 2)
    return np.asarray(np.maximum(slope * ankle_y + offset, 2.0))


def _difference(
    xy: Float64Array, scores: Float64Array, pair: tuple[int, int], min_score: float
) -> Float64Array:
    """(N, 2) left joint minus right joint, NaN where one is missing."""
    known = np.minimum(scores[:, pair[0]], scores[:, pair[1]]) >= min_score
    return np.where(known[:, None], xy[:, pair[0]] - xy[:, pair[1]], np.nan)


def _facing(xy: Float64Array, scores: Float64Array, min_score: float) -> Float64Array:
    """(N,) mean signed width of shoulders and hips, px; the left is on the right in front view."""
    shoulders = _difference(xy, scores, _SHOULDERS, min_score)[:, 0]
    hips = _difference(xy, scores, _HIPS, min_score)[:, 0]
    return np.where(np.isfinite(hips), 0.7 * shoulders + 0.3 * 1.5 * hips, shoulders)


def _unit(values: Float64Array) -> Float64Array:
    known = np.abs(values[np.isfinite(values)])
    if not known.size:
        return values
    return np.clip(values / max(float(np.percentile(known, 90)), 1e-3), -1.5, 1.5)


def _relative_distance(size_px: Float64Array) -> Float64Array:
    known = size_px[np.isfinite(size_px)]
    if not known.size:
        return size_px
    at_chair = float(np.median(known[: max(1, len(known) // 20)]))
    return at_chair / size_px
