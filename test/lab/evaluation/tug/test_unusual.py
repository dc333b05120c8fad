# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from support.stick_figure import EDGES_S, Figure

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.lab.evaluation.tug.trials import EvaluatedTrial
from thermal_pose.lab.evaluation.tug.unusual import (
    LABELS,
    LURES,
    evaluate_tests,
    unusual_cases,
    unusual_figures,
    unusual_lines,
)
from thermal_pose.lab.learning.tug.cases import case_session
from thermal_pose.lab.learning.tug.development import is_development_seed
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, truth_to_json
from thermal_pose.lab.metrics.agreement import TrialPair
from thermal_pose.types import TIMED_PHASES, PhaseInterval, TrialReason, TugTiming

SECOND_NS = 20_000_000_000


def two_tests() -> KeypointTrial:
    """A recording of a test of 10.6 s and one of 12.7 s."""
    first = Figure(end_s=19.9)
    slower = Figure(edges_s=tuple(1.2 * edge_s for edge_s in EDGES_S), end_s=19.0, seed=3)
    later = [replace(f, stamp_ns=f.stamp_ns + SECOND_NS) for f in slower.frames()]
    truth = replace(slower.truth, origin_ns=slower.truth.origin_ns + SECOND_NS)
    conditions = {"later_truths": [truth_to_json(truth)]}
    return KeypointTrial("t", "s", (*first.frames(), *later), first.truth, conditions)


def evaluated(total_s: float | None, remarks: tuple[str, ...] = ()) -> EvaluatedTrial:
    """A trial of 10 s that was timed as `total_s`, or refused if None."""
    edges = np.linspace(0.0, 1.0, 7)
    truth, found = (
        TugTiming(
            0,
            tuple(PhaseInterval(p, a, b) for p, a, b in zip(TIMED_PHASES, t, t[1:], strict=False)),
        )
        for t in (10.0 * edges, (total_s or 1.0) * edges)
    )
    if total_s is None:
        found = TugTiming(0, (), TrialReason.STOPPED_EARLY, "Never left.")
    pair = TrialPair(truth, found, np.arange(3, dtype=np.int64), "s")
    return EvaluatedTrial(pair, "t", {}, remarks=remarks)


def test_the_groups_with_a_lure_are_the_same_trials_with_a_warm_thing() -> None:
    groups = unusual_cases(430, 2)
    assert set(groups) == set(LABELS)
    names = [case.name for cases in groups.values() for case in cases]
    assert len(set(names)) == len(names) == 2 * len(LABELS)
    assert all(is_development_seed(c.seed) for cases in groups.values() for c in cases)
    assert [replace(case, lure="") for case in groups["lure_lamp"]] == groups["no_lure"]


def test_both_tests_of_a_recording_are_judged_against_their_own_truth() -> None:
    trials = evaluate_tests(two_tests(), TugParams())
    assert [trial.pair.truth.total_s for trial in trials] == pytest.approx([10.6, 12.72])
    assert all(abs(trial.total_error_s) < 0.7 for trial in trials)
    assert trials[0].conditions["n_reported"] == 2
    assert unusual_figures(trials, 0.7)["reported"] == 2


def test_a_test_without_a_result_counts_as_refused() -> None:
    whole = two_tests()
    half = replace(whole, frames=whole.frames[:120])
    figures = unusual_figures(evaluate_tests(half, TugParams()), 0.7)
    assert (figures["n"], figures["timed"], figures["reported"]) == (2, 1, 1)
    assert figures["refused"] == {"no_person": 1}


def test_figures_and_table() -> None:
    remark = "The person turned about 1.4 m from the chair; the test asks for a walkway of 3 m."
    trials = [evaluated(10.2), evaluated(10.5, (remark,)), evaluated(None)]
    figures = unusual_figures(trials, 0.3)
    assert (figures["n"], figures["timed"], figures["right"]) == (3, 2, 1)
    assert (figures["distance_remarks"], figures["worst_s"]) == (1, pytest.approx(0.5))
    lines = unusual_lines({"short_walkway": figures}, 0.3)
    row = "| walkway of 1.5 m | 3 | 10.0 to 10.0 | 2 | 1 | 0.350 | 0.500 | 1 | 1 stopped_early |"
    assert lines[-2] == row
    assert unusual_lines({}, 0.3) == []


def test_a_lure_stands_beside_the_chair_and_changes_nothing_else() -> None:
    groups = unusual_cases(7, 1)
    plain = case_session(groups["no_lure"][0])
    for kind in LURES:
        lured = case_session(groups[f"lure_{kind}"][0])
        *others, lure = lured.distractors
        assert lure.kind == kind
        assert lure.warm_k > 4.0
        assert np.hypot(*lure.position_m[:2]) < 1.0
        assert replace(lured, distractors=tuple(others)) == plain
