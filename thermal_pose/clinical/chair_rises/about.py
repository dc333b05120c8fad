# SPDX-License-Identifier: Apache-2.0
"""The two chair-rise tests as movement tests (`clinical/movement_test.py`)."""

from typing import Final

from thermal_pose.clinical.movement_test import MovementTest

_PLACEMENT: Final = (
    "2.7 to 4.2 m in front of the chair, 1 to 1.6 m high, with head and feet in view."
)
_PHASES: Final = ("seated", "sit_to_stand", "standing", "stand_to_sit")

FIVE_TIMES_SIT_TO_STAND: Final = MovementTest(
    key="five_times_sit_to_stand",
    title="Five times sit-to-stand",
    headline="total_s",
    headline_sd="total_sd_s",
    unit="s",
    decimals=2,
    instructions=(
        "Sit with your arms crossed over your chest.",
        "At 'go', stand up fully and sit down again five times, as quickly as you safely can.",
    ),
    placement=_PLACEMENT,
    phases=_PHASES,
)

CHAIR_STAND_30S: Final = MovementTest(
    key="chair_stand_30s",
    title="30-second chair stand",
    headline="stands",
    headline_sd="",
    unit="stands",
    decimals=0,
    instructions=(
        "Sit in the middle of the chair with your arms crossed over your chest.",
        "At 'go', stand up fully and sit down again as often as you can in 30 seconds.",
    ),
    placement=_PLACEMENT,
    phases=_PHASES,
)
