# SPDX-License-Identifier: Apache-2.0
"""Mirrored answers and switches within walks, counted on the demo's truth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from thermal_pose.bags.reader import BagReader
from thermal_pose.lab.evaluation.kept_sides import Walk, compared, counted, walks_of
from thermal_pose.lab.evaluation.keypoints import visible_people
from thermal_pose.skeleton import MIRROR
from thermal_pose.types import NS_PER_S, FrameKeypoints, PersonBox, PersonKeypoints, Phase

DEMO = Path(__file__).parents[3] / "thermal_pose" / "assets" / "demo"


@pytest.fixture(scope="module")
def recording():
    with BagReader(DEMO) as bag:
        return list(bag.true_frames()), bag.true_timing()


def answers(truth, mirrored=frozenset(), missing=frozenset(), beside=()):
    """The truth as answers; the frames numbered in `mirrored` with sides exchanged."""
    found = []
    for number, frame in enumerate(truth):
        people = [
            PersonKeypoints(
                1,
                PersonBox((0.0, 0.0, 9.0, 9.0), 1.0),
                person.xy[MIRROR] if number in mirrored else person.xy,
                np.ones(17, np.float32),
            )
            for person in visible_people(frame)
        ]
        persons = () if number in missing else (*beside, *people)
        found.append(FrameKeypoints(frame.stamp_ns, "cam", "exact", (80, 60), persons))
    return found


def frames_of(truth, timing, phase):
    """Numbers of the frames of a phase."""
    span = next(each for each in timing if each.phase is phase)
    times = [(frame.stamp_ns - timing.origin_ns) / NS_PER_S for frame in truth]
    return [n for n, time_s in enumerate(times) if span.start_s <= time_s < span.end_s]


def test_the_truth_is_never_mirrored(recording) -> None:
    truth, timing = recording
    walks = walks_of(truth, timing, answers(truth))
    for name, phase in (("walk_out", Phase.WALK_OUT), ("walk_back", Phase.WALK_BACK)):
        count = len(frames_of(truth, timing, phase))
        assert walks[name] == Walk(count, (False,) * count)


def test_a_mirrored_stretch_is_two_switches_of_that_walk_alone(recording) -> None:
    truth, timing = recording
    inside = frames_of(truth, timing, Phase.WALK_BACK)[3:8]
    walks = walks_of(truth, timing, answers(truth, mirrored=set(inside)))
    assert sum(walks["walk_back"].mirrored) == 5
    assert walks["walk_back"].switches == 2
    assert not any(walks["walk_out"].mirrored)


def test_frames_without_the_person_have_no_answer(recording) -> None:
    truth, timing = recording
    gone = frames_of(truth, timing, Phase.WALK_OUT)[:4]
    walk = walks_of(truth, timing, answers(truth, missing=set(gone)))["walk_out"]
    assert walk.frames - len(walk.mirrored) == 4


def test_someone_else_is_not_the_person_tested(recording) -> None:
    truth, timing = recording
    far = answers(truth)[0].persons[0]
    other = replace(far, xy=far.xy + np.float32(30.0))
    number = frames_of(truth, timing, Phase.WALK_OUT)[0]
    alone = walks_of(truth, timing, answers(truth, missing=set(range(number + 1))))
    with_other = walks_of(truth, timing, answers(truth, beside=(other,)))
    assert not any(with_other["walk_out"].mirrored)
    assert len(alone["walk_out"].mirrored) == len(with_other["walk_out"].mirrored) - 1


def test_counts_and_comparison() -> None:
    off = [Walk(4, (True, False, True)), Walk(3, (True, True, True)), Walk(2, (False, False))]
    on = [Walk(4, (False, False, False)), Walk(3, (True, True, True)), Walk(2, (False, True))]
    assert counted(off) == {
        "walks": 3, "frames": 9, "answers": 8, "mirrored": 5, "switches": 2,
        "walks_with_a_switch": 1, "walks_mostly_mirrored": 2,
    }  # fmt: skip
    assert compared(off, on) == {"walks_with_fewer": 1, "walks_with_more": 1}
    with pytest.raises(ValueError, match="expected 3 walks, got 2"):
        compared(off, on[:2])
