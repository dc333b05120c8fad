# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.lab.metrics.agreement import (
    TrialPair,
    agreement,
    boundaries_s,
    icc_a1,
    labels_at,
    macro_f1,
    template_estimate,
)
from thermal_pose.types import TIMED_PHASES, Phase, PhaseInterval, TrialReason, TugTiming

EDGES = np.array([2.0, 3.4, 5.8, 7.6, 10.0, 11.4, 12.6])


def timing(edges: np.ndarray, origin_ns: int = 0) -> TugTiming:
    return TugTiming(
        origin_ns,
        tuple(
            PhaseInterval(p, float(edges[k]), float(edges[k + 1]))
            for k, p in enumerate(TIMED_PHASES)
        ),
    )


def refused(reason: TrialReason) -> TugTiming:
    return TugTiming(0, (), reason, "because")


def stamps(rate_hz: float = 8.0) -> np.ndarray:
    return (np.arange(0, 16, 1 / rate_hz) * 1e9).astype(np.int64)


def cohort(shift_s: float) -> list[TrialPair]:
    rng = np.random.default_rng(0)
    pairs = []
    for k in range(12):
        edges = EDGES * rng.uniform(0.8, 1.1)
        moved = edges.copy()
        moved[-1] += shift_s
        pairs.append(TrialPair(timing(edges), timing(moved), stamps(), f"s{k // 3}"))
    return pairs


def test_perfect_estimates_are_perfect() -> None:
    figures = agreement(cohort(0.0))
    assert figures["total_mae_s"] == 0.0
    assert figures["total_icc"] == 1.0
    assert figures["frame_accuracy"] == figures["macro_f1"] == figures["detected"] == 1.0
    assert figures["turn_icc"] == {"mid": 1.0, "final": 1.0}
    assert figures["template"]["frame_accuracy"] == 1.0  # same fractions in all


def test_a_constant_shift_of_the_end_is_bias_of_the_total_only() -> None:
    figures = agreement(cohort(0.14))
    assert figures["total_bias_s"] == pytest.approx(0.14)
    assert figures["total_mae_s"] == pytest.approx(0.14)
    assert figures["boundary_mae_s"] == pytest.approx(0.02)
    assert figures["phase_mae_each_s"]["STAND_TO_SIT"] == pytest.approx(0.14)
    assert figures["phase_mae_each_s"]["TURN"] == 0.0


def test_clocks_with_other_origins_are_brought_together() -> None:
    late = timing(EDGES - 1.5, origin_ns=1_500_000_000)
    figures = agreement([TrialPair(timing(EDGES), late, stamps(), f"s{k}") for k in range(3)])
    assert figures["boundary_mae_s"] == pytest.approx(0.0, abs=1e-9)


def test_refusals_are_counted_on_both_sides() -> None:
    pairs = cohort(0.0)
    pairs.append(TrialPair(timing(EDGES), refused(TrialReason.STAMP_GAP), stamps(), "s9"))
    pairs.append(TrialPair(refused(TrialReason.NEVER_SAT), timing(EDGES), stamps(), "s9"))
    never = refused(TrialReason.NEVER_SAT)
    pairs.append(TrialPair(never, never, stamps(), "s9"))
    figures = agreement(pairs)
    assert (figures["n_valid"], figures["n_invalid"], figures["invalid_timed"]) == (13, 2, 1)
    assert figures["detected"] == pytest.approx(12 / 13, abs=1e-5)
    assert figures["wrongly_refused"] == {"stamp_gap": 1}
    assert figures["refused"] == {"valid": 1, "never_sat": 1}
    assert figures["frame_accuracy"] < 1.0


def test_too_few_trials_give_no_figures_of_time() -> None:
    figures = agreement([])
    assert figures["n_valid"] == 0
    assert figures["detected"] is None
    assert "total_mae_s" not in figures


def test_icc_of_shrout_and_fleiss() -> None:
    """Six targets, four judges: their table 2 and the ICC(2,1) of their table 4."""
    targets = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    judges = np.array(targets, dtype=np.float64).T
    assert icc_a1(*judges) == pytest.approx(0.29, abs=0.005)


def test_icc_punishes_bias_unlike_correlation() -> None:
    values = np.linspace(8, 14, 20)
    assert icc_a1(values, values + 3.0) < 0.6
    with pytest.raises(ValueError, match="K >= 3"):
        icc_a1(values[:2], values[:2])


def test_labels_are_half_open_intervals() -> None:
    labels = labels_at(np.array([1.99, 2.0, 12.59, 12.6]), EDGES)
    assert labels.tolist() == [
        Phase.SEATED,
        Phase.SIT_TO_STAND,
        Phase.STAND_TO_SIT,
        Phase.SEATED,
    ]


def test_macro_f1_counts_each_phase_alike() -> None:
    truth = labels_at(np.arange(0, 16, 0.125), EDGES)
    estimate = np.where(truth == Phase.TURN, Phase.WALK_OUT, truth)
    assert macro_f1(truth, truth) == 1.0
    assert macro_f1(truth, estimate) < 6 / 7


def test_template_leaves_the_own_subject_out() -> None:
    odd = np.array([0.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    even = np.linspace(0.0, 6.0, 7)
    estimates = template_estimate([odd, even, even], ["a", "b", "c"])
    assert estimates[0] == pytest.approx(np.linspace(0.0, 10.0, 7))
    assert estimates[0][0] == odd[0]
    assert estimates[0][-1] == odd[-1]


def test_boundaries_need_all_phases_in_order() -> None:
    with pytest.raises(ValueError, match="expected"):
        boundaries_s(TugTiming(0, timing(EDGES).phases[::-1]))
