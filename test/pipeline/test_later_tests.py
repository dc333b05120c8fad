# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
from support.stick_figure import EDGES_S, Figure

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.pipeline.later_tests import LaterTests
from thermal_pose.pipeline.session import TrialSession
from thermal_pose.types import TrialReason

SECOND_NS = 20_000_000_000


def two_tests(second_end_s: float = 16.0):
    """Two tests of one person, one after the other, in one recording."""
    first = Figure(end_s=19.9).frames()
    slower = tuple(1.2 * edge_s for edge_s in EDGES_S)
    second = Figure(edges_s=slower, end_s=second_end_s, seed=3).frames()
    return [*first, *(replace(f, stamp_ns=f.stamp_ns + SECOND_NS) for f in second)]


def run(frames):
    session, later = TrialSession(TugParams(trial_id="visit")), LaterTests(TugParams("", "visit"))
    for frame in frames:
        if session.keypoints(frame).finished:
            later.take(frame)
    return session.finish(), later.finish()


def test_a_second_test_is_timed_and_numbered():
    first, further = run(two_tests(19.0))
    assert first.result.timing.reason is TrialReason.VALID
    assert first.result.total_s == pytest.approx(10.6, abs=0.6)
    (second,) = further
    assert second.result.trial_id == "visit-2"
    assert second.result.total_s == pytest.approx(12.7, abs=0.7)


def test_a_second_test_that_is_broken_off_is_reported_too():
    _, further = run(two_tests(9.0))
    assert [trial.result.timing.valid for trial in further] == [False]


def test_sitting_on_after_a_test_is_no_second_one():
    first, further = run(Figure(end_s=40.0).frames())
    assert first.result.timing.valid
    assert further == ()
