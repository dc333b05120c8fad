# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
from support.stick_figure import Figure

from thermal_pose.clinical.tug.path import subject_path
from thermal_pose.types import FrameKeypoints, PersonBox, PersonKeypoints

MIN_SCORE = 0.05


def moved(person: PersonKeypoints, dx: float, track_id: int) -> PersonKeypoints:
    left, top, right, bottom = person.box.xyxy
    box = PersonBox((left + dx, top, right + dx, bottom), person.box.score, track_id)
    xy = (person.xy + np.array([dx, 0.0])).astype(np.float32)
    return replace(person, box=box, xy=xy, track_id=track_id)


def beside(frames: list[FrameKeypoints], standing: PersonKeypoints, dx: float = -22.0):
    """The frames with someone who stands beside the chair all the time."""
    other = moved(standing, dx, 2)
    return [replace(frame, persons=(*frame.persons, other)) for frame in frames]


def standing_person(frames: list[FrameKeypoints]) -> PersonKeypoints:
    return frames[len(frames) // 3].persons[0]


def swapped(frame: FrameKeypoints) -> FrameKeypoints:
    """The frame with the two identities exchanged."""
    ids = {1: 2, 2: 1}
    return replace(
        frame, persons=tuple(replace(p, track_id=ids[p.track_id]) for p in frame.persons)
    )


def test_one_person_is_followed_through_every_frame() -> None:
    frames = Figure().frames()
    assert subject_path(frames, MIN_SCORE) == [frame.persons[0] for frame in frames]


def test_someone_standing_by_is_not_the_person_tested() -> None:
    frames = Figure().frames()
    both = beside(frames, standing_person(frames))
    found = subject_path(both, MIN_SCORE)
    assert [p.track_id for p in found if p is not None] == [1] * len(frames)


def test_identities_exchanged_where_two_people_cross_are_put_right() -> None:
    frames = Figure().frames()
    standing = standing_person(frames)
    middle = len(frames) // 2
    both = []
    for k, frame in enumerate(frames):
        # The other one is at the subject's place in the middle of the trial, and beside it else.
        dx = -22.0 * min(1.0, abs(k - middle) / 10)
        place = frame.persons[0] if k == middle else standing
        both.append(replace(frame, persons=(frame.persons[0], moved(place, dx, 2))))
    crossed = [frame if k < middle else swapped(frame) for k, frame in enumerate(both)]
    found = subject_path(crossed, MIN_SCORE)
    right = [
        p is not None and p.xy is frame.persons[0].xy
        for p, frame in zip(found, crossed, strict=True)
    ]
    assert np.mean(right) > 0.95
    assert all(right[:20]) and all(right[-20:])


def test_a_ghost_with_the_persons_identity_does_not_take_the_path_away() -> None:
    frames = Figure().frames()
    middle = len(frames) // 2
    haunted = []
    for k, frame in enumerate(frames):
        person = frame.persons[0]
        persons = (person,) if k < middle else (replace(person, track_id=3),)
        if middle <= k < middle + 3:
            persons = (moved(person, 25.0, 1), *persons)
        haunted.append(replace(frame, persons=persons))
    found = subject_path(haunted, MIN_SCORE)
    assert all(
        p is not None and p.xy is f.persons[-1].xy for p, f in zip(found, haunted, strict=True)
    )


def test_nobody_in_view_gives_an_empty_path() -> None:
    empty = [replace(frame, persons=()) for frame in Figure().frames()[:5]]
    assert subject_path(empty, MIN_SCORE) == [None] * 5
    assert subject_path([], MIN_SCORE) == []
