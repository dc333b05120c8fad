# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from support.stick_figure import EDGES_S, Figure

from thermal_pose.clinical.tug import hmm
from thermal_pose.clinical.tug.features import CELL_S
from thermal_pose.clinical.tug.network import SUB_CELLS, shipped_network
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import follow_subject
from thermal_pose.clinical.tug.result import POSTERIOR_PHASES
from thermal_pose.clinical.tug.segmentation import (
    NetworkEvidence,
    Segmentation,
    hmm_observations,
    located,
    network_evidence,
    phase_columns,
    segment_by_evidence,
    segment_by_hmm,
)
from thermal_pose.clinical.tug.signals import body_signals
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.types import TIMED_PHASES, Phase

EDGES = np.array(EDGES_S)


@pytest.fixture(scope="module")
def track():
    return follow_subject(Figure(noise_px=0.2).frames(), TugParams())


#: Speed at which `SpeedReader` sees the first boundary, px/s.
SPEED_PX_S = 2.0


class SpeedReader:
    """Finds the first boundary where the hips go down at `SPEED_PX_S`, the others 4 cells apart.

    Like the real network, it does not know in which time lapse it sees the trial.
    """

    sd_floor_s = (0.0,) * 7

    def __init__(self, sees: bool = True) -> None:
        self.sees = sees

    def __call__(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hips_y_px = features[:, 52] * 30.0  # the second of the extra features
        first = int(np.argmax(np.gradient(hips_y_px, CELL_S) > SPEED_PX_S))
        density = np.zeros((7, SUB_CELLS * len(features)))
        for k in range(7):
            density[k, SUB_CELLS * (first + 4 * k) + 1] = float(self.sees)
        return density, np.full(7, float(not self.sees))


def accelerating(track: SubjectTrack, start_s: float, px_s2: float) -> SubjectTrack:
    """Keypoints of the track's first frame that go down ever faster from `start_s` on."""
    since_s = np.maximum(track.stamps_s - start_s, 0.0)
    xy = np.repeat(track.xy[:1], len(since_s), axis=0)
    xy[..., 1] += 0.5 * px_s2 * since_s[:, None] ** 2
    return replace(track, xy=xy)


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
        network = shipped_network(TugParams().segmenter)
        found = segment_by_evidence(network_evidence(track, (80, 60), network), track.stamps_s)
    assert found.complete
    assert np.abs(found.boundaries_s - EDGES).mean() < 0.5
    assert found.posteriors.shape == (len(track.stamps_s), 7)
    assert found.posteriors.sum(axis=1) == pytest.approx(np.ones(len(track.stamps_s)), abs=1e-6)


def test_states_and_phases_agree_on_their_order() -> None:
    assert hmm.STATES[1:7] == TIMED_PHASES


def test_a_speed_is_reached_too_early_in_time_lapse_and_in_time_at_the_own_pace(track) -> None:
    falling = accelerating(track, 2.0, px_s2=1.0)  # 2 px/s after 2 s, in time lapse after 1 s
    own = network_evidence(falling, (80, 60), SpeedReader())
    brief = network_evidence(falling, (80, 60), SpeedReader(), lapse=2.0)
    times_s = falling.stamps_s
    assert segment_by_evidence(own, times_s).boundaries_s[0] == pytest.approx(4.0, abs=0.15)
    assert segment_by_evidence(brief, times_s).boundaries_s[0] == pytest.approx(3.0, abs=0.3)
    found = segment_by_evidence(located(own, brief), times_s)
    assert found.boundaries_s[0] == pytest.approx(4.0, abs=0.15)


def test_uncertainty_grows_with_the_time_lapse(track) -> None:
    network = SpeedReader()
    network.sd_floor_s = (0.2,) * 7
    for lapse in (1.0, 3.0):
        evidence = network_evidence(track, (80, 60), network, lapse)
        sds_s = segment_by_evidence(evidence, track.stamps_s).sds_s
        assert sds_s == pytest.approx(np.full(7, 0.2 * lapse), rel=0.05)


def test_what_is_not_seen_in_time_lapse_is_read_at_the_own_pace_alone(track) -> None:
    falling = accelerating(track, 2.0, px_s2=1.0)
    own = network_evidence(falling, (80, 60), SpeedReader())
    brief = network_evidence(falling, (80, 60), SpeedReader(sees=False), lapse=2.0)
    found = segment_by_evidence(located(own, brief), falling.stamps_s)
    expected = segment_by_evidence(own, falling.stamps_s)
    assert found.boundaries_s.tolist() == expected.boundaries_s.tolist()
    assert found.sds_s.tolist() == expected.sds_s.tolist()


def test_a_little_probability_at_a_distant_time_is_no_uncertainty(track) -> None:
    """A tenth at a distance of 10 s would be an uncertainty of 3 s."""
    near = np.zeros((7, 480))
    near[range(7), [40, 80, 120, 160, 200, 240, 280]] = 0.9
    own = NetworkEvidence(near + 0.1 * np.eye(1, 480, 470), np.zeros(7), (0.0, 1 / 32), np.zeros(7))
    coarse = near.reshape(7, 120, 4).sum(axis=2) / 0.9
    brief = NetworkEvidence(coarse, np.zeros(7), (0.0, 4 / 32), np.zeros(7))
    assert segment_by_evidence(own, track.stamps_s).sds_s[-1] > 1.0
    assert (segment_by_evidence(located(own, brief), track.stamps_s).sds_s < 0.1).all()
