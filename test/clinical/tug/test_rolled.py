# SPDX-License-Identifier: Apache-2.0
"""People who lie in the image, on a stick figure in front of a camera that is upright or rolled."""

from dataclasses import replace

import numpy as np
import pytest
from support.stick_figure import Figure

from thermal_pose.clinical.tug.rolled import found_lying, wide
from thermal_pose.types import FrameKeypoints, PersonBox, PersonKeypoints

MIN_SCORE = 0.05


def on_its_side(person: PersonKeypoints) -> PersonKeypoints:
    """The person as a camera sees them that is rolled by a quarter."""
    left, top, right, bottom = person.box.xyxy
    box = PersonBox((top, -right, bottom, -left), person.box.score, person.track_id)
    xy = np.stack([person.xy[:, 1], -person.xy[:, 0]], axis=1)
    return replace(person, box=box, xy=xy)


def frames(lying: int, upright: int = 0) -> list[FrameKeypoints]:
    """A hundred frames with so many people who lie, and stand, in one frame each."""
    seen = Figure(end_s=12.5).frames()
    for row, frame in enumerate(seen):
        (person,) = frame.persons
        persons = (on_its_side(person),) if row < lying else (person,)
        seen[row] = replace(frame, persons=persons if row < lying + upright else ())
    return seen


@pytest.mark.parametrize(("lying", "found"), [(0, False), (2, False), (3, True), (19, True)])
def test_three_sightings_of_people_who_lie_are_enough(lying, found) -> None:
    assert found_lying(frames(lying), MIN_SCORE) is found


def test_people_who_lie_are_hardly_found() -> None:
    assert not found_lying(frames(40), MIN_SCORE)


def test_one_upright_person_is_enough_for_an_upright_camera() -> None:
    assert not found_lying(frames(3, upright=1), MIN_SCORE)


def test_a_wide_box_around_an_upright_trunk_is_no_person_who_lies() -> None:
    seen = [
        replace(frame, persons=tuple(_widened(person) for person in frame.persons))
        for frame in frames(0, upright=3)
    ]
    assert not found_lying(seen, MIN_SCORE)


def _widened(person: PersonKeypoints) -> PersonKeypoints:
    return replace(person, box=replace(person.box, xyxy=(5.0, 20.0, 75.0, 50.0)))


def test_without_joints_or_frames_nobody_lies() -> None:
    unseen = [
        replace(f, persons=tuple(replace(p, scores=np.zeros(17, np.float32)) for p in f.persons))
        for f in frames(3)
    ]
    assert not found_lying(unseen, MIN_SCORE)
    assert not found_lying([], MIN_SCORE)
    assert wide(np.zeros((0, 4))).shape == (0,)
