# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "annotation_shares.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("annotation_shares", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bodies = np.array([[1.4, 0.9, 0.5, 0.1], [1.5, 1.0, 0.6, 0.1]])
    monkeypatch.setattr(module, "_bodies", lambda: (bodies, bodies))
    in_box = {"eyes": [0.06, 0.08], "ears": [0.07], "ankles": [0.95], module.EYES_OF_EARS: [0.5]}
    lower = {**in_box, "ankles": [0.97]}
    monkeypatch.setattr(module, "_bodies_in_box", lambda: (in_box, lower))
    return module


def person(heights_px, knee_px=0.0, visible=2):
    """A person of shoulders, hips, knees and ankles at these heights, the knees moved sideways."""
    joints = np.zeros((17, 3))
    for row, joint in enumerate((5, 11, 13, 15)):
        for side in (0, 1):
            joints[joint + side] = (40.0 + 20 * side, heights_px[row], visible)
    joints[13:15, 0] += knee_px
    return {"keypoints": joints.ravel().tolist()}


def with_face(note, box, visible=2, **more):
    """The same person with a face, 10 px below the top of a box (x, y, width, height)."""
    joints = np.array(note["keypoints"]).reshape(17, 3)
    for joint, x, y in ((1, 53, 60), (2, 47, 60), (3, 56, 62), (4, 44, 62)):
        joints[joint] = (x, y, visible)
    return {"keypoints": joints.ravel().tolist(), "bbox": box, "image_id": 7, **more}


def run(script, monkeypatch, tmp_path, people):
    labels = tmp_path / "labels.json"
    images = [{"id": 7, "width": 100, "height": 240}]
    labels.write_text(json.dumps({"annotations": people, "images": images}))
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(labels)])
    script.main()


def test_places_are_shares_of_the_way_to_the_ankles(script, monkeypatch, tmp_path, capsys):
    upright = person((100, 140, 170, 200))
    others = [
        person((100, 140, 170, 200), knee_px=30),  # bent
        person((100, 140, 170, 200), visible=1),  # hidden
        person((100, 110, 115, 120)),  # too small
        {},  # without keypoints
    ]
    run(script, monkeypatch, tmp_path, [upright, *others])
    printed = capsys.readouterr().out
    assert "1 upright people, 2 bodies" in printed
    assert "| hip, from the shoulders | 0.400 ± 0.000 | 0.371 | 0.371 |" in printed
    assert "| knee, from the hips | 0.500 ± 0.000 | 0.472 | 0.472 |" in printed


def test_eyes_ears_and_ankles_are_shares_of_a_whole_box(script, monkeypatch, tmp_path, capsys):
    upright = person((100, 140, 170, 200))
    people = [
        with_face(upright, (20, 50, 60, 160)),
        with_face(upright, (20, 50, 60, 190)),  # cut off below
        with_face(upright, (20, 50, 60, 160), visible=1),  # a hidden face
        with_face(upright, (20, 50, 60, 100), iscrowd=1),
        upright,  # without a box or a face
    ]
    run(script, monkeypatch, tmp_path, people)
    printed = capsys.readouterr().out
    assert "5 upright people" in printed
    assert "| eyes | 1 | 0.062 ± 0.000 | 0.070 | 0.070 |" in printed
    assert "| ears | 1 | 0.075 ± 0.000 | 0.070 | 0.070 |" in printed
    assert "| ankles | 2 | 0.938 ± 0.000 | 0.950 | 0.970 |" in printed
    assert "| eyes apart, of the ears | 3 | 0.500 ± 0.000 | 0.500 | 0.500 |" in printed


def test_a_quantity_that_nobody_shows_is_left_open(script, monkeypatch, tmp_path, capsys):
    run(script, monkeypatch, tmp_path, [person((100, 140, 170, 200))])
    assert "| eyes | 0 | - | 0.070 | 0.070 |" in capsys.readouterr().out


def test_bodies_at_rest_have_ankles_near_the_floor_and_eyes_near_the_top(monkeypatch):
    spec = importlib.util.spec_from_file_location("annotation_shares", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BODIES", 1)
    modelled, labelled = module._bodies_in_box()
    assert 0.04 < modelled["eyes"][0] < 0.1 and modelled["eyes"] == labelled["eyes"]
    assert 0.9 < modelled["ankles"][0] < labelled["ankles"][0] < 0.97


def test_labels_without_upright_people_are_one_clear_error(script, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run(script, monkeypatch, tmp_path, [person((100, 140, 170, 200), knee_px=30)])
    assert ended.value.code == 2
    assert "expected upright people with visible legs, found none" in capsys.readouterr().err
