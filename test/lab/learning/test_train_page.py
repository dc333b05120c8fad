# SPDX-License-Identifier: Apache-2.0
"""The page 'Train for your own camera', followed from end to end on simulated recordings."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.documents import ROOT, commands
from support.rigs import SMALL_RIG

from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.calibration.synthetic import write_example
from thermal_pose.cli.main import main
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.learning.students import labels
from thermal_pose.types import PersonBox

PAGE = ROOT / "docs" / "train-for-your-camera.md"

#: What makes a step small enough for a test; everything else is typed as the page says.
SMALL = {"adapt": ("--device", "cpu", "--set", "fit.batch=4", "--set", "fit.epochs=1")}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with what the page's hardware steps would have recorded."""
    folder = tmp_path_factory.mktemp("home")
    write_example(folder / "recordings" / "target", SMALL_RIG)
    words = ["simulate", "--preset", "paper", "--subjects", "2", "--trials", "1", "--seed", "77"]
    words += ["--frame-rate", "2", "--jobs", "1", "--out", str(folder / "simulated")]
    assert main(words) == 0
    (folder / "my_bags").mkdir()
    for person, path in zip(
        ("P01", "P02"), sorted((folder / "simulated").glob("paper-*")), strict=True
    ):
        path.rename(folder / "my_bags" / person)
    shutil.copytree(DEMO_BAG, folder / "recordings" / "trial_01")
    return folder


def test_the_page_is_followed_to_a_model_that_runs(
    home: Path, cohort, figures, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr(labels, "TEACHER_PEAK", -1.0)  # the teacher here has learnt for one epoch
    verbs = []
    for command in commands(PAGE, "bash"):
        program, verb, *words = command.words
        assert program == "thermal-pose"
        if command.marked:
            continue
        words = [cohort.origin.teacher if "vitpose" in word else word for word in words]
        code = main([verb, *words, *SMALL.get(verb, ())])
        # A teacher of one epoch cannot help: `adapt` then says so with 1, as the page explains.
        assert code in ((0, 1) if verb == "adapt" else (0,)), capsys.readouterr().err
        verbs.append(verb)
    assert verbs == ["calibrate", "sync", "dataset", "adapt", "report"]
    assert (home / "calibration" / "proof.png").exists()
    assert (home / "my_data" / "quality.html").exists()
    card = json.loads((home / "my_model" / "adapted.json").read_text())
    assert card["data"]["started_from"].startswith("student-lite ")
    estimator = make_estimator(str(home / "my_model" / "adapted.json"))
    (found,) = estimator.estimate(figures.frames[0], [PersonBox(tuple(figures.boxes[0]), 1.0)])
    assert np.isfinite(found.xy).all()
