# SPDX-License-Identifier: Apache-2.0
"""The names of the phases of all movement tests: one key and one English name each.

Keys stand in results, tables and messages; names are what people read. Every page and picture takes
its names from here.
"""

from typing import Final

from thermal_pose.types import TIMED_PHASES, Phase

#: Name by key. `sit_to_stand` and `stand_to_sit` are phases of every test.
PHASE_NAMES: Final = {
    "unknown": "Not recognised",
    "seated": "Seated",
    "sit_to_stand": "Sit to stand",
    "walk_out": "Walk out",
    "turn": "Turn",
    "walk_back": "Walk back",
    "turn_to_sit": "Turn to sit",
    "stand_to_sit": "Stand to sit",
    "standing": "Standing",
}


def phase_key(phase: Phase) -> str:
    """Return the key of a phase of the Timed Up and Go.

    >>> phase_key(Phase.TURN_TO_SIT)
    'turn_to_sit'
    """
    return phase.name.lower()


def phase_name(phase: Phase | str) -> str:
    """Return the English name of a phase, given as such or by its key.

    >>> phase_name(Phase.TURN_TO_SIT), phase_name("standing")
    ('Turn to sit', 'Standing')

    Raises
    ------
    KeyError
        If there is no such key.
    """
    return PHASE_NAMES[phase if isinstance(phase, str) else phase_key(phase)]


#: The keys of the seven boundaries of the Timed Up and Go: the phase that starts at each.
BOUNDARY_KEYS: Final = (*(phase_key(phase) for phase in TIMED_PHASES), "seated")
