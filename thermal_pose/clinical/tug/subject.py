# SPDX-License-Identifier: Apache-2.0
"""Which of the persons in view is being tested: found seated, then followed frame by frame.

Everything here is causal, so that the live node and the analysis of a recording follow the
same person. The tracker's identity is followed; a place near the last one decides when it is
lost and given again.
"""

from dataclasses import dataclass, field

import numpy as np

from thermal_pose.skeleton import N_JOINTS, Joint
from thermal_pose.types import (
    NS_PER_S,
    BoolArray,
    Float64Array,
    FrameKeypoints,
    Int64Array,
    PersonKeypoints,
)

#: Smoothed standing index above which a person no longer sits.
RISEN_INDEX = 0.7
_ARM_FREE = (
    Joint.LEFT_SHOULDER,
    Joint.RIGHT_SHOULDER,
    Joint.LEFT_HIP,
    Joint.RIGHT_HIP,
    Joint.LEFT_KNEE,
    Joint.RIGHT_KNEE,
)


@dataclass(frozen=True)
class SubjectTrack:
    """The subject's keypoints over a trial; rows of unseen frames hold NaN and score 0.

    Attributes
    ----------
    stamps_ns : (N,) int64, rising.
    xy : (N, 17, 2) px; scores : (N, 17) 0..1.
    boxes : (N, 4) left, top, right, bottom, px.
    track_ids : (N,) identity that the tracker gave; 0 where unseen.
    n_persons : (N,) persons in view.
    """

    stamps_ns: Int64Array
    xy: Float64Array
    scores: Float64Array
    boxes: Float64Array
    track_ids: Int64Array
    n_persons: Int64Array

    def __post_init__(self) -> None:
        n = len(self.stamps_ns)
        if self.xy.shape != (n, N_JOINTS, 2) or self.scores.shape != (n, N_JOINTS):
            raise ValueError(
                f"xy, scores: expected ({n}, {N_JOINTS}, 2) and ({n}, {N_JOINTS}), "
                f"got {self.xy.shape} and {self.scores.shape}"
            )
        if np.any(np.diff(self.stamps_ns) <= 0):
            raise ValueError("stamps_ns: expected rising stamps")

    @property
    def seen(self) -> BoolArray:
        """(N,) whether any joint of the subject has a place in the frame."""
        placed: BoolArray = np.isfinite(self.xy[..., 0] + self.xy[..., 1])
        return np.asarray(np.any(placed, axis=1), dtype=np.bool_)

    @property
    def stamps_s(self) -> Float64Array:
        """(N,) seconds since the first frame."""
        if not len(self.stamps_ns):
            return np.zeros(0)
        return (self.stamps_ns - self.stamps_ns[0]) / NS_PER_S


def standing_indices(xy: Float64Array, scores: Float64Array, min_score: float) -> Float64Array:
    """(N,) drop from hips to knees over drop from knees to ankles, in the image.

    About 1 for a standing person at any distance and from any side, well under 1 for a
    seated one seen from the front or obliquely (the thigh points to the camera).
    NaN where hips, knees and ankles are not all there.

    Parameters
    ----------
    xy : (N, 17, 2) px, NaN where unknown; scores : (N, 17).
    min_score : joints scored below are not used.
    """
    legs = slice(Joint.LEFT_HIP, Joint.RIGHT_ANKLE + 1)
    known = np.isfinite(xy[:, legs]).all(axis=2) & (scores[:, legs] >= min_score)
    weights = np.where(known, scores[:, legs] + 1e-6, 0.0).reshape(-1, 3, 2)
    rows = np.where(known, xy[:, legs, 1], 0.0).reshape(-1, 3, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        levels = (weights * rows).sum(axis=2) / weights.sum(axis=2)
        thigh_px, shank_px = np.diff(levels, axis=1).T
        index = np.clip(thigh_px / shank_px, -1.0, 3.0)
    return np.asarray(np.where(shank_px >= 1.0, index, np.nan))


def standing_index(xy: Float64Array, scores: Float64Array, min_score: float) -> float:
    """Return the standing index of one person, joints (17, 2) (see `standing_indices`)."""
    return float(standing_indices(xy[None], scores[None], min_score)[0])


@dataclass
class _Candidate:
    """The state of one identity before the subject is chosen."""

    seated_s: float = 0.0
    last_ns: int = 0
    index: float = 0.8


@dataclass
class SubjectFollower:
    """Finds the seated person and follows them.

    Attributes
    ----------
    min_joint_score : joints below are not used.
    seated_s : how long a person must sit to become the subject.
    reach, reach_per_s : how far, in box heights, and in box heights for each second unseen, the
        subject may be from the last place.
    rest_s : how long the person followed has been seen seated without standing up, s.
    """

    min_joint_score: float = 0.05
    seated_s: float = 0.6
    reach: float = 0.35
    reach_per_s: float = 0.8
    track_id: int = 0
    rest_s: float = 0.0
    _index: float = field(default=0.8, repr=False)
    _locked: bool = field(default=False, repr=False)
    _centre: Float64Array | None = field(default=None, repr=False)
    _size_px: float = field(default=0.0, repr=False)
    _last_ns: int = field(default=0, repr=False)
    _others: set[int] = field(default_factory=set, repr=False)
    _candidates: dict[int, _Candidate] = field(default_factory=dict, repr=False)

    @property
    def locked(self) -> bool:
        """Whether a seated person was found."""
        return self._locked

    def update(self, frame: FrameKeypoints) -> PersonKeypoints | None:
        """Return the subject in this frame; None when not seen.

        Until a person was seen seated, the person seen longest seated, else the largest
        one, stands for the subject.
        """
        if not self._locked:
            return self._search(frame)
        found = self._match(frame)
        if found is not None:
            self._watch(found, frame.stamp_ns)
            self._remember(found, frame.stamp_ns)
            for person in frame.persons:
                if person.track_id > 0 and not _overlap(person, found):
                    self._others.add(person.track_id)
        return found

    def _search(self, frame: FrameKeypoints) -> PersonKeypoints | None:
        best: PersonKeypoints | None = None
        best_rank = (-1.0, -1.0)
        surest = max((float(np.mean(p.scores)) for p in frame.persons), default=0.0)
        for person in frame.persons:
            candidate = self._candidates.setdefault(person.track_id, _Candidate())
            # A warm thing with a faint pose sits, too; it counts as little as it is sure.
            share = float(np.mean(person.scores)) / max(surest, 1e-6)
            weight = float(np.clip((share - 0.15) / 0.45, 0.0, 1.0))
            self._judge(candidate, person, frame.stamp_ns, weight)
            rank = (candidate.seated_s, weight * person_height_px(person))
            if rank > best_rank:
                best, best_rank = person, rank
        if best is not None:
            self._watch(best, frame.stamp_ns)
            self._remember(best, frame.stamp_ns)
            self._locked = best_rank[0] >= self.seated_s
        return best

    def _judge(
        self, candidate: _Candidate, person: PersonKeypoints, stamp_ns: int, weight: float
    ) -> None:
        index = standing_index(
            person.xy.astype(np.float64), person.scores.astype(np.float64), self.min_joint_score
        )
        if np.isfinite(index):
            candidate.index += 0.4 * (index - candidate.index)
        step_s = (stamp_ns - candidate.last_ns) / NS_PER_S if candidate.last_ns else 0.0
        # Evidence grows with how clearly a person sits, and is lost as fast by standing.
        clarity = float(np.clip((0.65 - candidate.index) / 0.2, -1.0, 1.0))
        candidate.seated_s = max(0.0, candidate.seated_s + weight * clarity * min(step_s, 0.5))
        candidate.last_ns = stamp_ns

    def _watch(self, person: PersonKeypoints, stamp_ns: int) -> None:
        """Keep the clock of the person's rest."""
        index = standing_index(
            person.xy.astype(np.float64), person.scores.astype(np.float64), self.min_joint_score
        )
        if np.isfinite(index):
            self._index += 0.4 * (index - self._index)
        if self._index > RISEN_INDEX:
            self.rest_s = 0.0
        elif self._last_ns:
            self.rest_s += min((stamp_ns - self._last_ns) / NS_PER_S, 0.5)

    def _match(self, frame: FrameKeypoints) -> PersonKeypoints | None:
        """The known identity; if it is not in view, an unknown one near the last place.

        Identities that were in view together with the subject are other people.
        """
        if self._centre is None:
            return None
        step_s = max(0.0, (frame.stamp_ns - self._last_ns) / NS_PER_S)
        limit = self._size_px * (self.reach + self.reach_per_s * min(step_s, 1.5))
        best: PersonKeypoints | None = None
        best_cost = limit
        for person in frame.persons:
            known = person.track_id == self.track_id and person.track_id > 0
            if person.track_id in self._others and not known:
                continue
            cost = float(np.linalg.norm(body_centre(person) - self._centre))
            cost += 0.5 * abs(person_height_px(person) - self._size_px)
            if known and cost < 2.0 * limit:
                return person
            if cost < best_cost:
                best, best_cost = person, cost
        return best

    def _remember(self, person: PersonKeypoints, stamp_ns: int) -> None:
        self._centre = body_centre(person)
        self._size_px = person_height_px(person)
        self._last_ns = stamp_ns
        self.track_id = person.track_id


def body_centre(person: PersonKeypoints) -> Float64Array:
    """(2,) middle of shoulders, hips and knees, px; that of the box where none is known."""
    joints = person.xy[list(_ARM_FREE)]
    known = np.isfinite(joints).all(axis=1)
    if known.any():
        return np.asarray(joints[known].mean(axis=0), dtype=np.float64)
    left, top, right, bottom = person.box.xyxy
    return np.array([(left + right) / 2, (top + bottom) / 2])


def person_height_px(person: PersonKeypoints) -> float:
    """Height of the person's box, px."""
    return person.box.xyxy[3] - person.box.xyxy[1]


def _overlap(one: PersonKeypoints, other: PersonKeypoints) -> bool:
    """Whether the middle of either box lies in the other: perhaps one person, seen twice."""
    return _holds(one, body_centre(other)) or _holds(other, body_centre(one))


def _holds(person: PersonKeypoints, place: Float64Array) -> bool:
    left, top, right, bottom = person.box.xyxy
    return bool(left <= place[0] <= right and top <= place[1] <= bottom)


@dataclass
class TrackBuilder:
    """Collects the subject's rows, in whatever order frames come; `build` sorts by stamp."""

    stamps_ns: list[int] = field(default_factory=list)
    persons: list[PersonKeypoints | None] = field(default_factory=list)
    n_persons: list[int] = field(default_factory=list)

    def append(self, stamp_ns: int, person: PersonKeypoints | None, n_persons: int) -> None:
        """Add one frame's row."""
        self.stamps_ns.append(stamp_ns)
        self.persons.append(person)
        self.n_persons.append(n_persons)

    def build(self) -> SubjectTrack:
        """Return all rows by rising stamp."""
        n = len(self.stamps_ns)
        xy = np.full((n, N_JOINTS, 2), np.nan)
        scores = np.zeros((n, N_JOINTS))
        boxes = np.full((n, 4), np.nan)
        track_ids = np.zeros(n, dtype=np.int64)
        for row, person in enumerate(self.persons):
            if person is not None:
                xy[row] = person.xy
                scores[row] = np.where(np.isfinite(person.xy).all(axis=1), person.scores, 0.0)
                boxes[row] = person.box.xyxy
                track_ids[row] = person.track_id
        return SubjectTrack(
            np.array(self.stamps_ns, dtype=np.int64),
            xy,
            scores,
            boxes,
            track_ids,
            np.array(self.n_persons, dtype=np.int64),
        )
