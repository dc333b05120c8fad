# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message

from thermal_pose import msg
from thermal_pose.skeleton import LIMBS, MIRROR, N_JOINTS, SIGMAS, Joint
from thermal_pose.types import Phase

FOLDER = Path(__file__).resolve().parents[1] / "msg"
NAMES = sorted(path.stem for path in FOLDER.glob("*.msg"))


@pytest.mark.parametrize("name", NAMES)
def test_every_message_round_trips_through_cdr(name):
    kind = getattr(msg, name)
    message = kind()
    for field, type_name in kind.get_fields_and_field_types().items():
        value = getattr(message, field)
        if type_name in ("float", "double"):
            setattr(message, field, 0.5)
        elif type_name == "string":
            setattr(message, field, "wärme")
        elif type_name.startswith(("uint", "int")) and isinstance(value, int):
            setattr(message, field, 7)
        elif isinstance(value, np.ndarray):
            setattr(message, field, np.arange(value.size).astype(value.dtype))
    back = deserialize_message(serialize_message(message), kind)
    assert str(back) == str(message)


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_commented(name):
    header_comment = False
    for line in (FOLDER / f"{name}.msg").read_text().splitlines():
        text = line.strip()
        header_comment |= text.startswith("#")
        if not text or text.startswith("#") or "=" in text.split("#")[0]:
            continue
        assert re.search(r"#\s*\S{1}", text), f"{name}: no comment on {text!r}"
    assert header_comment


def test_joint_constants_are_those_of_the_skeleton():
    assert {joint.name: getattr(msg.PersonKeypoints, joint.name) for joint in Joint} == {
        joint.name: joint.value for joint in Joint
    }
    assert msg.PersonKeypoints.N_JOINTS == N_JOINTS


def test_phase_constants_are_those_of_the_types():
    assert {phase.name: getattr(msg.TugPhase, phase.name) for phase in Phase} == {
        phase.name: phase.value for phase in Phase
    }


def test_skeleton_is_consistent():
    assert SIGMAS.shape == (N_JOINTS,) and (SIGMAS > 0).all()
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(N_JOINTS))
    for joint in Joint:
        mirrored = joint.name.replace("LEFT", "?").replace("RIGHT", "LEFT").replace("?", "RIGHT")
        assert Joint(MIRROR[joint]).name == mirrored
    assert len(set(LIMBS)) == len(LIMBS)
