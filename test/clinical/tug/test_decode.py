# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.clinical.tug.decode import (
    central_mean_s,
    ordered_posteriors,
    posterior_sd_s,
    present_run,
    rebinned,
    refined,
    state_posteriors,
)

STEP_S = 1 / 32


def bump(n_bins: int, centre: float, width: float = 3.0) -> np.ndarray:
    return np.exp(-0.5 * ((np.arange(n_bins) + 0.5 - centre) / width) ** 2)


def test_clear_evidence_is_kept() -> None:
    density = np.stack([bump(640, c) for c in (100, 200, 330)])
    posterior = ordered_posteriors(density, STEP_S)
    assert posterior.sum(axis=1) == pytest.approx(1.0)
    times_s = central_mean_s(posterior, 0.0, STEP_S)
    assert times_s == pytest.approx(np.array([100, 200, 330]) * STEP_S, abs=1e-3)
    assert posterior_sd_s(posterior, STEP_S) == pytest.approx(3.0 * STEP_S, rel=0.02)


def test_order_decides_between_two_candidates() -> None:
    # The second boundary has a stronger candidate before the first one: impossible.
    second = 3.0 * bump(640, 80) + bump(640, 300)
    posterior = ordered_posteriors(np.stack([bump(640, 200), second]), STEP_S)
    assert central_mean_s(posterior, 0.0, STEP_S)[1] == pytest.approx(300 * STEP_S, abs=0.01)


def test_boundaries_keep_the_shortest_duration() -> None:
    same = bump(640, 200, 2.0)
    posterior = ordered_posteriors(np.stack([same, same, same]), STEP_S, min_phase_s=0.2)
    times_s = central_mean_s(posterior, 0.0, STEP_S)
    assert np.all(np.diff(times_s) >= 0.19)
    assert times_s[1] == pytest.approx(200 * STEP_S, abs=0.05)


def test_a_boundary_lies_between_bins() -> None:
    posterior = np.zeros((2, 10))
    posterior[0, 4], posterior[1, 4:6] = 1.0, 0.5
    assert central_mean_s(posterior, 1.0, 0.1) == pytest.approx([1.45, 1.5])


def test_a_skewed_posterior_gives_its_mean_but_not_its_far_end() -> None:
    skewed = np.zeros((1, 1000))
    skewed[0, 10:14] = 0.4, 0.3, 0.2, 0.1
    mean = central_mean_s(skewed, 0.0, 1.0)[0]
    assert mean == pytest.approx(11.5, abs=0.06) and mean > 11.4  # the median is 11.33
    far = 0.98 * skewed
    far[0, 990] = 0.02
    assert central_mean_s(far, 0.0, 1.0)[0] == pytest.approx(mean, abs=0.1)


def test_states_are_between_boundaries() -> None:
    posterior = ordered_posteriors(np.stack([bump(64, 16, 0.3), bump(64, 48, 0.3)]), STEP_S)
    states = state_posteriors(posterior, 0.0, STEP_S, np.array([0.1, 1.0, 1.9]))
    assert states == pytest.approx(np.eye(3), abs=1e-6)
    soft = state_posteriors(posterior, 0.0, STEP_S, np.linspace(0, 2, 33))
    assert soft.sum(axis=1) == pytest.approx(1.0)


def test_no_boundaries_is_one_state() -> None:
    empty = ordered_posteriors(np.zeros((0, 8)), STEP_S)
    states = state_posteriors(empty, 0.0, STEP_S, np.array([0.0, 0.1]))
    assert states.tolist() == [[1.0], [1.0]]


def test_shape_is_checked() -> None:
    with pytest.raises(ValueError, match=r"expected \(B, N\)"):
        ordered_posteriors(np.zeros(5), STEP_S)


def test_present_boundaries_are_one_run() -> None:
    assert present_run(np.array([0.9, 0.99, 0.4, 0.9, 0.9, 0.9, 0.9])).tolist() == [*range(7)]
    assert present_run(np.array([0.9, 0.9, 0.9, 0.2, 0.1, 0.1, 0.1])).tolist() == [0, 1, 2]
    assert present_run(np.array([0.1, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9])).tolist() == [2, 3, 4, 5, 6]
    assert present_run(np.full(7, 0.1)).tolist() == []


#: A coarse reading: one boundary about 40 s, by bins four times as wide.
COARSE_GRID_S, FINE_GRID_S = (-0.25, 4 * STEP_S), (-0.0625, STEP_S)


def coarse_bump(centre_s: float, sd_s: float) -> np.ndarray:
    bins = bump(640, (centre_s + 0.25) / (4 * STEP_S), sd_s / (4 * STEP_S))
    return (bins / bins.sum())[None]


def fine_bump(centre_s: float, share: float) -> np.ndarray:
    bins = bump(2560, (centre_s + 0.0625) / STEP_S)
    return (share * bins / bins.sum())[None]


def mean_of(fine: np.ndarray, coarse: np.ndarray) -> float:
    evidence = refined(fine, FINE_GRID_S, coarse, COARSE_GRID_S)
    assert evidence.sum() == pytest.approx(1.0, abs=1e-6)
    return float(evidence[0] @ (FINE_GRID_S[0] + STEP_S * (np.arange(2560) + 0.5)))


def test_the_fine_reading_says_where_a_boundary_is_near_the_coarse_one() -> None:
    assert mean_of(fine_bump(41.0, 1.0), coarse_bump(40.0, 0.5)) == pytest.approx(41.0, abs=0.01)


def test_what_the_fine_reading_places_elsewhere_is_left_to_the_coarse_one() -> None:
    elsewhere = fine_bump(50.0, 0.4) + fine_bump(41.0, 0.6)
    assert mean_of(elsewhere, coarse_bump(40.0, 0.5)) == pytest.approx(40.6, abs=0.01)


def test_a_boundary_that_the_fine_reading_lacks_is_the_coarse_one() -> None:
    nothing = np.zeros((1, 2560))
    assert mean_of(nothing, coarse_bump(40.0, 0.5)) == pytest.approx(40.0, abs=0.01)
    evidence = refined(nothing, FINE_GRID_S, coarse_bump(40.0, 0.5), COARSE_GRID_S)
    assert posterior_sd_s(evidence, STEP_S) == pytest.approx(0.5, abs=0.02)


def test_the_less_sure_the_coarse_reading_the_further_it_is_corrected() -> None:
    fine = fine_bump(43.5, 1.0)
    assert mean_of(fine, coarse_bump(40.0, 0.5)) == pytest.approx(40.0, abs=0.01)
    assert mean_of(fine, coarse_bump(40.0, 1.5)) == pytest.approx(43.5, abs=0.01)


def test_other_bins_hold_the_same_probability() -> None:
    posterior = np.array([[0.0, 0.25, 0.75, 0.0]])
    halves = rebinned(posterior, (1.0, 0.2), (1.0, 0.1), 8)
    assert halves == pytest.approx(np.repeat(posterior / 2, 2, axis=1))
    assert rebinned(halves, (1.0, 0.1), (1.0, 0.2), 4) == pytest.approx(posterior)
    assert rebinned(posterior, (1.0, 0.2), (1.4, 0.2), 1).tolist() == [[pytest.approx(0.75)]]
    assert rebinned(np.zeros((0, 4)), (1.0, 0.2), (1.0, 0.1), 8).shape == (0, 8)
