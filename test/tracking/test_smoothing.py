# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.tracking.smoothing import OneEuroFilter, OneEuroSettings

STEP_NS = 125_000_000


def run(track, settings=None):
    smooth = OneEuroFilter(settings)
    return np.array([smooth(n * STEP_NS, xy) for n, xy in enumerate(track)])


def still(n, noise_px=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return (np.full((n, 17, 2), 30.0) + rng.normal(0, noise_px, (n, 17, 2))).astype(np.float32)


def test_a_constant_passes_unchanged():
    np.testing.assert_array_equal(run(still(20)), still(20))


def test_jitter_at_rest_is_reduced_by_a_third_or_more():
    noisy = still(200, noise_px=0.3)
    assert run(noisy)[20:].std() < 0.67 * noisy[20:].std()


def test_a_walk_is_delayed_by_less_than_a_frame():
    speed_px_s = 12.0
    walk = (30 + speed_px_s * np.arange(40)[:, None, None] / 8 + np.zeros((40, 17, 2))).astype(
        np.float32
    )
    delay_s = float(np.mean((walk - run(walk))[20:]) / speed_px_s)
    assert 0 < delay_s < 0.125


def test_missing_joints_stay_missing_and_begin_anew():
    track = still(6)
    track[2:4, 5] = np.nan
    track[4:, 5] = 80.0
    out = run(track)
    assert np.isnan(out[2:4, 5]).all()
    np.testing.assert_array_equal(out[4, 5], [80.0, 80.0])
    assert np.isfinite(out[:, 6]).all()


def test_a_gap_and_a_jump_back_begin_anew():
    smooth = OneEuroFilter()
    smooth(0, still(1)[0])
    np.testing.assert_array_equal(smooth(2_000_000_000, still(1)[0] + 9), still(1)[0] + 9)
    np.testing.assert_array_equal(smooth(0, still(1)[0] - 9), still(1)[0] - 9)


@pytest.mark.parametrize("fields", [{"min_cutoff_hz": 0.0}, {"beta_s_per_px": -1.0}])
def test_settings_validate_themselves(fields):
    with pytest.raises(ValueError, match="expected"):
        OneEuroSettings(**fields)
