# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import replace

import pytest
from support.stick_figure import EDGES_S, Figure

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.language import translated
from thermal_pose.pipeline.later_tests import (
    NO_START,
    NO_TEST,
    UNSEEN,
    LaterTests,
    rest_remark,
    with_remark,
)
from thermal_pose.pipeline.session import TrialSession
from thermal_pose.types import TrialReason


def two_tests(second_end_s: float = 16.0, first_end_s: float = 19.9, start_s: float = 2.0):
    """Two tests of one person, one after the other, in one recording."""
    first = Figure(end_s=first_end_s).frames()
    slower = tuple(start_s + 1.2 * (edge_s - EDGES_S[0]) for edge_s in EDGES_S)
    second = Figure(edges_s=slower, end_s=second_end_s, seed=3).frames()
    after_ns = first[-1].stamp_ns + 125_000_000 - second[0].stamp_ns
    return [*first, *(replace(f, stamp_ns=f.stamp_ns + after_ns) for f in second)]


def run(frames):
    session, later = TrialSession(TugParams(trial_id="visit")), LaterTests(TugParams("", "visit"))
    for frame in frames:
        later.take(frame, session.keypoints(frame).finished)
    further = later.finish()
    trial = with_remark(session.finish(), further, later.remark)
    return trial, trial.further


def test_a_second_test_is_timed_and_numbered():
    first, further = run(two_tests(19.0))
    assert first.result.timing.reason is TrialReason.VALID
    assert first.result.total_s == pytest.approx(10.6, abs=0.6)
    (second,) = further
    assert second.result.trial_id == "visit-2"
    assert second.result.total_s == pytest.approx(12.7, abs=0.7)


def test_a_second_test_right_after_the_first_is_not_lost():
    # The person sits for 2.6 s; that the first test is over shows after 1.5 s to 2.5 s.
    first, further = run(two_tests(17.0, first_end_s=13.6, start_s=1.6))
    assert first.result.total_s == pytest.approx(10.6, abs=0.6)
    (second,) = further
    assert second.result.timing.reason is TrialReason.VALID
    assert second.result.total_s == pytest.approx(12.7, abs=0.7)


def test_a_second_test_that_is_broken_off_is_reported_too():
    _, further = run(two_tests(9.0))
    assert [trial.result.timing.valid for trial in further] == [False]


def test_sitting_on_after_a_test_is_no_second_one_but_is_told():
    first, further = run(Figure(end_s=40.75).frames())
    assert first.result.timing.valid
    assert further == ()
    (remark,) = first.result.remarks
    ended_s = first.result.timing.phases[-1].end_s
    assert remark == (
        f"The recording goes on for {40.75 - 1 / 8 - ended_s:.0f} s after this test: "
        "the person stayed seated."
    )
    assert json.loads(first.result.to_json())["remarks"] == [remark]


def test_an_empty_room_after_a_test_is_told():
    frames = Figure(end_s=40.0).frames()
    left = [replace(frame, persons=()) for frame in frames[8 * 17 :]]
    first, further = run([*frames[: 8 * 17], *left])
    assert first.result.timing.valid
    assert further == ()
    assert "after this test: the person was hardly seen." in first.result.remarks[-1]


def test_a_recording_that_ends_soon_after_its_test_needs_no_remark():
    first, further = run(Figure(end_s=16.5).frames())
    assert (first.result.remarks, further) == ((), ())


def test_the_remark_is_on_the_last_test():
    first, further = run(two_tests(40.0))
    assert first.result.remarks == ()
    assert "stayed seated" in further[0].result.remarks[-1]


@pytest.mark.parametrize("seen", [*NO_TEST.values(), NO_START, UNSEEN])
def test_the_remark_has_a_german_text(seen):
    german = translated(rest_remark(27.0, seen), "de")
    assert german.startswith("Die Aufnahme läuft nach diesem Test 27 s weiter: ")
