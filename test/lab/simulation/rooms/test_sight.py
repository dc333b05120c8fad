# SPDX-License-Identifier: Apache-2.0
"""Nothing hides the person on the chair; what merely stands about stays."""

from dataclasses import replace

import numpy as np
import pytest

from thermal_pose.lab.learning.tug.cases import SESSION
from thermal_pose.lab.simulation.people.presets import find_preset
from thermal_pose.lab.simulation.people.subject import subject_rng
from thermal_pose.lab.simulation.recordings.staging import draw_session
from thermal_pose.lab.simulation.rooms.draw import draw_scene
from thermal_pose.lab.simulation.rooms.scene import CameraPlacement, Distractor
from thermal_pose.lab.simulation.rooms.sight import (
    MAX_HIDDEN_SHARE,
    hidden_joints,
    without_obstructions,
)

pytestmark = pytest.mark.simulation

CAMERA = (6.0, 0.0, 1.2)
#: Someone who sits at the origin, from knees to head.
SEATED = np.array([[0.5, y, 0.5] for y in (-0.1, 0.1)] + [[0.0, 0.0, z] for z in (0.6, 0.9, 1.2)])


def bed(x_m: float, y_m: float, yaw_rad: float = 0.0, scale: float = 1.0) -> Distractor:
    return Distractor("bed", (x_m, y_m, 0.0), 1.0, yaw_rad, scale)


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (bed(5.0, 0.0, scale=1.3), [True] * 5),  # its headboard stands right before the camera
        (bed(3.0, 0.0), [True, True, True, True, False]),  # 1 m high: the head looks over it
        (bed(1.4, 0.0, np.pi / 2), [True, True, False, False, False]),  # lies before the knees
        (bed(3.0, 1.5), [False] * 5),  # beside the walkway
        (bed(-2.2, 0.0), [False] * 5),  # behind the chair
        (bed(7.5, 0.0), [False] * 5),  # behind the camera
    ],
)
def test_a_line_of_sight_ends_where_the_thing_is(thing: Distractor, expected: list[bool]) -> None:
    assert hidden_joints(thing, CAMERA, SEATED).tolist() == expected


def test_only_what_hides_the_person_on_the_chair_is_taken_out() -> None:
    in_the_way, beside = bed(3.0, 0.0), bed(3.0, 1.5)
    scene = draw_scene(np.random.default_rng(5), distractors=0)
    scene = replace(
        scene,
        thermal_placement=CameraPlacement(CAMERA, (0.0, 0.0, 0.8)),
        distractors=(beside, in_the_way),
    )
    cleared = without_obstructions(scene, SEATED)
    assert cleared == replace(scene, distractors=(beside,))
    assert without_obstructions(cleared, SEATED) is cleared
    turned = replace(scene, distractors=(bed(1.4, 0.0, np.pi / 2),))
    assert hidden_joints(turned.distractors[0], CAMERA, SEATED).mean() > MAX_HIDDEN_SHARE
    assert without_obstructions(turned, SEATED).distractors == ()


def test_a_bed_that_hid_a_subject_of_an_evaluation_is_taken_out() -> None:
    rng = subject_rng("paper", 9400, 34, SESSION)  # five trials of this seed were refused
    session = draw_session(rng, find_preset("paper").room, "lepton", 8.0)
    assert [thing.kind for thing in session.distractors] == ["bed"]
    assert without_obstructions(session, SEATED).distractors == ()
