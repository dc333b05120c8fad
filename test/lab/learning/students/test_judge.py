# SPDX-License-Identifier: Apache-2.0
"""Shipped models judged on truth, with estimators whose every answer is known."""

import dataclasses
import json

import numpy as np
import pytest
from support.synthetic import people_and_empty

from thermal_pose.cli import main as command
from thermal_pose.errors import ConfigError, StorageError
from thermal_pose.inference.base import RuntimeInfo
from thermal_pose.lab.learning.pose_data import save_shard
from thermal_pose.lab.learning.students.judge import evaluate_model
from thermal_pose.types import PersonKeypoints


@pytest.fixture
def data():
    """Twelve frames of people, all in sight, of which every third shows nobody."""
    return people_and_empty(12, empty_every=3, seed=5)


class Oracle:
    """Knows all joints, sure of them by `score`, and of people by what `is_person` says."""

    model_id, info = "oracle-0", RuntimeInfo("numpy", "CPU", "fp32", 1)

    def __init__(self, data, score: float, is_person) -> None:
        self.data, self.score, self.is_person = data, score, is_person
        self.xy = data.xy

    def estimate(self, centikelvin, boxes):
        row = int(np.argmin(np.abs(self.data.boxes - boxes[0].xyxy).sum(axis=1)))
        scores = np.full(17, self.score, np.float32)
        return tuple(
            PersonKeypoints(0, box, self.xy[row], scores, self.is_person(row)) for box in boxes
        )


def test_who_knows_everything_is_right_calibrated_and_refuses_all_empty_crops(data) -> None:
    done = []
    found = evaluate_model(
        Oracle(data, 1.0, lambda row: float(data.person[row])), data, done.append
    )
    assert found["ap"] == pytest.approx(1) and found["ap75"] == pytest.approx(1)
    confidence = found["confidence"]
    assert confidence["joint_ece"] == 0 and confidence["joints_right"] == 1
    assert confidence["refused_at_99_recall"] == 1
    assert confidence["half_visible_refused_at_99_recall"] == 1
    assert (confidence["people"], confidence["crops_without_people"]) == (8, 4)
    assert sum(done) == found["frames"] == 12


def test_modesty_is_a_calibration_error_and_blindness_refuses_nobody(data) -> None:
    found = evaluate_model(Oracle(data, 0.6, lambda row: 0.5), data)
    assert found["confidence"]["joint_ece"] == pytest.approx(0.4, abs=1e-6)
    assert found["confidence"]["refused_at_99_recall"] == 0


def test_people_out_of_sight_are_not_among_the_half_visible(data) -> None:
    hidden = data.visibility.copy()
    hidden[np.flatnonzero(data.person)[0]] = 1
    data = dataclasses.replace(data, visibility=hidden)
    first = int(np.flatnonzero(data.person)[0])

    def sure(row: int) -> float:
        return float(data.person[row] and row != first)

    confidence = evaluate_model(Oracle(data, 1.0, sure), data)["confidence"]
    assert confidence["half_visible"] == 7
    assert confidence["half_visible_refused_at_99_recall"] == 1
    assert confidence["refused_at_99_recall"] == 0


def test_scores_of_wrong_poses_are_told_apart(data) -> None:
    """Two people's joints are answered elsewhere, one of them with a low person score."""
    first, second = np.flatnonzero(data.person)[:2].tolist()
    moved = data.xy.copy()
    moved[[first, second]] += 500.0
    answered = Oracle(data, 0.9, lambda row: {first: 0.1, second: 0.7}.get(row, 0.8))
    answered.xy = moved
    found = evaluate_model(answered, data)["person_score"]
    assert found["wrong"] == pytest.approx({"people": 2, "mean": 0.4, "below_live_threshold": 0.5})
    assert found["right"] == pytest.approx({"people": 6, "mean": 0.8, "below_live_threshold": 0})


def test_a_set_without_people_has_no_precision(data) -> None:
    nobody = dataclasses.replace(data, person=np.zeros(12, bool))
    assert "ap" not in evaluate_model(Oracle(nobody, 1.0, lambda row: 0.0), nobody)


def test_the_command_judges_a_shipped_model_on_joined_folders(data, tmp_path, capsys) -> None:
    save_shard(data, tmp_path / "a" / "a.npz")
    other = dataclasses.replace(data, subjects=("c", "d"), trials=("c", "d"))
    save_shard(other, tmp_path / "b" / "b.npz")
    words = ["evaluate-pose", "--model", "student-lite-int8", "--out", str(tmp_path / "r.json")]
    words += [
        "--evaluation",
        f"both={tmp_path / 'a'}",
        str(tmp_path / "b"),
        "--detector",
        "warm_blob",
    ]
    assert command.main(words) == 0
    assert "of 8 empty crops refused at 99 % of 16 people" in capsys.readouterr().out
    results = json.loads((tmp_path / "r.json").read_text())
    judged = results["models"]["student-lite-int8"]["both"]
    assert judged["subjects"] == 4 and 0 <= judged["ap"] <= 1
    assert judged["detected"]["frames"] == 16 and results["detector"] == "warm_blob"
    assert 0 <= judged["detected"]["ap_detected_boxes"] <= 1
    assert command.main(words) == 0  # the same model on the same sets: nothing to run
    assert "crops" not in capsys.readouterr().out
    assert json.loads((tmp_path / "r.json").read_text())["models"] == results["models"]
    assert command.main(words[:-2]) == 0  # without the detector: another question
    assert "crops" in capsys.readouterr().out
    other = [*words[:2], "student-lite", *words[3:-2]]  # one more model: the other stays
    assert command.main(other) == 0
    models = json.loads((tmp_path / "r.json").read_text())["models"]
    assert set(models) == {"student-lite-int8", "student-lite"}


@pytest.mark.parametrize("there", ["", '{"models": {', "[]", '{"sets": {}}'])
def test_a_file_of_another_kind_is_not_overwritten(data, tmp_path, capsys, there) -> None:
    save_shard(data, tmp_path / "a.npz")
    out = tmp_path / "r.json"
    out.write_text(there)
    words = ["evaluate-pose", "--model", "student-lite-int8", "--out", str(out)]
    assert command.main([*words, "--evaluation", f"x={tmp_path}"]) == ConfigError.exit_code
    assert "not written by evaluate-pose" in capsys.readouterr().err
    assert out.read_text() == there


def test_a_file_that_cannot_be_written_is_named(data, tmp_path, capsys) -> None:
    save_shard(data, tmp_path / "a.npz")
    (tmp_path / "file").write_text("")
    words = ["evaluate-pose", "--model", "student-lite-int8", "--evaluation", f"x={tmp_path}"]
    assert command.main([*words, "--out", str(tmp_path / "file" / "r.json")]) == (
        StorageError.exit_code
    )
    assert f"cannot write {tmp_path}/file/r.json" in capsys.readouterr().err


def test_a_set_without_a_folder_is_refused(capsys) -> None:
    assert command.main(["evaluate-pose", "--evaluation", "clinic"]) != 0
    assert "--evaluation clinic: expected NAME=DIR" in capsys.readouterr().err


def test_a_set_named_twice_is_refused(data, tmp_path, capsys) -> None:
    save_shard(data, tmp_path / "a.npz")
    twice = ["--evaluation", f"x={tmp_path}"] * 2
    assert command.main(["evaluate-pose", *twice]) != 0
    assert "the set 'x' is given twice" in capsys.readouterr().err
