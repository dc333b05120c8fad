# SPDX-License-Identifier: Apache-2.0
"""A perfect estimator on people that move as told: only the tracker can be wrong."""

import numpy as np
import pytest

from thermal_pose.tracking.tracker import PersonTracker, TrackerSettings
from thermal_pose.types import PersonBox, PersonKeypoints

STEP_NS = 125_000_000
IMAGE_WH = (80, 60)


def box_at(x, y=30.0, width=12.0, height=34.0, score=0.9):
    return PersonBox((x - width / 2, y - height / 2, x + width / 2, y + height / 2), score)


def skeleton_in(box: PersonBox, person_score=0.95) -> PersonKeypoints:
    """Joints that fill a box with the margins that the tracker adds."""
    left, top, right, bottom = box.xyxy
    size = (bottom - top) / 1.15
    x = np.linspace(left + 0.06 * size, right - 0.06 * size, 17)
    y = np.linspace(top + 0.09 * size, bottom - 0.06 * size, 17)
    xy = np.stack([x, y], axis=1).astype(np.float32)
    return PersonKeypoints(box.track_id, box, xy, np.full(17, 0.9, np.float32), person_score)


class World:
    """People at known places; the estimator sees whoever is nearest to a box's centre."""

    def __init__(self, settings=None, every_n=1):
        self.tracker = PersonTracker(settings or TrackerSettings())
        self.every_n = every_n
        self.frame = 0

    def step(self, *people, detect=None):
        """One frame with people (x or None where unseen by everyone); returns ids by place."""
        stamp_ns = self.frame * STEP_NS
        due = self.frame % self.every_n == 0 if detect is None else detect
        there = [box_at(x) if np.isscalar(x) else box_at(*x) for x in people if x is not None]
        boxes = self.tracker.propose(stamp_ns, there if due else None, IMAGE_WH)
        persons = []
        for box in boxes:
            centre = np.array([box.xyxy[0] + box.xyxy[2], box.xyxy[1] + box.xyxy[3]]) / 2
            gaps = [
                np.hypot(*(centre - [(o.xyxy[0] + o.xyxy[2]) / 2, (o.xyxy[1] + o.xyxy[3]) / 2]))
                for o in there
            ]
            if gaps and min(gaps) < 8:
                seen = there[int(np.argmin(gaps))]
                found = skeleton_in(PersonBox(seen.xyxy, 0.9, box.track_id))
                persons.append(PersonKeypoints(box.track_id, box, found.xy, found.scores, 0.95))
            else:
                nobody = skeleton_in(box, person_score=0.05)
                persons.append(nobody)
        kept = self.tracker.observe(stamp_ns, persons)
        self.frame += 1
        return {person.track_id: person for person in kept}


@pytest.mark.parametrize("every_n", [1, 4, 8])
def test_a_walker_keeps_identity_and_box_between_detections(every_n):
    world = World(every_n=every_n)
    for n in range(48):
        x = 10 + 1.2 * n  # 9.6 px/s, 1.2 px per frame
        persons = world.step(x)
        assert list(persons) == [1]
        box = persons[1].box.xyxy
        assert (box[0] + box[2]) / 2 == pytest.approx(x, abs=2.5)
        assert box[3] - box[1] == pytest.approx(34.0, rel=0.1)


@pytest.mark.parametrize("hidden_frames", [1, 4, 8])
def test_identity_survives_a_second_of_occlusion(hidden_frames):
    world = World()
    for n in range(16):
        world.step(20 + 0.8 * n)
    for _ in range(hidden_frames):
        assert world.step(None) == {}
    for n in range(16 + hidden_frames, 30):
        assert list(world.step(20 + 0.8 * n)) == [1]


def test_after_a_long_absence_someone_is_new():
    world = World(TrackerSettings(max_lost_s=1.0))
    world.step(20)
    for _ in range(12):
        world.step(None)
    assert list(world.step(20)) == [2]


def test_max_lost_s_decides_how_long():
    world = World(TrackerSettings(max_lost_s=5.0))
    world.step(20)
    for _ in range(12):
        world.step(None)
    assert list(world.step(20)) == [1]


def test_a_stranger_far_from_where_the_lost_person_was_is_new():
    world = World()
    world.step(10)
    world.step(None)
    assert list(world.step(70)) == [2]


def test_two_people_crossing_keep_their_identities():
    world = World()
    for n in range(40):
        first, second = 15 + 1.25 * n, (65 - 1.25 * n, 32.0)
        persons = world.step(first, second)
        if n in (0, 39):
            place = {key: person.box.xyxy[0] + 6 for key, person in persons.items()}
            expected = {1: first, 2: second[0]}
            assert place == pytest.approx(expected, abs=3)


def test_a_person_whom_the_detector_misses_is_still_looked_for_a_while():
    world = World()
    world.step(30)
    for n in range(4):
        stamp_ns = (1 + n) * STEP_NS
        boxes = world.tracker.propose(stamp_ns, [], IMAGE_WH)
        assert len(boxes) == (1 if n < 2 else 0)
        world.tracker.observe(
            stamp_ns, [skeleton_in(PersonBox(box.xyxy, 0.9, box.track_id)) for box in boxes]
        )


def test_ten_people_have_ten_identities_and_keep_them():
    world = World()
    places = [(5 + 15 * (n % 5), 15 + 30 * (n // 5), 5.0, 20.0) for n in range(10)]
    for _ in range(5):
        assert list(world.step(*places)) == list(range(1, 11))


def test_a_box_in_which_nobody_is_seen_is_not_a_person():
    tracker = PersonTracker()
    (box,) = tracker.propose(0, [box_at(30)], IMAGE_WH)
    assert tracker.observe(0, [skeleton_in(box, person_score=0.1)]) == ()
    assert tracker.propose(STEP_NS, None, IMAGE_WH) == ()


def test_boxes_that_slid_onto_one_person_become_one():
    tracker = PersonTracker()
    tracker.propose(0, [box_at(30), box_at(45)], IMAGE_WH)
    both = [skeleton_in(PersonBox(box_at(30).xyxy, 0.9, track_id)) for track_id in (1, 2)]
    assert [person.track_id for person in tracker.observe(0, both)] == [1]


def test_who_walks_out_of_the_picture_is_no_longer_looked_at():
    world = World(every_n=100)
    for n in range(40):
        world.step(40 + 2.0 * n, detect=n == 0)
    assert world.step(140.0, detect=False) == {}


def test_boxes_are_exact_in_float32():
    tracker = PersonTracker()
    (box,) = tracker.propose(0, [box_at(30.1)], IMAGE_WH)
    assert box.xyxy == tuple(float(np.float32(edge)) for edge in box.xyxy)


def test_reset_counts_from_one_again():
    world = World()
    world.step(20)
    world.tracker.reset()
    assert list(world.step(60)) == [1]


@pytest.mark.parametrize("fields", [{"max_lost_s": 0.0}, {"min_person_score": 1.5}])
def test_settings_validate_themselves(fields):
    with pytest.raises(ValueError, match="expected"):
        TrackerSettings(**fields)
