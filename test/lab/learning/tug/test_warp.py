# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.lab.learning.tug.corpus import UNKNOWN, MotionTrial, ObservedTrial
from thermal_pose.lab.learning.tug.warp import draw_warp, warped_motion, warped_trial

EDGES_S = np.array([2.0, 3.0, 5.0, np.nan, UNKNOWN, 8.0, 9.0])


def test_a_warp_rises_and_can_be_undone() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        warp = draw_warp(1.0, 12.0, 0.4, rng)
        times_s = np.linspace(1.0, 12.0, 200)
        moved_s = warp.later(times_s)
        assert moved_s[0] == pytest.approx(1.0)
        assert (np.diff(moved_s) > 0).all()
        assert warp.earlier(moved_s) == pytest.approx(times_s)


def test_no_spread_of_pace_changes_nothing() -> None:
    warp = draw_warp(0.0, 9.0, 0.0, np.random.default_rng(1))
    assert warp.later(EDGES_S) == pytest.approx(EDGES_S, nan_ok=True)


def test_boundaries_stay_at_the_same_frames() -> None:
    times_s = np.arange(0.0, 11.0, 0.125)
    n = len(times_s)
    trial = ObservedTrial(
        times_s, np.zeros((n, 17, 2)), np.ones((n, 17)), EDGES_S.copy(), np.zeros((n, 5))
    )
    moved = warped_trial(trial, 0.4, np.random.default_rng(2))
    place = np.interp(moved.boundaries_s[[0, 1, 2, 5, 6]], moved.times_s, np.arange(n))
    assert place == pytest.approx(EDGES_S[[0, 1, 2, 5, 6]] / 0.125, abs=0.05)
    assert np.isnan(moved.boundaries_s[3])
    assert np.isinf(moved.boundaries_s[4])


def test_a_motion_passes_the_same_places_at_other_times() -> None:
    times_s = np.arange(0.0, 11.0, 0.02)
    joints_m = np.broadcast_to(times_s[:, None, None], (len(times_s), 17, 3)).astype(np.float32)
    motion = MotionTrial(times_s, joints_m, EDGES_S.copy())
    moved = warped_motion(motion, 0.4, np.random.default_rng(3))
    assert np.diff(moved.times_s) == pytest.approx(0.02)
    at_edges = np.interp(moved.boundaries_s[[0, 1, 6]], moved.times_s, moved.joints_m[:, 0, 0])
    assert at_edges == pytest.approx(EDGES_S[[0, 1, 6]], abs=0.03)
