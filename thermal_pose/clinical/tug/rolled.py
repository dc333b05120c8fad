# SPDX-License-Identifier: Apache-2.0
"""A camera on its side, told from all people in all frames.

The models hardly find people who lie in the image: a few sightings, too far apart for the path of
one person. What they have in common is told from all of them.
"""

from collections.abc import Sequence

import numpy as np

from thermal_pose.clinical.tug.signals import pair_mean
from thermal_pose.skeleton import Joint
from thermal_pose.types import BoolArray, Float64Array, FrameKeypoints, PersonKeypoints

#: Boxes wider than this share of their height hold people who lie in the image.
LYING_RATIO = 1.1
#: People found in less than this share of the frames are found rarely. So many sightings must then
#: all lie, with a trunk this close to the horizontal.
RARE_SHARE, MIN_LYING, LEVEL_DEG = 0.2, 3, 30.0


def wide(boxes: Float64Array) -> BoolArray:
    """(N,) boxes (N, 4) that are wider than high: left, top, right, bottom, px."""
    left, top, right, bottom = boxes.T
    return np.asarray((right - left) / (bottom - top) > LYING_RATIO)


def found_lying(frames: Sequence[FrameKeypoints], min_score: float) -> bool:
    """Whether people are found rarely, and all who are lie in the image.

    Parameters
    ----------
    min_score : joints scored below it are not used.
    """
    people = [person for frame in frames for person in frame.persons]
    n_frames = sum(bool(frame.persons) for frame in frames)
    if len(people) < MIN_LYING or n_frames >= RARE_SHARE * len(frames):
        return False
    boxes = np.array([person.box.xyxy for person in people])
    return bool((wide(boxes) & _level(people, min_score)).all())


def _level(people: Sequence[PersonKeypoints], min_score: float) -> BoolArray:
    """(N,) people whose trunk is nearly horizontal."""
    xy = np.array([person.xy for person in people], dtype=np.float64)
    scores = np.array([person.scores for person in people], dtype=np.float64)
    pairs = (
        (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
        (Joint.LEFT_HIP, Joint.RIGHT_HIP),
    )
    shoulders, hips = (pair_mean(xy, scores, pair, min_score) for pair in pairs)
    across, down = (shoulders - hips).T
    return np.asarray(np.degrees(np.arctan2(np.abs(down), np.abs(across))) < LEVEL_DEG)
