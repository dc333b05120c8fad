# SPDX-License-Identifier: Apache-2.0
"""Averages of two exported models: the ends are the models, the middle is between them."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support.synthetic import people_and_empty

from thermal_pose.cli import main as command
from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.card import load_card
from thermal_pose.inference.factory import make_estimator
from thermal_pose.lab.cli.average_models import _warn_of_scores
from thermal_pose.lab.learning.pose_data import save_shard
from thermal_pose.lab.learning.students.averaged import averaged_model


@pytest.fixture(scope="module")
def model():
    return onnx.load(card_path("student-lite").with_suffix(".onnx"))


def weights(model):
    return {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}


def changed(model, change):
    """Return a copy whose floating weights are changed."""
    answer = onnx.ModelProto()
    answer.CopyFrom(model)
    for tensor in answer.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(change(values), tensor.name))
    return answer


def test_the_share_moves_from_the_first_model_to_the_second(model):
    higher = changed(model, lambda values: values + 1)
    for share in (0.0, 0.25, 1.0):
        found, first = weights(averaged_model(model, higher, share)), weights(model)
        for name, values in first.items():
            if values.dtype == np.float32:
                np.testing.assert_allclose(found[name], values + share, atol=1e-5)
            else:
                np.testing.assert_array_equal(found[name], values)


def test_models_of_different_weights_or_quantised_ones_are_refused(model):
    student = onnx.load(card_path("student").with_suffix(".onnx"))
    with pytest.raises(ModelArtifactError, match="different weights"):
        averaged_model(model, student, 0.5)
    quantised = onnx.load(card_path("student-lite-int8").with_suffix(".onnx"))
    other = onnx.ModelProto()
    other.CopyFrom(quantised)
    for tensor in other.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.int8:
            tensor.CopyFrom(numpy_helper.from_array(np.zeros_like(values), tensor.name))
    with pytest.raises(ModelArtifactError, match="expected fp32"):
        averaged_model(quantised, other, 0.5)


def test_the_command_writes_calibrated_models_that_name_both(tmp_path, capsys):
    for name, seed in (("train", 1), ("confidence", 2), ("calibration", 3)):
        data = people_and_empty(20, empty_every=5, seed=seed)
        renamed = tuple(f"{name}-{subject}" for subject in data.subjects)
        save_shard(replace(data, subjects=renamed), tmp_path / name / "a.npz")
    words = ["average-models", "student-lite", str(card_path("student-lite"))]
    for option in ("train", "confidence"):
        words += [f"--{option}", str(tmp_path / option)]
    words += ["--calibration-data", str(tmp_path / "calibration"), "--out", str(tmp_path / "out")]
    assert command.main(words) == 0
    first = load_card(card_path("student-lite"))
    for name in ("student-lite", "student-lite-int8"):
        card = load_card(tmp_path / "out" / f"{name}.json")
        assert card.name == name and "scores_calibrated_again" in card.data
        assert card.data["averaged_with"]["model"] == f"student-lite-{first.sha256[:12]}"
        assert set(first.data["seen_before"]) <= set(card.data["seen_before"])
        make_estimator(str(tmp_path / "out" / f"{name}.json"))  # the file is the card's


def test_scores_that_do_not_average_are_told(tmp_path, capsys):
    path = tmp_path / "student-lite.json"
    shutil.copy(card_path("student-lite").with_suffix(".onnx"), tmp_path)
    for error, told in ((0.02, ""), (0.103, "joint scores were wrong by 0.10")):
        told_error = {"scores_calibrated_again": {"joint_ece_before": error}}
        card = load_card(card_path("student-lite"))
        replace(card, data={**card.data, **told_error}).save(path)
        _warn_of_scores(path)
        said = capsys.readouterr().err
        assert told in said and bool(said) == bool(told)


def test_an_altered_file_is_named(tmp_path, capsys):
    shutil.copy(card_path("student-lite"), tmp_path / "student-lite.json")
    (tmp_path / "student-lite.onnx").write_bytes(b"nothing")
    save_shard(people_and_empty(20, empty_every=5, seed=1), tmp_path / "train" / "a.npz")
    words = ["average-models", "student-lite", str(tmp_path / "student-lite.json")]
    words += ["--train", str(tmp_path / "train"), "--out", str(tmp_path / "out")]
    assert command.main(words) != 0
    assert "altered: its sha256" in capsys.readouterr().err


def test_a_share_beyond_one_is_refused(tmp_path, capsys):
    words = ["average-models", "student-lite", "student-lite", "--share", "1.5"]
    assert command.main([*words, "--train", str(tmp_path), "--out", str(tmp_path)]) != 0
    assert "--share: expected 0 to 1, got 1.5" in capsys.readouterr().err
