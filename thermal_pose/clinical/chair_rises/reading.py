# SPDX-License-Identifier: Apache-2.0
"""One look at all frames of a trial: who is tested, and every rise of that person.

A carer who stands by is larger in the picture and seen as well as the person tested; who rises
most often is the person tested. Someone else who rises twice or more does the test as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from thermal_pose.clinical.chair_rises.curves import RiseCurves, follow, rise_curves
from thermal_pose.clinical.chair_rises.cycles import Cycle, find_cycles, rises_of_cycles
from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.clinical.chair_rises.lean import lean_s
from thermal_pose.clinical.tug.subject import SubjectTrack, body_centre
from thermal_pose.types import Float64Array, FrameKeypoints, PersonKeypoints


@dataclass(frozen=True)
class PersonReading:
    """One person's track, curves and rises."""

    track: SubjectTrack
    curves: RiseCurves
    cycles: tuple[Cycle, ...]

    @property
    def rises(self) -> tuple[ChairRise, ...]:
        """Every rise, with its events in seconds since the first frame."""
        if not self.cycles:
            return ()
        quarter_s, half_s, _ = self.cycles[0].up_s
        return rises_of_cycles(self.cycles, lean_s(self.curves, quarter_s, half_s))


@dataclass(frozen=True)
class RiseReading:
    """What all frames say.

    Attributes
    ----------
    frames : in order of time.
    subject : the person tested.
    n_other_rises : rises of the other person who rises most; 0 if nobody else does.
    """

    frames: tuple[FrameKeypoints, ...]
    subject: PersonReading
    n_other_rises: int


def read_rises(frames: Sequence[FrameKeypoints], min_score: float) -> RiseReading:
    """Find the person tested and their rises.

    Parameters
    ----------
    frames : in order of time.
    min_score : joints scored below are treated as missing.
    """
    first = _read_person(frames, min_score)
    others = [_without(frame, box) for frame, box in zip(frames, first.track.boxes, strict=True)]
    if not any(frame.persons for frame in others):
        return RiseReading(tuple(frames), first, 0)
    second = _read_person(others, min_score)
    subject, other = (first, second) if len(first.cycles) >= len(second.cycles) else (second, first)
    return RiseReading(tuple(frames), subject, len(other.cycles))


def _read_person(frames: Sequence[FrameKeypoints], min_score: float) -> PersonReading:
    track = follow(frames, min_score)
    curves = rise_curves(track, min_score)
    return PersonReading(track, curves, find_cycles(curves))


def _without(frame: FrameKeypoints, box: Float64Array) -> FrameKeypoints:
    """The frame without the person in a box; NaN keeps everyone."""
    return replace(frame, persons=tuple(p for p in frame.persons if not _inside(p, box)))


def _inside(person: PersonKeypoints, box: Float64Array) -> bool:
    left, top, right, bottom = box
    x, y = body_centre(person)
    return bool(left <= x <= right and top <= y <= bottom)
