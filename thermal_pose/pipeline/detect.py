# SPDX-License-Identifier: Apache-2.0
"""Which movement test a recording shows, from its keypoints."""

from collections.abc import Sequence
from typing import Final

from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S, FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.chair_rises.reading import RiseReading, read_rises
from thermal_pose.clinical.chair_rises.scoring import N_RISES
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.types import FrameKeypoints

#: Fewer rises on the spot than this are no chair-rise test.
MIN_RISES: Final = 2
#: Rises over a longer time than this are those of the 30-second chair stand.
LONG_S: Final = 26.0


def detect_test(frames: Sequence[FrameKeypoints], min_joint_score: float = 0.05) -> MovementTest:
    """Return the test that the person does; the Timed Up and Go unless they rise on the spot.

    More than five rises, or rises for more than 26 s, are a 30-second chair stand. A person who
    needs that long for five rises is not recognised: choose the test then.

    Parameters
    ----------
    frames : in order of time.
    min_joint_score : joints scored below are treated as missing.
    """
    return shown_test(read_rises(frames, min_joint_score))


def shown_test(reading: RiseReading) -> MovementTest:
    """Return the test that a reading of all frames shows."""
    subject = reading.subject
    rises = subject.rises
    if subject.curves.walked or len(rises) < MIN_RISES:
        return TIMED_UP_AND_GO
    last = rises[-1].seat_contact_s or rises[-1].stand_s
    if len(rises) > N_RISES or (len(rises) != N_RISES and last - rises[0].rise_start_s > LONG_S):
        return CHAIR_STAND_30S
    return FIVE_TIMES_SIT_TO_STAND
