# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from thermal_pose.clinical.tug.definitions import (
    TugKinematics,
    crossings,
    gaussian_lowpass,
    kinematics_from_joints,
    phase_intervals,
)
from thermal_pose.types import TIMED_PHASES

RATE_HZ = 100.0


def straight(times_s, start_s, end_s):
    return np.clip((times_s - start_s) / (end_s - start_s), 0.0, 1.0)


def ideal_test(turn_side=1, final_side=1):
    """Curves of straight lines whose boundaries can be worked out manually."""
    t = np.arange(0.0, 16.0, 1 / RATE_HZ)
    # Flexion 2.0 to 2.6 s at 60 deg/s, then extension; seat-off at 2.5, 0.5 to 0.9 m by 3.5.
    pitch = 36 * straight(t, 2.0, 2.6) - 36 * straight(t, 2.6, 3.4)
    height = 0.5 + 0.4 * straight(t, 2.5, 3.5) - 0.4 * straight(t, 12.0, 13.0)
    yaw = turn_side * 180 * straight(t, 6.0, 7.8) + final_side * 180 * straight(t, 10.0, 11.8)
    return TugKinematics(
        times_s=t,
        trunk_pitch_rad=np.radians(pitch),
        pelvis_height_m=height,
        pelvis_yaw_rad=np.radians(yaw),
        seat_contact=(t < 2.5) | (t >= 13.0),
    )


@pytest.mark.parametrize("turn_side", [-1, 1])
@pytest.mark.parametrize("final_side", [-1, 1])
def test_boundaries_are_where_the_definitions_put_them(turn_side, final_side):
    phases = phase_intervals(ideal_test(turn_side, final_side))
    assert tuple(phase.phase for phase in phases) == TIMED_PHASES
    # 95 % of 0.9 m is 0.855 m: 88.75 % of the rise, 11.25 % of the descent.
    expected_s = [2.0, 3.3875, 6.2, 7.6, 10.2, 12.1125, 12.995]
    found_s = [phases[0].start_s] + [phase.end_s for phase in phases]
    # The low-pass sees the corner of the flexion some 30 ms early; curves have no corners.
    assert found_s[0] == pytest.approx(expected_s[0], abs=0.04)
    np.testing.assert_allclose(found_s[1:], expected_s[1:], atol=0.01)


def test_phases_follow_one_another_without_gap():
    phases = phase_intervals(ideal_test())
    for before, after in pairwise(phases):
        assert before.end_s == after.start_s


def test_rocking_that_fails_does_not_start_the_test():
    calm = ideal_test()
    t = calm.times_s
    rock = np.radians(20) * (straight(t, 0.5, 0.9) - straight(t, 0.9, 1.3))
    rocked = replace(calm, trunk_pitch_rad=calm.trunk_pitch_rad + rock)
    assert phase_intervals(rocked)[0].start_s == phase_intervals(calm)[0].start_s


def leaned_before(lean_deg, back_deg):
    """The ideal test after a lean at 1.0 s, of which a part is taken back at 1.5 s."""
    calm = ideal_test()
    t = calm.times_s
    held = lean_deg * straight(t, 1.0, 1.4) - back_deg * straight(t, 1.5, 1.7)
    rest = (lean_deg - back_deg) * straight(t, 2.6, 3.4)
    lean = np.degrees(calm.trunk_pitch_rad) + held - rest
    return replace(calm, trunk_pitch_rad=np.radians(lean))


@pytest.mark.parametrize(("lean_deg", "back_deg"), [(40, 0), (50, 4), (60, 25)])
def test_a_deep_lean_that_is_held_or_dips_starts_the_test(lean_deg, back_deg):
    start_s = phase_intervals(leaned_before(lean_deg, back_deg))[0].start_s
    assert start_s == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("lean_deg", "back_deg"), [(12, 0), (50, 40), (60, 60)])
def test_a_small_lean_or_one_taken_back_does_not_start_the_test(lean_deg, back_deg):
    start_s = phase_intervals(leaned_before(lean_deg, back_deg))[0].start_s
    assert start_s == pytest.approx(2.0, abs=0.05)


def test_without_a_lean_there_is_no_start():
    calm = ideal_test()
    upright = replace(calm, trunk_pitch_rad=np.zeros_like(calm.times_s))
    with pytest.raises(ValueError, match="trunk flexion before seat-off"):
        phase_intervals(upright)


def test_a_glance_aside_does_not_start_the_turn():
    calm = ideal_test()
    t = calm.times_s
    glance = np.radians(30) * (straight(t, 4.0, 4.3) - straight(t, 4.6, 4.9))
    glanced = replace(calm, pelvis_yaw_rad=calm.pelvis_yaw_rad + glance)
    assert phase_intervals(glanced)[2].start_s == pytest.approx(6.2, abs=0.02)


def test_who_never_sits_down_has_no_phases():
    calm = ideal_test()
    with pytest.raises(ValueError, match="seat contact"):
        phase_intervals(replace(calm, seat_contact=calm.times_s < 2.5))


def test_who_never_turns_has_no_phases():
    calm = ideal_test()
    with pytest.raises(ValueError, match="return heading"):
        phase_intervals(replace(calm, pelvis_yaw_rad=np.zeros_like(calm.times_s)))


def test_curves_of_other_lengths_or_with_nan_are_refused_by_name():
    calm = ideal_test()
    with pytest.raises(ValueError, match="pelvis_yaw_rad"):
        replace(calm, pelvis_yaw_rad=calm.pelvis_yaw_rad[:-1])
    with pytest.raises(ValueError, match="trunk_pitch_rad"):
        replace(calm, trunk_pitch_rad=np.full_like(calm.times_s, np.nan))
    with pytest.raises(ValueError, match="times_s"):
        replace(calm, times_s=calm.times_s[::-1])


def test_joints_give_pitch_height_and_yaw():
    joints = np.zeros((3, 17, 3))
    lean, yaw = 0.3, np.array([3.0, 3.1, 3.2])
    left = np.stack([-np.sin(yaw), np.cos(yaw), np.zeros(3)], axis=-1)
    ahead = np.stack([np.cos(yaw), np.sin(yaw), np.zeros(3)], axis=-1)
    for row, side in ((0, 1), (1, -1)):
        joints[:, 11 + row] = 0.1 * side * left + [0, 0, 0.9]
        joints[:, 5 + row] = joints[:, 11 + row] + 0.5 * (
            np.sin(lean) * ahead + np.cos(lean) * np.array([0, 0, 1.0])
        )
    found = kinematics_from_joints(np.arange(3.0), joints, np.zeros(3, dtype=bool))
    np.testing.assert_allclose(found.trunk_pitch_rad, lean, atol=1e-9)
    np.testing.assert_allclose(found.pelvis_height_m, 0.9)
    np.testing.assert_allclose(found.pelvis_yaw_rad, yaw)


def test_joints_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="joints_m"):
        kinematics_from_joints(np.arange(3.0), np.zeros((3, 16, 3)), np.zeros(3, dtype=bool))


def test_crossings_are_interpolated_and_directed():
    t, curve = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 4.0, 4.0, 0.0])
    np.testing.assert_allclose(crossings(t, curve, 1.0, rising=True), [0.25])
    np.testing.assert_allclose(crossings(t, curve, 1.0, rising=False), [2.75])
    assert crossings(t, curve, 9.0, rising=True).size == 0


def test_the_lowpass_is_3_db_down_at_its_cutoff_and_keeps_the_mean():
    t = np.arange(0, 20, 0.01)
    tone = gaussian_lowpass(np.sin(2 * np.pi * 1.5 * t), 0.01, 1.5)
    assert np.abs(tone[500:-500]).max() == pytest.approx(np.sqrt(0.5), abs=0.01)
    np.testing.assert_allclose(gaussian_lowpass(np.full(50, 2.0), 0.01, 1.5), 2.0)
