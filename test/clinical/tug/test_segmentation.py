# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support.stick_figure import EDGES_S, Figure

from thermal_pose.clinical.tug import hmm
from thermal_pose.clinical.tug.network import shipped_network
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import follow_subject
from thermal_pose.clinical.tug.result import POSTERIOR_PHASES
from thermal_pose.clinical.tug.segmentation import (
    Segmentation,
    hmm_observations,
    phase_columns,
    segment_by_hmm,
    segment_by_network,
)
from thermal_pose.clinical.tug.signals import body_signals
from thermal_pose.types import TIMED_PHASES, Phase

EDGES = np.array(EDGES_S)


@pytest.fixture(scope="module")
def track():
    return follow_subject(Figure(noise_px=0.2).frames(), TugParams())


def segmentation(boundaries_s: np.ndarray) -> Segmentation:
    return Segmentation(boundaries_s, np.full(7, 0.1), np.ones(7), np.zeros((0, 7)))


def test_arrays_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"boundaries_s: expected \(7,\), got \(6,\)"):
        segmentation(EDGES[:6])


def test_all_boundaries_in_order_are_complete() -> None:
    assert segmentation(EDGES).complete
    swapped = EDGES.copy()
    swapped[[2, 3]] = swapped[[3, 2]]
    assert not segmentation(swapped).complete
    assert not segmentation(np.where(np.arange(7) == 3, np.nan, EDGES)).complete


def test_intervals_need_both_of_their_boundaries() -> None:
    found = segmentation(np.where(np.arange(7) == 3, np.nan, EDGES)).intervals()
    assert [interval.phase for interval in found] == [
        phase for phase in TIMED_PHASES if phase not in (Phase.TURN, Phase.WALK_BACK)
    ]
    assert found[0].duration_s == pytest.approx(EDGES[1] - EDGES[0])


def test_both_seated_states_are_one_phase() -> None:
    columns = phase_columns(np.full((2, 8), 0.125))
    assert columns.sum(axis=1) == pytest.approx(np.ones(2))
    assert columns[:, POSTERIOR_PHASES.index(Phase.SEATED)] == pytest.approx([0.25, 0.25])


def test_growth_is_that_of_the_apparent_size(track) -> None:
    signals = body_signals(track, 0.05)
    growth = hmm_observations(signals)[:, 1]
    out = (signals.stamps_s > EDGES[1] + 0.5) & (signals.stamps_s < EDGES[2] - 0.5)
    back = (signals.stamps_s > EDGES[3] + 0.5) & (signals.stamps_s < EDGES[4] - 0.5)
    assert np.nanmedian(growth[out]) > 0.1 and np.nanmedian(growth[back]) < -0.1


@pytest.mark.parametrize("method", ["hmm", "network"])
def test_a_drawn_trial_is_segmented(track, method: str) -> None:
    if method == "hmm":
        found = segment_by_hmm(body_signals(track, 0.05))
    else:
        found = segment_by_network(track, (80, 60), shipped_network(TugParams().segmenter))
    assert found.complete
    assert np.abs(found.boundaries_s - EDGES).mean() < 0.5
    assert found.posteriors.shape == (len(track.stamps_s), 7)
    assert found.posteriors.sum(axis=1) == pytest.approx(np.ones(len(track.stamps_s)), abs=1e-6)


def test_states_and_phases_agree_on_their_order() -> None:
    assert hmm.STATES[1:7] == TIMED_PHASES
