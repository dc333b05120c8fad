# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.lab.evaluation.tug.measures import measure_agreement, true_measures
from thermal_pose.skeleton import Joint

EDGES_S = np.array([1.0, 2.0, 5.0, 7.0, 10.0, 12.0, 13.0])
SPEED_MPS, STEP_HZ = 1.0, 1.75


def walker(times_s: np.ndarray) -> np.ndarray:
    """Joints (N, 17, 3) of someone who walks out, turns left, walks back, turns on, and sits."""
    x = np.interp(times_s, EDGES_S[1:5], [0.0, 3.0, 3.0, 0.0])
    yaw = np.interp(times_s, [5.0, 7.0, 10.0, 12.0], [0.0, np.pi, np.pi, 2 * np.pi])
    swing = 0.3 * np.sin(np.pi * STEP_HZ * times_s)
    left = np.stack([-np.sin(yaw), np.cos(yaw)], axis=1)
    joints = np.zeros((len(times_s), 17, 3))
    joints[:, :, 0] = x[:, None]
    for joint, side, height in (
        (Joint.LEFT_HIP, 0.1, 0.9),
        (Joint.RIGHT_HIP, -0.1, 0.9),
        (Joint.LEFT_SHOULDER, 0.2, 1.4),
        (Joint.RIGHT_SHOULDER, -0.2, 1.4),
    ):
        joints[:, joint, :2] += side * left
        joints[:, joint, 2] = height
    joints[:, Joint.LEFT_ANKLE, 0] += swing
    joints[:, Joint.RIGHT_ANKLE, 0] -= swing
    return joints


def test_measures_of_a_known_walk() -> None:
    times_s = np.arange(0.0, 14.0, 0.125)
    found = true_measures(times_s, walker(times_s), EDGES_S)
    assert found["gait_speed_out_mps"] == pytest.approx(SPEED_MPS, rel=0.02)
    assert found["cadence_out_spm"] == pytest.approx(60 * STEP_HZ, rel=0.05)
    assert found["steps_back"] == pytest.approx(3.0 * STEP_HZ, rel=0.05)
    assert found["step_length_out_m"] == pytest.approx(SPEED_MPS / STEP_HZ, rel=0.07)
    assert (found["turn_direction"], found["turn_to_sit_direction"]) == ("left", "left")
    assert found["sit_to_stand_lean_deg"] == pytest.approx(0.0, abs=1.0)
    assert found["walk_distance_m"] == pytest.approx(3.0, abs=0.05)
    assert (found["pauses"], found["pause_time_s"]) == (0.0, 0.0)


def test_standing_still_is_a_pause_and_turning_on_the_spot_is_none() -> None:
    times_s = np.arange(0.0, 17.0, 0.125)
    shown_s = np.interp(times_s, [0.0, 3.5, 6.5, 17.0], [0.0, 3.5, 3.5, 14.0])
    edges_s = EDGES_S + np.where(EDGES_S > 3.5, 3.0, 0.0)
    found = true_measures(times_s, walker(shown_s), edges_s)
    assert found["pauses"] == 1.0
    assert found["pause_time_s"] == pytest.approx(3.0, abs=0.3)


def test_frames_without_the_subject_are_left_out() -> None:
    times_s = np.arange(0.0, 14.0, 0.125)
    joints = walker(times_s)
    joints[3:6] = np.nan
    assert true_measures(times_s, joints, EDGES_S)["turn_direction"] == "left"


def test_agreement_counts_what_was_given_and_omitted() -> None:
    truth = [{"steps_out": float(k), "turn_direction": "left"} for k in range(4)]
    found = [{"steps_out": (k + 0.5, 0.3), "turn_direction": ("left", None)} for k in range(4)]
    found[3] = {"steps_out": (None, None), "turn_direction": ("right", None)}
    figures = measure_agreement(list(zip(truth, found, strict=True)))
    assert figures["steps_out"] == {
        "n": 3,
        "omitted": 1,
        "mae": 0.5,
        "bias": 0.5,
        "within_two_sd": 1.0,
        "correlation": 1.0,
        # 0, 1 and 2 against the same plus a half.
        "icc": pytest.approx(8 / 9, abs=0.01),
    }
    assert figures["turn_direction"] == {"n": 4, "omitted": 0, "right": 0.75}
    assert measure_agreement([]) == {}
