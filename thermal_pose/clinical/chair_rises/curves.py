# SPDX-License-Identifier: Apache-2.0
"""Curves over time that rises are read from: how high the hips are, how the trunk leans.

Legend: N frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thermal_pose.clinical.tug.path import subject_path
from thermal_pose.clinical.tug.signals import body_signals, bridge, pair_mean, smooth
from thermal_pose.clinical.tug.subject import SubjectTrack, TrackBuilder
from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array, FrameKeypoints

_SHOULDERS = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
_HIPS = (Joint.LEFT_HIP, Joint.RIGHT_HIP)
_ANKLES = (Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE)
#: Smoothing of the hip height, s (standard deviation of the Gaussian).
SMOOTH_S = 0.1
#: The same for someone who walks, whose distance is estimated as well.
WALK_SMOOTH_S = 0.3
#: Whose feet move by more than this share of the standing hip height walked: perspective then
#: changes what a pixel is worth, and `tug.signals` corrects for it.
WALKED_SHARE = 0.5


@dataclass(frozen=True)
class RiseCurves:
    """One row per frame; NaN where the joints needed were not seen.

    Attributes
    ----------
    times_s : (N,) seconds since the first frame.
    height_px : (N,) hips above the ankles in the image, smoothed.
    trunk_px : (N,) shoulders above the hips in the image; leaning towards the camera shortens it.
    lean_deg : (N,) hips-to-shoulders against the image's vertical.
    confidence : (N,) mean joint score; 0 where the person was not found.
    walked : whether the person went somewhere else.
    """

    times_s: Float64Array
    height_px: Float64Array
    trunk_px: Float64Array
    lean_deg: Float64Array
    confidence: Float64Array
    walked: bool


def follow(frames: Sequence[FrameKeypoints], min_score: float) -> SubjectTrack:
    """Return the track of the person tested, from frames in order of time."""
    builder = TrackBuilder()
    for frame, person in zip(frames, subject_path(frames, min_score), strict=True):
        builder.append(frame.stamp_ns, person, len(frame.persons))
    return builder.build()


def rise_curves(track: SubjectTrack, min_score: float) -> RiseCurves:
    """Compute the curves of one person.

    Parameters
    ----------
    track : of the person, one row per frame.
    min_score : joints scored below are treated as missing.
    """
    times_s, xy, scores = track.stamps_s, track.xy, track.scores
    hips = pair_mean(xy, scores, _HIPS, min_score)
    shoulders = pair_mean(xy, scores, _SHOULDERS, min_score)
    ankles = pair_mean(xy, scores, _ANKLES, min_score)
    trunk = shoulders - hips
    height, walked = _height_px(track, hips[:, 1], ankles, min_score)
    return RiseCurves(
        times_s=times_s,
        height_px=smooth(bridge(height, times_s), times_s, WALK_SMOOTH_S if walked else SMOOTH_S),
        trunk_px=-trunk[:, 1],
        lean_deg=np.degrees(np.arctan2(trunk[:, 0], -trunk[:, 1])),
        confidence=np.where(track.seen, scores.mean(axis=1), 0.0),
        walked=walked,
    )


def _height_px(
    track: SubjectTrack, hip_row: Float64Array, ankles: Float64Array, min_score: float
) -> tuple[Float64Array, bool]:
    """(N,) hips above the ankles; whether the person walked."""
    if not np.isfinite(ankles[:, 1]).any():
        return np.full(len(hip_row), np.nan), False
    tall = float(np.nanpercentile(ankles[:, 1] - hip_row, 90)) if len(hip_row) else 0.0
    low, high = np.nanpercentile(ankles, [5, 95], axis=0)
    if float(np.max(high - low)) <= WALKED_SHARE * max(tall, 1.0):
        # The feet stay where they are: their median row is a steadier floor than each frame's.
        return np.asarray(np.nanmedian(ankles[:, 1]) - hip_row), False
    signals = body_signals(track, min_score)
    return signals.hip_height * max(tall, 1.0), True
