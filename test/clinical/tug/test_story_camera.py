# SPDX-License-Identifier: Apache-2.0
"""Cameras on their side or upside down, and people who are found in few frames."""

from dataclasses import replace

import numpy as np
from support.courses import TEST, course, found_rarely, reason, story_of

from thermal_pose.pipeline.trial import analyze_frames
from thermal_pose.types import FrameKeypoints, PersonBox, PersonKeypoints, TrialReason


def rotated(frame: FrameKeypoints) -> FrameKeypoints:
    """The frame of a camera that lies on its side."""
    people = []
    for person in frame.persons:
        left, top, right, bottom = person.box.xyxy
        box = PersonBox((top, 79.0 - right, bottom, 79.0 - left), person.box.score, 1)
        xy = np.stack([person.xy[:, 1], 79.0 - person.xy[:, 0]], axis=1)
        people.append(PersonKeypoints(1, box, xy.astype(np.float32), person.scores))
    return replace(frame, persons=tuple(people))


def test_a_camera_on_its_side() -> None:
    result = analyze_frames([rotated(frame) for frame in course(TEST)])
    assert result.timing.reason is TrialReason.CAMERA_TILTED


def test_a_camera_on_its_side_in_which_people_are_found_three_times() -> None:
    rolled = [rotated(frame) for frame in course(TEST)]
    result = analyze_frames(found_rarely(rolled, range(40, 43)))
    assert result.timing.reason is TrialReason.CAMERA_TILTED
    assert "on its side" in result.timing.sentence


def test_upright_people_who_are_found_three_times_were_lost() -> None:
    frames = found_rarely(course(TEST), range(40, 43))
    assert reason(frames) is not TrialReason.CAMERA_TILTED


def test_a_camera_on_its_side_in_which_no_two_sightings_are_linked() -> None:
    """The subject's path holds one or two of them: the camera is told from all."""
    rolled = found_rarely([rotated(frame) for frame in course(TEST)], range(10, 11))
    for number, row in enumerate((40, 80), start=2):
        (person,) = rotated(course(TEST)[row]).persons
        moved = replace(person, track_id=number, xy=person.xy + np.array([0.0, 30.0], np.float32))
        rolled[row] = replace(rolled[row], persons=(moved,))
    assert story_of(rolled).track.seen.sum() < 3
    result = analyze_frames(rolled)
    assert result.timing.reason is TrialReason.CAMERA_TILTED
    assert "on its side" in result.timing.sentence


def test_a_person_found_in_two_frames_was_lost() -> None:
    frames = found_rarely(course(TEST), range(40, 42))
    for row in (40, 41):
        (person,) = frames[row].persons
        scores = np.where(np.arange(17) < 11, 0.9, 0.0).astype(np.float32)
        frames[row] = replace(frames[row], persons=(replace(person, scores=scores),))
    assert reason(frames) is TrialReason.FRAMES_LOST


def hardly_found(score: float) -> list[FrameKeypoints]:
    """Upside down: a person in a third of the frames, with joints of this score."""
    frames = [rotated(rotated(frame)) for frame in course(TEST)]
    for number, frame in enumerate(frames):
        (person,) = frame.persons
        found = replace(person, scores=np.full(17, score, np.float32))
        frames[number] = replace(frame, persons=() if number % 3 else (found,))
    return frames


def test_a_camera_upside_down_in_which_people_are_hardly_found() -> None:
    assert reason(hardly_found(0.2)) is TrialReason.CAMERA_TILTED


def test_a_person_seen_well_in_few_frames_was_lost() -> None:
    frames = [
        replace(f, persons=() if number % 3 else f.persons) for number, f in enumerate(course(TEST))
    ]
    assert reason(frames) is TrialReason.FRAMES_LOST
