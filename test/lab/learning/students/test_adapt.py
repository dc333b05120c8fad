# SPDX-License-Identifier: Apache-2.0
"""A shipped model learns someone's camera from a teacher's labels, truth or no truth."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.real_bags import write_bag

from thermal_pose.cli import main as command
from thermal_pose.errors import TrainingError
from thermal_pose.inference.card import load_card
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.learning.networks.teacher import load_teacher
from thermal_pose.lab.learning.pose_data import save_shard
from thermal_pose.lab.learning.students import labels
from thermal_pose.lab.learning.students.labels import label
from thermal_pose.types import PersonBox

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _any_joint_will_do(monkeypatch):
    """The teacher here has learnt for one epoch and is sure of nothing."""
    monkeypatch.setattr(labels, "TEACHER_PEAK", -1.0)


def _without_truth(data):
    """The data set as real recordings give it: boxes and pictures, nothing that one could know."""
    return dataclasses.replace(
        data,
        xy=np.full_like(data.xy, np.nan),
        visibility=np.zeros_like(data.visibility),
        heading_deg=np.full_like(data.heading_deg, np.nan),
        distance_m=np.full_like(data.distance_m, np.nan),
    )


def _command(data: Path, teacher: str, out: Path, *more: str) -> int:
    words = ["adapt", str(data), "--teacher", teacher, "--out", str(out), "--device", "cpu"]
    for override in ("fit.batch=4", "fit.epochs=2"):
        words += ["--set", override]
    return command.main([*words, *more])


def test_own_recordings_without_truth_become_a_model_that_runs(
    cohort, figures, tmp_path, capsys
) -> None:
    save_shard(_without_truth(figures), tmp_path / "data" / "a.npz")
    teacher = cohort.origin.teacher
    code = _command(tmp_path / "data", teacher, tmp_path / "out", "--json")
    captured = capsys.readouterr()
    assert not captured.err or code == 1, captured.err
    told = json.loads(captured.out)
    assert code == (0 if told["helped"] else 1)
    assert told["held_out_by"] == "people" and (told["learnt"], told["held_out"]) == (16, 8)
    assert set(told["before"]) == set(told["after"]) == {"teacher"}
    card = load_card(Path(told["cards"]["fp32"]))
    assert card.data["simulated"] is False
    assert card.data["started_from"].startswith("student-lite ")
    assert card.data["learnt_from"]["teacher"] == cohort.info.name
    assert "stream-0/*" in card.data["seen_before"]
    assert len(card.data["scores_calibrated_again"]["slope"]) == 18
    assert card.data["scores_calibrated_again"]["slope"][-1] == 1.0  # the person's: untouched
    assert any("teacher's labels" in limit for limit in card.limits)
    for precision in ("fp32", "int8"):
        estimator = make_estimator(told["cards"][precision])
        (found,) = estimator.estimate(figures.frames[0], [PersonBox(tuple(figures.boxes[0]), 1.0)])
        assert np.isfinite(found.xy).all() and 0 <= found.person_score <= 1


def test_from_recordings_to_a_model_in_two_commands(cohort, tmp_path, capsys) -> None:
    for person, trial in (("anna", "first"), ("anna", "second"), ("ben", "first")):
        write_bag(tmp_path / "bags" / person / trial)
    words = ["dataset", str(tmp_path / "bags"), "--out", str(tmp_path / "data"), "--jobs", "1"]
    assert command.main([*words, "--boxes", "detector", "--detector", "warm_blob"]) == 0
    assert "2 subjects (anna, ben), 3 trials" in capsys.readouterr().out
    teacher = cohort.origin.teacher
    assert _command(tmp_path / "data", teacher, tmp_path / "out", "--name", "ours") in (0, 1)
    assert "of people held out AP against the teacher" in capsys.readouterr().out
    assert load_card(tmp_path / "out" / "ours-int8.json").data["held_out"]["subjects"] == 1


def test_it_learns_what_the_teacher_says(cohort, figures, tmp_path, capsys) -> None:
    save_shard(figures, tmp_path / "data" / "a.npz")
    arguments = (tmp_path / "data", cohort.origin.teacher, tmp_path / "out")
    assert _command(*arguments, "--set", "fit.epochs=20", "--set", "fit.lr=0.001") in (0, 1)
    captured = capsys.readouterr()
    assert "AP against the teacher" in captured.out and "AP against the truth" in captured.out
    history = torch.load(tmp_path / "out" / "adapted.progress.pt", weights_only=True)["history"]
    assert history[-1]["train_loss"] < 0.9 * history[0]["train_loss"]
    assert load_card(tmp_path / "out" / "adapted.json").data["simulated"] is True
    # Called again, with other settings, it does not take the old training for the new one.
    assert _command(*arguments, "--set", "fit.lr=0.002") != 0
    assert "was left by another training" in capsys.readouterr().err


def test_labels_are_the_teachers_and_the_pictures_stay(cohort, figures, monkeypatch) -> None:
    teacher = load_teacher(cohort.origin.teacher)
    pieces: list[int] = []
    found = label(figures, *teacher, CPU, pieces.append)
    assert sum(pieces) == len(figures)
    # A teacher so unsure has maxima that fp16, as in the cache, puts elsewhere now and then.
    assert np.median(np.abs(found.xy - cohort.cache.labels.xy)) < 0.05
    assert set(np.unique(found.visibility)) <= {0, 2}
    np.testing.assert_array_equal(found.frames, figures.frames)
    with pytest.raises(TrainingError, match="no RGB pictures"):
        label(dataclasses.replace(figures, patches=()), *teacher, CPU)
    monkeypatch.setattr(labels, "TEACHER_PEAK", 1e3)
    with pytest.raises(TrainingError, match="sees no joint in any of 24 RGB pictures"):
        label(figures, *teacher, CPU)


def test_people_that_the_start_has_learnt_from_are_not_judged(cohort, figures, tmp_path, capsys):
    known = dataclasses.replace(figures, subjects=("stream-0/1", "stream-0/2", "stream-0/3"))
    save_shard(known, tmp_path / "data" / "a.npz")
    assert _command(tmp_path / "data", cohort.origin.teacher, tmp_path / "out") != 0
    assert "student-lite: was trained on 1 of the subjects" in capsys.readouterr().err
    save_shard(figures.select(np.arange(1)), tmp_path / "one" / "a.npz")
    assert _command(tmp_path / "one", cohort.origin.teacher, tmp_path / "out") != 0
    assert "adapt: 0 pictures to learn from and 1 held out" in capsys.readouterr().err
    save_shard(figures, tmp_path / "more" / "a.npz")
    arguments = (tmp_path / "more", cohort.origin.teacher, tmp_path / "out")
    assert _command(*arguments, "--start", "student-lite-int8") != 0
    assert "fp32" in capsys.readouterr().err
