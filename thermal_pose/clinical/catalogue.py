# SPDX-License-Identifier: Apache-2.0
"""All movement tests, by key."""

from typing import Final

from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S, FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO

MOVEMENT_TESTS: Final[dict[str, MovementTest]] = {
    test.key: test for test in (TIMED_UP_AND_GO, FIVE_TIMES_SIT_TO_STAND, CHAIR_STAND_30S)
}

#: Stands for any of them where nobody chose: what the person does decides (`pipeline/detected.py`).
DETECTED: Final = MovementTest(
    key="auto",
    title="Detect the test",
    headline="",
    headline_sd="",
    unit="",
    decimals=0,
    instructions=(
        "Do one of the tests; what the person does decides which one it is.",
        "Choose the test instead for someone who may need 30 seconds for five stands.",
    ),
    placement="As the test that is meant needs it.",
)


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


def chosen_test(key: str) -> MovementTest:
    """Return the test of a key as `movement_test` does; `DETECTED` for 'auto'.

    Raises
    ------
    ValueError
        If there is none; the message names all.
    """
    return DETECTED if key == DETECTED.key else movement_test(key)
