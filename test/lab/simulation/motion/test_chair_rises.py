# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support.people import subject

from thermal_pose.lab.simulation.motion.chair_rises import plan_rises
from thermal_pose.skeleton import Joint
from thermal_pose.types import TrialReason

pytestmark = pytest.mark.simulation


def hands_below_shoulders_m(planned, time_s: float) -> float:
    joints = planned.trial.joints(time_s)
    shoulders = joints[[Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER], 2]
    return float((shoulders - joints[[Joint.LEFT_WRIST, Joint.RIGHT_WRIST], 2]).mean())


def test_the_truth_names_the_rises_at_which_the_hands_push_off() -> None:
    seen = set()
    for seed in range(4):
        planned = plan_rises(
            subject(),
            np.random.default_rng(seed),
            "five_times_sit_to_stand",
            kind=TrialReason.ARMS_USED,
        )
        low = [hands_below_shoulders_m(planned, rise.rise_start_s + 0.1) for rise in planned.rises]
        assert len(planned.pushed) == len(planned.rises) == 5
        assert [depth > 0.25 for depth in low] == list(planned.pushed), low
        seen |= set(planned.pushed)
    assert seen == {True, False}


def test_arms_stay_crossed_in_a_valid_trial() -> None:
    planned = plan_rises(subject(), np.random.default_rng(1), "five_times_sit_to_stand")
    assert planned.pushed == (False,) * 5
    low = [hands_below_shoulders_m(planned, rise.rise_start_s + 0.1) for rise in planned.rises]
    assert max(low) < 0.25
