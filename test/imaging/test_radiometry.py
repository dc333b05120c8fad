# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.imaging import radiometry


def test_counts_and_celsius_round_trip():
    degc = np.array([[-20.0, 0.0], [36.61, 99.99]])
    counts = radiometry.to_centikelvin(degc)
    assert counts[0, 1] == 27315
    np.testing.assert_allclose(radiometry.to_degc(counts), degc, atol=0.005)


@pytest.mark.parametrize("degc", [np.nan, np.inf, -274.0, 400.0])
def test_temperatures_beyond_16_bits_are_refused(degc):
    with pytest.raises(ValueError, match="degc"):
        radiometry.to_centikelvin([[degc]])


def test_relative_k_is_zero_at_the_room_and_a_lamp_does_not_move_it():
    frame = np.full((60, 80), 29500, np.uint16)
    frame[:5, :5] = 60000
    frame[20:40, 30:40] = 29500 + 800
    relative = radiometry.relative_k(frame)
    assert relative[50, 70] == 0
    assert relative[30, 35] == pytest.approx(8.0)
    assert radiometry.relative_k(frame, scale_k=4.0)[30, 35] == pytest.approx(2.0)


def test_relative_k_refuses_other_types_and_shapes():
    with pytest.raises(ValueError, match="uint16"):
        radiometry.relative_k(np.zeros((60, 80), np.float32))
    with pytest.raises(ValueError, match="at least one"):
        radiometry.relative_k(np.zeros((0, 80), np.uint16))


def test_mono8_uses_the_range_asked_for_and_stays_quiet_on_an_empty_room():
    frame = np.full((60, 80), 29500, np.uint16)
    frame[30, 40] = 30500
    shown = radiometry.to_mono8(frame, low_degc=20.0, high_degc=30.0)
    assert shown[30, 40] == 255 and shown[0, 0] == pytest.approx(255 * 0.185, abs=1)
    noise = frame + np.random.default_rng(0).integers(0, 5, frame.shape).astype(np.uint16)
    assert np.std(radiometry.to_mono8(noise)[:20]) < 5
    with pytest.raises(ValueError, match="low_degc"):
        radiometry.to_mono8(frame, low_degc=30.0, high_degc=20.0)
