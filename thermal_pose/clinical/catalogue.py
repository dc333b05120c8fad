# SPDX-License-Identifier: Apache-2.0
"""All movement tests, by key."""

from typing import Final

from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S, FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO

MOVEMENT_TESTS: Final[dict[str, MovementTest]] = {
    test.key: test for test in (TIMED_UP_AND_GO, FIVE_TIMES_SIT_TO_STAND, CHAIR_STAND_30S)
}


def movement_test(key: str) -> MovementTest:
    """Return the test of a key; that of '' is the first.

    Raises
    ------
    ValueError
        If there is none; the message names all.
    """
    key = key or next(iter(MOVEMENT_TESTS))
    if key not in MOVEMENT_TESTS:
        raise ValueError(f"test: expected one of {', '.join(MOVEMENT_TESTS)}, got {key!r}")
    return MOVEMENT_TESTS[key]
