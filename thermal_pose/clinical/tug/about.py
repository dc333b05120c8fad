# SPDX-License-Identifier: Apache-2.0
"""The Timed Up and Go as a movement test (`clinical/movement_test.py`)."""

from typing import Final

from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.phases import phase_key
from thermal_pose.types import TIMED_PHASES

TIMED_UP_AND_GO: Final = MovementTest(
    key="timed_up_and_go",
    title="Timed Up and Go",
    headline="total_s",
    headline_sd="total_sd_s",
    unit="s",
    decimals=2,
    instructions=(
        "Sit with your back against the chair.",
        "At 'go', stand up, walk to the line at your usual pace, turn, walk back and sit down.",
    ),
    placement="5 to 7 m in front of the chair, 1 to 2 m high, with chair and line in view.",
    phases=tuple(phase_key(phase) for phase in TIMED_PHASES),
)
