# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.clinical.tug.decode import (
    central_mean_s,
    ordered_posteriors,
    posterior_sd_s,
    present_run,
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
