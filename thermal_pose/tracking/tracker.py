# SPDX-License-Identifier: Apache-2.0
"""Follows people from frame to frame: identities, and boxes between detections.

Each frame takes two steps. `propose` returns the boxes to estimate in (from detections if there
are any, else from the last keypoints). `observe` takes the estimated keypoints.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from thermal_pose.tracking.boxes import (
    box_from_keypoints,
    centre,
    height_px,
    iou_matrix,
    shifted,
    visible_share,
)
from thermal_pose.types import NS_PER_S, PersonBox, PersonKeypoints

Xyxy = tuple[float, float, float, float]

_SIZE_BLEND = 0.5
_VELOCITY_BLEND = 0.5
_MAX_SIZE_RATIO = 2.0
_DUPLICATE_IOU = 0.8
_SURE_OVERLAP = 0.3


@dataclass(frozen=True)
class TrackerSettings:
    """When two boxes belong to the same person.

    Attributes
    ----------
    max_lost_s : how long an unseen person keeps the identity.
    max_missed_detections : a person missed by the detector is kept for this many detections,
        as long as the estimator still finds a person.
    min_joint_score : joints below it do not shape the next box.
    min_person_score : below it the box counts as empty.
    min_visible_share : a box with a smaller share of its area inside the image is skipped.
    gate_heights, gate_heights_per_s : a detection may lie this many box heights from where a
        person was expected, plus this many for each second unseen. A brisk walk of 1.4 m/s
        across the view of a person 1.7 m tall is 0.8 heights a second.
    """

    max_lost_s: float = 2.0
    max_missed_detections: int = 2
    min_joint_score: float = 0.2
    min_person_score: float = 0.3
    min_visible_share: float = 0.15
    gate_heights: float = 0.4
    gate_heights_per_s: float = 0.8

    def __post_init__(self) -> None:
        if min(self.max_lost_s, self.gate_heights, self.gate_heights_per_s) <= 0:
            raise ValueError(
                "tracker: expected positive max_lost_s and gates, got "
                f"{self.max_lost_s}, {self.gate_heights}, {self.gate_heights_per_s}"
            )
        for name in ("min_joint_score", "min_person_score", "min_visible_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class _Track:
    """One person.

    `seen_ns` is when the estimator last agreed and `anchor_px` the box's centre then (None
    before); `missed` counts detections in a row that did not show the person.
    """

    track_id: int
    xyxy: Xyxy
    score: float
    box_ns: int
    seen_ns: int
    anchor_px: tuple[float, float] | None = None
    velocity_px_s: tuple[float, float] = (0.0, 0.0)
    missed: int = 0
    lost: bool = False

    def expected(self, stamp_ns: int) -> Xyxy:
        """Return where the box should be at `stamp_ns`."""
        step_s = (stamp_ns - self.box_ns) / NS_PER_S
        dx, dy = self.velocity_px_s
        return shifted(self.xyxy, dx * step_s, dy * step_s)

    def unseen_s(self, stamp_ns: int) -> float:
        """Return the time since the person was last seen, s."""
        return (stamp_ns - self.seen_ns) / NS_PER_S


@dataclass
class PersonTracker:
    """Follows all people of one stream; a pure function of stamps, detections and keypoints."""

    settings: TrackerSettings = field(default_factory=TrackerSettings)
    _tracks: list[_Track] = field(default_factory=list, init=False)
    _next_id: int = field(default=1, init=False)

    @property
    def track_ids(self) -> frozenset[int]:
        """Identities that are still remembered, in view or not."""
        return frozenset(track.track_id for track in self._tracks)

    def reset(self) -> None:
        """Forget all people; identities restart at 1."""
        self._tracks.clear()
        self._next_id = 1

    def propose(
        self,
        stamp_ns: int,
        detections: Sequence[PersonBox] | None,
        image_wh: tuple[int, int],
    ) -> tuple[PersonBox, ...]:
        """Return the boxes to look at in this frame, with identities, oldest first.

        Parameters
        ----------
        stamp_ns : later than that of the frame before.
        detections : the detector's boxes; None if it did not run on this frame.
        image_wh : size of the picture; boxes (nearly) outside it are not looked at.
        """
        self._forget(stamp_ns)
        if detections is not None:
            self._associate(stamp_ns, detections)
        boxes = [
            PersonBox(_float32(track.expected(stamp_ns)), _f32(track.score), track.track_id)
            for track in self._tracks
            if not track.lost
        ]
        share = self.settings.min_visible_share
        return tuple(box for box in boxes if visible_share(box.xyxy, image_wh) >= share)

    def observe(
        self, stamp_ns: int, persons: Sequence[PersonKeypoints]
    ) -> tuple[PersonKeypoints, ...]:
        """Take the estimates in the proposed boxes; return the people that are present."""
        seen: list[PersonKeypoints] = []
        by_id = {person.track_id: person for person in persons}
        for index, track in enumerate(self._tracks):
            person = by_id.get(track.track_id)
            if person is None or not self._is_new_person(person, seen):
                self._tracks[index] = replace(track, lost=True)
            else:
                self._tracks[index] = self._moved(track, person, stamp_ns)
                seen.append(person)
        return tuple(seen)

    def _is_new_person(self, person: PersonKeypoints, seen: Sequence[PersonKeypoints]) -> bool:
        confident = person.person_score >= self.settings.min_person_score
        return confident and not any(_same(person, other) for other in seen)

    def _forget(self, stamp_ns: int) -> None:
        limit = self.settings.max_lost_s
        self._tracks = [track for track in self._tracks if track.unseen_s(stamp_ns) <= limit]

    def _associate(self, stamp_ns: int, detections: Sequence[PersonBox]) -> None:
        matches = self._match(stamp_ns, detections)
        taken = set(matches.values())
        for index, track in enumerate(self._tracks):
            if index in matches:
                self._tracks[index] = _detected(track, detections[matches[index]], stamp_ns)
            else:
                missed = track.missed + 1
                lost = track.lost or missed > self.settings.max_missed_detections
                self._tracks[index] = replace(track, missed=missed, lost=lost)
        for number, box in enumerate(detections):
            if number not in taken:
                self._tracks.append(_Track(self._next_id, box.xyxy, box.score, stamp_ns, stamp_ns))
                self._next_id += 1

    def _match(self, stamp_ns: int, detections: Sequence[PersonBox]) -> dict[int, int]:
        """Return track index -> detection number, greedily by closeness; people in view first."""
        candidates = []
        expected = [track.expected(stamp_ns) for track in self._tracks]
        overlaps = iou_matrix(expected, [box.xyxy for box in detections]).tolist()
        for index, track in enumerate(self._tracks):
            allowed = self.settings.gate_heights + (
                self.settings.gate_heights_per_s * track.unseen_s(stamp_ns)
            )
            for number, box in enumerate(detections):
                overlap = overlaps[index][number]
                distance = _distance(expected[index], box.xyxy, overlap, allowed)
                if distance is not None:
                    candidates.append((track.lost, distance - overlap, index, number))
        matches: dict[int, int] = {}
        for _, _, index, number in sorted(candidates):
            if index not in matches and number not in matches.values():
                matches[index] = number
        return matches

    def _moved(self, track: _Track, person: PersonKeypoints, stamp_ns: int) -> _Track:
        """Return the track with the box that the skeleton implies, size and speed damped."""
        implied = box_from_keypoints(person.xy, person.scores, self.settings.min_joint_score)
        current = person.box.xyxy if implied is None else _blended(person.box.xyxy, implied)
        return replace(
            track,
            xyxy=current,
            box_ns=stamp_ns,
            seen_ns=stamp_ns,
            anchor_px=centre(current),
            velocity_px_s=_velocity(track, current, stamp_ns),
            lost=False,
        )


def _distance(expected: Xyxy, box: Xyxy, overlap: float, allowed_heights: float) -> float | None:
    """Return the centres' distance relative to the limit, or None beyond it."""
    heights = height_px(expected), height_px(box)
    # Partly out of view a box shrinks without the person shrinking: then the overlap counts.
    if max(heights) / min(heights) > _MAX_SIZE_RATIO and overlap < _SURE_OVERLAP:
        return None
    (x0, y0), (x1, y1) = centre(expected), centre(box)
    distance = math.hypot(x1 - x0, y1 - y0) / max(heights) / allowed_heights
    return distance if distance <= 1 or overlap > _SURE_OVERLAP else None


def _velocity(track: _Track, current: Xyxy, stamp_ns: int) -> tuple[float, float]:
    step_s = (stamp_ns - track.seen_ns) / NS_PER_S
    if track.anchor_px is None or step_s <= 0:
        return track.velocity_px_s
    (x0, y0), (x1, y1) = track.anchor_px, centre(current)
    (vx, vy), share = track.velocity_px_s, _VELOCITY_BLEND
    return (vx + share * ((x1 - x0) / step_s - vx), vy + share * ((y1 - y0) / step_s - vy))


def _blended(box: Xyxy, implied: Xyxy) -> Xyxy:
    """Return a box at the implied centre whose size moves halfway towards the implied one."""
    x, y = centre(implied)
    width = (1 - _SIZE_BLEND) * (box[2] - box[0]) + _SIZE_BLEND * (implied[2] - implied[0])
    height = (1 - _SIZE_BLEND) * height_px(box) + _SIZE_BLEND * height_px(implied)
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _detected(track: _Track, box: PersonBox, stamp_ns: int) -> _Track:
    """Return the track at a detection; the speed is judged by the estimator's box instead."""
    return replace(track, xyxy=box.xyxy, score=box.score, box_ns=stamp_ns, missed=0, lost=False)


def _same(one: PersonKeypoints, other: PersonKeypoints) -> bool:
    """Whether two boxes have slid onto one person; the older identity stays."""
    return bool(iou_matrix([one.box.xyxy], [other.box.xyxy])[0, 0] > _DUPLICATE_IOU)


def _f32(value: float) -> float:
    """Round to float32, as messages carry it, so that live and offline agree bit for bit."""
    return float(np.float32(value))


def _float32(xyxy: Xyxy) -> Xyxy:
    left, top, right, bottom = (_f32(edge) for edge in xyxy)
    return (left, top, right, bottom)
