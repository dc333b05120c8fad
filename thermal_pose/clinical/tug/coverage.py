# SPDX-License-Identifier: Apache-2.0
"""How complete a trial's data are: frames, gaps in the stamps, time without the subject."""

import numpy as np

from thermal_pose.clinical.records import Coverage
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.types import BoolArray, Float64Array


def measure_coverage(
    track: SubjectTrack, confidence: Float64Array, n_duplicated: int, n_out_of_order: int
) -> Coverage:
    """Count frames and gaps of a whole trial.

    Parameters
    ----------
    track : the subject's rows by rising stamp.
    confidence : (N,) mean joint score, 0 where unseen.
    n_duplicated, n_out_of_order : what the receiver counted before it sorted.
    """
    n_frames = len(track.stamps_ns)
    seen = track.seen
    intervals_s = np.diff(track.stamps_s)
    median_s = float(np.median(intervals_s)) if intervals_s.size else 0.0
    return Coverage(
        n_frames=n_frames,
        n_with_subject=int(seen.sum()),
        n_duplicated=n_duplicated,
        n_out_of_order=n_out_of_order,
        median_interval_s=median_s,
        max_gap_s=float(intervals_s.max()) if intervals_s.size else 0.0,
        n_gaps=int(np.sum(intervals_s > 2.5 * median_s)),
        max_unseen_s=longest_unseen_s(track.stamps_s, seen),
        mean_confidence=float(confidence[seen].mean()) if seen.any() else 0.0,
    )


def longest_unseen_s(stamps_s: Float64Array, seen: BoolArray) -> float:
    """Longest time between two sightings, the trial's ends counted as sightings, s."""
    if len(stamps_s) < 2:
        return 0.0
    marks = np.concatenate([stamps_s[:1], stamps_s[seen], stamps_s[-1:]])
    return float(np.diff(marks).max())
