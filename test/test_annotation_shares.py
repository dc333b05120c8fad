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
    return module


def person(heights_px, knee_px=0.0, visible=2):
    """A person of shoulders, hips, knees and ankles at these heights, the knees moved sideways."""
    joints = np.zeros((17, 3))
    for row, joint in enumerate((5, 11, 13, 15)):
        for side in (0, 1):
            joints[joint + side] = (40.0 + 20 * side, heights_px[row], visible)
    joints[13:15, 0] += knee_px
    return {"keypoints": joints.ravel().tolist()}


def run(script, monkeypatch, tmp_path, people):
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"annotations": people}))
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


def test_labels_without_upright_people_are_one_clear_error(script, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run(script, monkeypatch, tmp_path, [person((100, 140, 170, 200), knee_px=30)])
    assert ended.value.code == 2
    assert "expected upright people with visible legs, found none" in capsys.readouterr().err
