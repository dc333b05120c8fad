# SPDX-License-Identifier: Apache-2.0
"""Which person of each frame is the one tested, decided over the whole recording.

People cross, hide each other, and come out with each other's identities. Looking back, that can
be told: the person tested is the one who sits. Over all persons of all frames the best path is
searched (dynamic programming, after Viterbi): being seen seated speaks for a person; a jump in
place or size, another identity, and time unseen speak against two sightings being one person.
Sightings count by how sure the pose model is of their joints: a radiator with a head is hardly
seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thermal_pose.clinical.tug.subject import body_centre, person_height_px, standing_indices
from thermal_pose.skeleton import N_JOINTS
from thermal_pose.types import NS_PER_S, Float64Array, FrameKeypoints, Int64Array, PersonKeypoints

#: Log-odds per second that a clearly seated person is the person tested.
SEATED_PER_S = 2.5
#: Against another identity, and against each second unseen.
CHANGE, UNSEEN_PER_S = 2.0, 1.5
#: How far a person can get, in box heights: at once, by noise, and in each second. A jump beyond
#: costs half the square of its excess over `EXCESS`.
NEAR, NEAR_PER_S, EXCESS = 0.12, 0.8, 0.1
#: Mean joint scores, as shares of those of people seen well, up to which a sighting is none, and
#: from which it counts fully.
FAINT, SURE = 0.15, 0.6
#: Sightings further apart in time are not joined, s.
REACH_S = 30.0


@dataclass(frozen=True)
class _Sightings:
    """All persons of all frames, one row each, by time.

    `frame` and `person` say which; `place` holds centre x, y and height, px; `evidence` is for
    being the person tested.
    """

    frame: Int64Array
    person: Int64Array
    times_s: Float64Array
    place: Float64Array
    track_ids: Int64Array
    evidence: Float64Array


def subject_path(
    frames: Sequence[FrameKeypoints], min_score: float, reference: float | None = None
) -> list[PersonKeypoints | None]:
    """Return the person tested in each frame; None where not seen.

    Parameters
    ----------
    frames : by rising stamp.
    min_score : joints below it do not tell a posture.
    reference : mean joint score at which a sighting counts fully; that of these frames if None.
    """
    path: list[PersonKeypoints | None] = [None] * len(frames)
    if reference is None:
        reference = reference_confidence(frames)
    seen = _sightings(frames, min_score, reference)
    for row in _best_path(seen, _end_s(frames)) if len(seen.frame) else ():
        index = int(seen.frame[row])
        path[index] = frames[index].persons[int(seen.person[row])]
    return path


def _end_s(frames: Sequence[FrameKeypoints]) -> float:
    return (frames[-1].stamp_ns - frames[0].stamp_ns) / NS_PER_S if frames else 0.0


def reference_confidence(frames: Sequence[FrameKeypoints]) -> float:
    """Mean joint score of people who are seen well in these frames; 0 if no one is seen."""
    means = [float(np.mean(p.scores)) for frame in frames for p in frame.persons]
    return float(np.percentile(means, 80)) if means else 0.0


def _sightings(frames: Sequence[FrameKeypoints], min_score: float, reference: float) -> _Sightings:
    rows = [
        (index, number, (frame.stamp_ns - frames[0].stamp_ns) / NS_PER_S, person)
        for index, frame in enumerate(frames)
        for number, person in enumerate(frame.persons)
    ]
    frame = np.array([row[0] for row in rows], dtype=np.int64)
    times_s = np.array([row[2] for row in rows], dtype=np.float64)
    steps_s = np.diff([(f.stamp_ns - frames[0].stamp_ns) / NS_PER_S for f in frames], prepend=0.0)
    xy = np.array([p.xy for *_, p in rows], dtype=np.float64).reshape(-1, N_JOINTS, 2)
    scores = np.array([p.scores for *_, p in rows], dtype=np.float64).reshape(-1, N_JOINTS)
    index = standing_indices(xy, scores, min_score)
    seated = np.nan_to_num(np.clip((0.6 - index) / 0.2, 0.0, 1.0))
    share = scores.mean(axis=1) / max(reference, 1e-6)
    weight = np.clip((share - FAINT) / (SURE - FAINT), 0.0, 1.0)
    return _Sightings(
        frame=frame,
        person=np.array([row[1] for row in rows], dtype=np.int64),
        times_s=times_s,
        place=np.array([(*body_centre(p), person_height_px(p)) for *_, p in rows]).reshape(-1, 3),
        track_ids=np.array([p.track_id for *_, p in rows], dtype=np.int64),
        # Time that ends with a sighting was not unseen.
        evidence=weight * (UNSEEN_PER_S + SEATED_PER_S * seated) * np.minimum(steps_s, 0.25)[frame],
    )


def _best_path(seen: _Sightings, end_s: float) -> list[int]:
    """Rows of the path, by time."""
    n_rows = len(seen.frame)
    score = seen.evidence - UNSEEN_PER_S * seen.times_s
    before = np.full(n_rows, -1, dtype=np.int64)
    starts = np.searchsorted(seen.frame, seen.frame, side="left")
    reach = np.searchsorted(seen.times_s, seen.times_s - REACH_S, side="left")
    for row in range(n_rows):
        first, last = int(reach[row]), int(starts[row])
        if first == last:
            continue
        joined = score[first:last] - _cost(seen, slice(first, last), row)
        best = int(np.argmax(joined))
        if seen.evidence[row] + joined[best] >= score[row]:
            score[row], before[row] = seen.evidence[row] + joined[best], first + best
    row = int(np.argmax(score - UNSEEN_PER_S * (end_s - seen.times_s)))
    path = []
    while row >= 0:
        path.append(row)
        row = int(before[row])
    return path[::-1]


def _cost(seen: _Sightings, earlier: slice, row: int) -> Float64Array:
    """Evidence against each earlier sighting and this one being the same person."""
    step_s = seen.times_s[row] - seen.times_s[earlier]
    jump = np.abs(seen.place[earlier] - seen.place[row]) / seen.place[row, 2]
    jump[:, 2] *= 0.5
    excess = np.maximum(np.linalg.norm(jump, axis=1) - NEAR - NEAR_PER_S * step_s, 0.0) / EXCESS
    other = (seen.track_ids[earlier] != seen.track_ids[row]) | (seen.track_ids[row] <= 0)
    return np.asarray(0.5 * excess**2 + CHANGE * other + UNSEEN_PER_S * step_s)
