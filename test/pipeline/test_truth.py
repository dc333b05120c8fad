# SPDX-License-Identifier: Apache-2.0
import itertools

import pytest

from thermal_pose.pipeline.truth import overlaps, rebase
from thermal_pose.types import NS_PER_S, Phase, PhaseInterval, TrialReason, TugTiming

ORIGIN_NS = 1_000 * NS_PER_S


def timing(*edges_s):
    pairs = itertools.pairwise(edges_s)
    return TugTiming(
        ORIGIN_NS, tuple(PhaseInterval(Phase.TURN, start, end) for start, end in pairs)
    )


def test_rebase_keeps_the_absolute_times():
    moved = rebase(timing(2.0, 3.5), ORIGIN_NS + NS_PER_S)
    assert moved.origin_ns == ORIGIN_NS + NS_PER_S
    assert (moved.phases[0].start_s, moved.phases[0].end_s) == (1.0, 2.5)
    assert moved.total_s == pytest.approx(1.5)


def test_rebase_to_its_own_origin_changes_nothing():
    assert rebase(timing(2.0, 3.5), ORIGIN_NS) == timing(2.0, 3.5)


@pytest.mark.parametrize(
    ("first_s", "last_s", "expected"),
    [(0, 10, True), (3, 10, True), (0, 2, True), (4, 10, False), (0, 1.9, False)],
)
def test_truth_belongs_to_the_trial_it_overlaps(first_s, last_s, expected):
    first_ns, last_ns = (ORIGIN_NS + int(value * NS_PER_S) for value in (first_s, last_s))
    assert overlaps(timing(2.0, 3.5), first_ns, last_ns) is expected


def test_truth_without_phases_belongs_where_it_was_stated():
    refused = TugTiming(ORIGIN_NS, (), TrialReason.NEVER_STOOD, "stayed seated")
    assert overlaps(refused, ORIGIN_NS - 5, ORIGIN_NS + 5)
    assert not overlaps(refused, ORIGIN_NS + 1, ORIGIN_NS + 5)
