# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support.stick_figure import EDGES_S

from thermal_pose.clinical.tug import hmm

TIMES_S = np.arange(0.0, 15.0, 0.125)


def observed(noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """(N, 3) signals that go through the eight states at the known boundaries."""
    state = np.searchsorted(EDGES_S, TIMES_S, side="right")
    rng = np.random.default_rng(seed)
    return hmm._MEANS[state] + noise * rng.standard_normal((len(TIMES_S), 3)) * hmm._SPREADS[state]


def test_emissions_are_those_of_a_normal_distribution_with_a_floor() -> None:
    row = hmm._MEANS[2:3] + np.array([[0.3, 0.0, 0.0]])
    found = hmm.emission_log(row)[0, 2]
    assert found == pytest.approx(-0.5 * (0.3 / 0.3) ** 2 - np.log([0.3, 0.15, 0.5]).sum())
    wild = hmm.emission_log(np.array([[100.0, 0.22, 0.7]]))[0, 2]
    assert wild == pytest.approx(-6.0 - np.log([0.3, 0.15, 0.5]).sum())


def test_a_missing_signal_says_nothing() -> None:
    assert hmm.emission_log(np.full((1, 3), np.nan)).tolist() == [[0.0] * 8]


@pytest.mark.parametrize("shape", [(5,), (5, 2)])
def test_observations_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        hmm.emission_log(np.zeros(shape))


def test_posteriors_are_distributions_that_start_first_and_end_last() -> None:
    states = hmm.smooth_states(TIMES_S, observed(0.5))
    assert states.sum(axis=1) == pytest.approx(np.ones(len(TIMES_S)))
    assert states[0, 0] > 0.99
    assert states[-1, 7] > 0.99


def test_boundaries_of_known_states_are_found() -> None:
    states = hmm.smooth_states(TIMES_S, observed())
    boundaries_s, sds_s = hmm.boundaries_from_states(TIMES_S, states)
    assert np.abs(boundaries_s - EDGES_S).max() < 0.4
    assert np.all(np.diff(boundaries_s) > 0)
    assert np.all((sds_s > 0.06) & (sds_s < 1.0))


def test_certain_states_give_boundaries_between_frames() -> None:
    state = np.searchsorted(EDGES_S, TIMES_S, side="right")
    boundaries_s, sds_s = hmm.boundaries_from_states(TIMES_S, np.eye(8)[state])
    assert np.abs(boundaries_s - EDGES_S).max() <= 0.125
    assert sds_s == pytest.approx(np.full(7, 0.0625))


def test_states_that_are_never_reached_have_no_boundary() -> None:
    never_left = np.tile(np.eye(8)[0], (len(TIMES_S), 1))
    boundaries_s, _ = hmm.boundaries_from_states(TIMES_S, never_left)
    assert np.isnan(boundaries_s).all()
