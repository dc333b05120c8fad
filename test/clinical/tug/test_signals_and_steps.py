# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support.stick_figure import Figure

from thermal_pose.clinical.records import MeasureStatus
from thermal_pose.clinical.tug.coverage import longest_unseen_s, measure_coverage
from thermal_pose.clinical.tug.measures import trial_measures
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import follow_subject, read_frames
from thermal_pose.clinical.tug.signals import BodySignals, body_signals, bridge, smooth
from thermal_pose.clinical.tug.steps import estimate_steps
from thermal_pose.clinical.tug.story import Story


@pytest.fixture(scope="module")
def signals() -> BodySignals:
    return body_signals(follow_subject(Figure(noise_px=0.2).frames(), TugParams()), 0.05)


def between(signals: BodySignals, values: np.ndarray, start_s: float, end_s: float) -> float:
    inside = (signals.stamps_s >= start_s) & (signals.stamps_s < end_s)
    return float(np.nanmedian(values[inside]))


def test_hip_height_is_one_standing_and_about_half_seated(signals: BodySignals) -> None:
    assert between(signals, signals.hip_height, 4.0, 9.0) == pytest.approx(1.0, abs=0.05)
    assert between(signals, signals.hip_height, 0.0, 1.8) < 0.75


def test_facing_turns_round(signals: BodySignals) -> None:
    assert between(signals, signals.facing, 3.5, 5.5) > 0.6
    assert between(signals, signals.facing, 8.0, 9.8) < -0.6


def test_distance_halves_at_the_mark(signals: BodySignals) -> None:
    assert between(signals, signals.distance, 0.0, 1.0) == pytest.approx(1.0, abs=0.1)
    assert between(signals, signals.distance, 6.2, 7.2) == pytest.approx(0.55, abs=0.1)


def test_bridge_fills_short_gaps_only() -> None:
    times_s = np.arange(10) / 8.0
    values = np.arange(10.0)
    values[[3, 5, 6, 7, 8]] = np.nan
    filled = bridge(values, times_s, max_gap_s=0.3)
    assert filled[3] == pytest.approx(3.0)
    assert np.isnan(filled[5:9]).all()
    assert np.isnan(bridge(np.full(3, np.nan), times_s[:3])).all()


def test_smoothing_keeps_a_line_and_ignores_nan() -> None:
    times_s = np.arange(40) / 8.0
    values = 2.0 * times_s
    values[20] = np.nan
    smoothed = smooth(values, times_s, 0.2)
    assert smoothed[8:32] == pytest.approx(2.0 * times_s[8:32], abs=0.07)


def test_cadence_of_a_known_rhythm(signals: BodySignals) -> None:
    # The figure swings each leg 0.9 times per second: 1.8 steps.
    (steps,) = estimate_steps(signals, [(3.4, 5.8)])
    assert steps.rate_hz == pytest.approx(1.8, abs=0.12)
    assert 0 < steps.rate_sd_hz < 0.3
    assert steps.clarity > 0.5


def test_no_rhythm_is_not_a_number(signals: BodySignals) -> None:
    for walk_s in ((0.0, 1.8), (3.0, 3.1)):
        (steps,) = estimate_steps(signals, [walk_s])
        assert np.isnan(steps.rate_hz)


def test_one_walk_lends_the_other_its_rhythm(signals: BodySignals) -> None:
    out, back = estimate_steps(signals, [(3.4, 5.8), (7.6, 9.4)])
    assert out.rate_hz == pytest.approx(1.8, abs=0.12)
    assert back.rate_hz == pytest.approx(1.8, abs=0.2)


def test_left_and_right_are_not_compared_over_a_few_steps(signals: BodySignals) -> None:
    assert np.isnan(estimate_steps(signals, [(3.4, 5.8)])[0].asymmetry)


def story() -> Story:
    reading = read_frames(Figure().frames(), TugParams())
    return reading.story


def test_measures_of_a_known_trial() -> None:
    edges = np.array(Figure().edges_s)
    params = TugParams(height_m=1.75, focal_px=84.0)
    measures = {m.name: m for m in trial_measures(edges, np.full(7, 0.05), story(), params)}
    assert measures["total_s"].value == pytest.approx(10.6)
    assert measures["total_s"].uncertainty == pytest.approx(0.05 * np.sqrt(2))
    assert measures["total_s"].status is MeasureStatus.SIMULATED
    assert measures["turn_s"].value == pytest.approx(1.8)
    assert measures["turn_velocity_dps"].value == pytest.approx(140 / 1.8)
    assert measures["out_back_ratio"].value == pytest.approx(1.0)
    # The figure turns left (counter-clockwise from above) both times.
    assert measures["turn_direction"].value == "left"
    assert measures["turn_to_sit_direction"].value == "left"
    # It goes from 0.25 m to 2.9 m in 2.4 s.
    assert measures["gait_speed_out_mps"].value == pytest.approx(2.65 / 2.4, rel=0.15)
    assert measures["gait_speed_out_mps"].status is MeasureStatus.EXPERIMENTAL


def test_measures_without_scale_say_what_is_missing() -> None:
    edges = np.array(Figure().edges_s)
    measures = trial_measures(edges, np.full(7, 0.05), story(), TugParams(height_m=1.7))
    speed = next(m for m in measures if m.name == "gait_speed_out_mps")
    assert speed.value is None
    assert speed.omitted == "Needs the camera's calibration, not given."
    assert len({m.name for m in measures}) == len(measures)


def test_coverage_counts() -> None:
    frames = Figure().frames()
    kept = [f for k, f in enumerate(frames) if k not in range(20, 28)]
    track = follow_subject(kept, TugParams())
    coverage = measure_coverage(track, np.full(len(kept), 0.9), 2, 1)
    assert coverage.n_frames == coverage.n_with_subject == len(frames) - 8
    assert coverage.max_gap_s == pytest.approx(9 / 8)
    assert (coverage.n_gaps, coverage.n_duplicated, coverage.n_out_of_order) == (1, 2, 1)
    assert coverage.median_interval_s == pytest.approx(0.125)
    assert coverage.mean_confidence == pytest.approx(0.9)


def test_unseen_time_counts_from_the_ends() -> None:
    times_s = np.arange(11) / 10.0
    seen = np.zeros(11, dtype=bool)
    seen[7] = True
    assert longest_unseen_s(times_s, seen) == pytest.approx(0.7)
