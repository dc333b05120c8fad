# SPDX-License-Identifier: Apache-2.0
"""Whether another person in view did the test as well: sat, and then walked.

A carer who stands by or walks along never sits; a second person tested does. The other person is
found as the subject is (`path`), among the sightings that are not the subject's; what they did,
the same network tells. And whether the other person was followed in place of the subject.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from thermal_pose.clinical.tug.path import reference_confidence, subject_path
from thermal_pose.clinical.tug.segmentation import Segmentation
from thermal_pose.clinical.tug.signals import smooth
from thermal_pose.clinical.tug.subject import (
    SubjectTrack,
    TrackBuilder,
    body_centre,
    person_height_px,
    standing_indices,
)
from thermal_pose.types import Float64Array, FrameKeypoints, PersonKeypoints

#: Below, a person sits; above, a person stands (see `subject.standing_index`).
SEATED_INDEX, UPRIGHT_INDEX = 0.6, 0.75
#: A shorter path than this, in box heights, is not a walk: warm things do not move.
MIN_TRAVEL = 0.6
#: A detection more than this much taller than the subject's is of another person.
MAX_TALLER = 1.5
#: Least total time seated that counts as sitting, s.
MIN_SEATED_S = 1.0
#: Mean joint score of another person, as a share of that of people seen well.
MIN_CONFIDENCE_SHARE = 0.45
#: The path may pass over so long a gap, s; within it a person walks less than a box width.
MAX_JUMP_S = 1.0
#: Boxes that share more of their union are of one person.
SAME_PERSON_IOU = 0.3
#: A person seen for less than this is not judged, s.
MIN_SEEN_S = 2.5


def other_track(
    frames: Sequence[FrameKeypoints], subject_boxes: Float64Array, min_score: float
) -> SubjectTrack | None:
    """The track of the other person most like a person tested; None if no one sat and walked.

    Parameters
    ----------
    frames : by rising stamp.
    subject_boxes : (N, 4) where the subject is in each of them, px; NaN where not seen.
    min_score : joints below it do not tell a posture.
    """
    remaining = [
        replace(
            frame,
            persons=tuple(p for p in frame.persons if not (_in_box(p, box) or _cut_off(p, frame))),
        )
        for frame, box in zip(frames, subject_boxes, strict=True)
    ]
    builder = TrackBuilder()
    # As certain as the person tested: warm things with a faint pose are not people.
    path = subject_path(remaining, min_score, reference_confidence(frames))
    for frame, person in zip(remaining, path, strict=True):
        builder.append(frame.stamp_ns, person, len(frame.persons))
    track = builder.build()
    times_s = track.stamps_s[track.seen]
    if times_s.size <= 2 or np.ptp(times_s) < MIN_SEEN_S or _travel(track) < MIN_TRAVEL:
        return None
    if _seated_s(track, min_score) < MIN_SEATED_S:
        return None
    if _mean_confidence(track) < MIN_CONFIDENCE_SHARE * reference_confidence(frames):
        return None
    return track


def swaps_s(frames: Sequence[FrameKeypoints], track: SubjectTrack) -> Float64Array:
    """Times at which the path jumps to another person while the first is still in view, s.

    This happens when the person tested leaves the view and a bystander remains: the path then
    continues with the bystander.
    """
    rows = np.flatnonzero(track.seen)
    times_s = track.stamps_s
    swapped = [
        times_s[now]
        for before, now in pairwise(rows)
        if times_s[now] - times_s[before] <= MAX_JUMP_S
        and _far(track.boxes[before], track.boxes[now])
        and any(
            _overlap(track.boxes[before], person.box.xyxy) > SAME_PERSON_IOU
            for person in frames[now].persons
        )
    ]
    return np.array(swapped, dtype=np.float64)


def _far(one: Float64Array, other: Float64Array) -> bool:
    """Whether two boxes lie more than a width apart."""
    apart = abs(one[0] + one[2] - other[0] - other[2]) / 2
    return bool(apart >= max(one[2] - one[0], other[2] - other[0]))


def _overlap(one: Float64Array, other: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    left, top = np.maximum(one[:2], other[:2])
    right, bottom = np.minimum(one[2:], other[2:])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return float(shared / (areas - shared))


def _seated_s(track: SubjectTrack, min_score: float) -> float:
    """How long the person was seen seated, s."""
    times_s = track.stamps_s
    index = smooth(standing_indices(track.xy, track.scores, min_score), times_s, 0.3)
    steps_s = np.minimum(np.diff(times_s, prepend=times_s[:1]), 0.25)
    return float(steps_s[track.seen & (index < SEATED_INDEX)].sum())


def _mean_confidence(track: SubjectTrack) -> float:
    return float(track.scores[track.seen].mean())


def _travel(track: SubjectTrack) -> float:
    """How far the person went across the picture, in box heights."""
    left, top, right, bottom = track.boxes[track.seen].T
    feet = np.stack([(left + right) / 2, bottom], axis=1)
    low, high = np.percentile(feet, [5, 95], axis=0)
    return float(np.linalg.norm(high - low) / np.median(bottom - top))


def _cut_off(person: PersonKeypoints, frame: FrameKeypoints) -> bool:
    """Whether the legs leave the view below: a person passing near the camera."""
    return bool(person.box.xyxy[3] > frame.image_wh[1] - 1.0)


def _in_box(person: PersonKeypoints, subject_box: Float64Array) -> bool:
    """Whether this is the subject, or a second detection of the subject."""
    left, top, right, bottom = subject_box
    x, y = body_centre(person)
    inside = left <= x <= right and top <= y <= bottom
    # A person who walks past in front is larger.
    return bool(inside and person_height_px(person) <= MAX_TALLER * (bottom - top))


def did_the_test(other: Segmentation) -> bool:
    """Whether this person stood up from a chair and walked to a turn, or turned and sat down."""
    present = other.presence >= 0.5
    return bool(present[:3].all() or present[4:].all())
