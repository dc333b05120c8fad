# SPDX-License-Identifier: Apache-2.0
"""Scores calibrated again on the file itself: better scores, the same joints."""

import dataclasses
import errno
import shutil

import numpy as np
import pytest
from support.synthetic import people_and_empty

from thermal_pose.cli import main as command
from thermal_pose.digest import sha256_of
from thermal_pose.errors import ModelArtifactError, StorageError, TrainingError
from thermal_pose.inference.artifacts import ASSETS
from thermal_pose.inference.card import ModelCard, load_card
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.learning.pose_data import save_shard
from thermal_pose.lab.learning.students.judge import evaluate_model, run_model
from thermal_pose.lab.learning.students.recalibrate import recalibrate


@pytest.fixture
def data():
    """People drawn with sticks, whom the shipped models misjudge, and some empty crops."""
    return people_and_empty(40, empty_every=5, seed=7)


@pytest.fixture
def card(tmp_path):
    for path in ASSETS.glob("student-lite-int8.*"):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / "student-lite-int8.json"


def test_scores_tell_the_truth_afterwards_and_joints_stay(card, data) -> None:
    before = run_model(make_estimator(str(card)), data)
    error_before = evaluate_model(make_estimator(str(card)), data)["confidence"]["joint_ece"]
    fitted = recalibrate(card, data)
    after = run_model(make_estimator(str(card)), data)  # the new sha256 is the card's
    np.testing.assert_array_equal(after.xy, before.xy)
    error = evaluate_model(make_estimator(str(card)), data)["confidence"]["joint_ece"]
    assert error < 0.5 * error_before
    assert fitted["joint_ece_before"] == pytest.approx(error_before)
    assert fitted["joint_ece_after"] == pytest.approx(error, abs=5e-3)  # a score may change its bin
    about = load_card(card).data["scores_calibrated_again"]
    assert len(about["slope"]) == 18 and about["hash"] == data.fingerprint()


def test_the_command_says_what_it_did(card, data, tmp_path, capsys) -> None:
    save_shard(data, tmp_path / "set" / "a.npz")
    assert (
        command.main(["recalibrate", str(card), "--calibration-data", str(tmp_path / "set")]) == 0
    )
    assert "on the 32 people it was fitted to" in capsys.readouterr().out


def test_a_file_without_scores_is_named(tmp_path, data, card) -> None:
    about = load_card(card)
    path = tmp_path / about.file
    shutil.copy(ASSETS / "detector.onnx", path)
    dataclasses.replace(about, sha256=sha256_of(path)).save(card)
    with pytest.raises(ModelArtifactError, match="has no layer"):
        recalibrate(card, data)


def test_a_card_that_cannot_be_written_leaves_the_old_model(card, data, monkeypatch) -> None:
    def full(self) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ModelCard, "to_json", full)
    with pytest.raises(StorageError, match="No space left"):
        recalibrate(card, data)
    monkeypatch.undo()
    assert sha256_of(card.parent / load_card(card).file) == load_card(card).sha256
    assert sorted(path.suffix for path in card.parent.iterdir() if path.is_file()) == [
        ".json",
        ".onnx",
    ]


def test_without_empty_crops_or_people_nothing_is_fitted(card, data, tmp_path, capsys) -> None:
    with pytest.raises(TrainingError, match="with and without people"):
        recalibrate(card, dataclasses.replace(data, person=np.ones(40, bool)))
    save_shard(dataclasses.replace(data, person=np.zeros(40, bool)), tmp_path / "set" / "a.npz")
    assert (
        command.main(["recalibrate", str(card), "--calibration-data", str(tmp_path / "set")]) != 0
    )
    assert "needs crops with and without people" in capsys.readouterr().err
