# SPDX-License-Identifier: Apache-2.0
"""Whether anybody else in view did the test as well: sat, and then walked.

A carer who stands by or walks along never sits; a second person tested does. The identities of
the tracker are joined where one ends about where another begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from thermal_pose.tug.signals import smooth
from thermal_pose.tug.subject import SubjectTrack, standing_index
from thermal_pose.types import NS_PER_S, FrameKeypoints, PersonKeypoints

Array = npt.NDArray[np.float64]

#: Below, somebody sits; above, somebody stands (see `subject.standing_index`).
SEATED_INDEX, UPRIGHT_INDEX = 0.6, 0.75
#: How long somebody must be seen seated, and then upright, to have done the test.
MIN_SEATED_S, MIN_UPRIGHT_S = 0.8, 2.0
#: How far somebody must go, in box heights, to have walked.
MIN_TRAVEL = 0.6


@dataclass
class _Other:
    """One other person's rows."""

    times_s: list[float] = field(default_factory=list)
    index: list[float] = field(default_factory=list)
    place: list[tuple[float, float]] = field(default_factory=list)
    height_px: list[float] = field(default_factory=list)

    def add(self, time_s: float, person: PersonKeypoints, min_score: float) -> None:
        xy, scores = person.xy.astype(np.float64), person.scores.astype(np.float64)
        left, top, right, bottom = person.box.xyxy
        self.times_s.append(time_s)
        self.index.append(standing_index(xy, scores, min_score))
        self.place.append(((left + right) / 2, bottom))
        self.height_px.append(bottom - top)

    def did_the_test(self) -> bool:
        """Whether this person sat for a while, then stood for a while, and went somewhere."""
        times_s = np.array(self.times_s)
        if len(times_s) < 8:
            return False
        index = smooth(np.array(self.index), times_s, 0.35)
        step_s = float(np.median(np.diff(times_s)))
        seated = index < SEATED_INDEX
        upright = index > UPRIGHT_INDEX
        if seated.sum() * step_s < MIN_SEATED_S or upright.sum() * step_s < MIN_UPRIGHT_S:
            return False
        return self._travel(seated, upright) >= MIN_TRAVEL

    def _travel(self, seated: npt.NDArray[np.bool_], upright: npt.NDArray[np.bool_]) -> float:
        """Distance of the feet between the seated and the furthest upright place, in heights."""
        place, height = np.array(self.place), np.array(self.height_px)
        home = np.median(place[seated], axis=0)
        away = np.linalg.norm(place[upright] - home, axis=1) / np.median(height[seated])
        return float(np.percentile(away, 90))


def somebody_else_did_the_test(
    frames: Sequence[FrameKeypoints], subject: SubjectTrack, min_score: float
) -> bool:
    """Whether a person other than the subject did the test too.

    Parameters
    ----------
    frames : by rising stamp, the rows of `subject`.
    """
    others: dict[int, _Other] = {}
    for row, frame in enumerate(frames):
        time_s = (frame.stamp_ns - frames[0].stamp_ns) / NS_PER_S
        for person in frame.persons:
            if person.track_id and person.track_id == subject.track_ids[row]:
                continue
            if np.array_equal(subject.boxes[row], person.box.xyxy):
                continue
            others.setdefault(person.track_id, _Other()).add(time_s, person, min_score)
    return any(other.did_the_test() for other in others.values())
