# SPDX-License-Identifier: Apache-2.0
import ast
from pathlib import Path

import thermal_pose
from thermal_pose.clinical.catalogue import MOVEMENT_TESTS
from thermal_pose.clinical.phases import BOUNDARY_KEYS, PHASE_NAMES, phase_key, phase_name
from thermal_pose.types import TIMED_PHASES, Phase

PACKAGE = Path(thermal_pose.__file__).parent
#: Other keys and names that phases have had, beside the names that one file holds.
SECOND_NAMES = {
    "stand_up", "sit_down", "sitting_down", "final_turn", "rising",
    "Standing up", "Sitting down", "Turn before sitting", "Final turn",
} | {name for name in PHASE_NAMES.values() if " " in name}  # fmt: skip


def texts_of(file: Path) -> set[str]:
    if file.suffix == ".py":
        nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        return {
            node.value
            for node in nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    return {text for text in SECOND_NAMES if f'"{text}"' in file.read_text(encoding="utf-8")}


def test_every_phase_of_every_test_has_one_name():
    assert {phase_key(phase) for phase in Phase} <= PHASE_NAMES.keys()
    assert {key for test in MOVEMENT_TESTS.values() for key in test.phases} <= PHASE_NAMES.keys()
    assert len(set(PHASE_NAMES.values())) == len(PHASE_NAMES)
    assert phase_name(Phase.TURN_TO_SIT) == phase_name("turn_to_sit") == "Turn to sit"


def test_boundaries_are_the_starts_of_the_timed_phases_and_the_end():
    assert len(BOUNDARY_KEYS) == len(TIMED_PHASES) + 1
    assert BOUNDARY_KEYS[0] == "sit_to_stand" and BOUNDARY_KEYS[-1] == "seated"


def test_no_other_file_names_a_phase():
    source = PACKAGE / "clinical" / "phases.py"
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("static/*.js"), *PACKAGE.rglob("static/*.html")]
    found = {
        str(file.relative_to(PACKAGE)): sorted(texts_of(file) & SECOND_NAMES)
        for file in files
        if file != source and texts_of(file) & SECOND_NAMES
    }
    assert len(files) > 400 and found == {}
