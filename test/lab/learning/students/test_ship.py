# SPDX-License-Identifier: Apache-2.0
"""Shipping in miniature: train or distil, confidence, export, cards."""

import dataclasses
import json

import numpy as np
import onnxruntime
import pytest
import torch
from support.synthetic import stick_figures

from thermal_pose.cli import main as command
from thermal_pose.errors import ConfigError, ModelArtifactError, TrainingError
from thermal_pose.inference.card import load_card
from thermal_pose.lab.learning.fitting.config import load_config
from thermal_pose.lab.learning.fitting.training import Progress, Training
from thermal_pose.lab.learning.networks.pose import StudentShape
from thermal_pose.lab.learning.networks.teacher import TeacherInfo, build_teacher, save_teacher
from thermal_pose.lab.learning.pose_data import save_shard
from thermal_pose.lab.learning.students import confidence, ship
from thermal_pose.lab.learning.students.ship import ShipData, load_student, train_students

CPU = torch.device("cpu")
WIDTH = 16
OPTION = {
    "train": "--train",
    "confidence": "--confidence",
    "calibration": "--calibration-data",
}
OVERRIDES = ["fit.epochs=1", "fit.batch=4", "distill.variants=1", "validation_stride=1"]


def people(name: str, n: int = 4, empty: int = 0, rgb: bool = True):
    """`n` rows of two people of a set, the first `empty` of them without anyone."""
    data = stick_figures(n, subjects=2, trials=1, seed=len(name), rgb=rgb)
    frames, person = data.frames.copy(), data.person.copy()
    frames[:empty] = np.random.default_rng(0).normal(29500, 6, frames[:empty].shape)
    person[:empty] = False
    names = (f"{name}-0", f"{name}-1")
    return dataclasses.replace(data, frames=frames, person=person, subjects=names, trials=names)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("teacher")
    network = build_teacher("mobilenetv3", decoder_width=WIDTH).eval()
    info = TeacherInfo("tiny", "mobilenetv3", "corner", "seen-0,seen-1", WIDTH)
    save_teacher(network, info, folder)
    return folder, network, info


@pytest.fixture
def narrow(monkeypatch):
    """Students with decoders as narrow as the teacher's."""
    monkeypatch.setitem(ship.SHIPPED, "student", StudentShape(WIDTH))
    monkeypatch.setattr(confidence, "_STEPS", 20)


def _training(config, folder) -> Training:
    return Training(config, CPU, Progress(folder))


def _distil(data: ShipData, teacher, folder, name: str = "student"):
    config = load_config(None, OVERRIDES)
    return train_students([name], data, _training(config, folder), teacher)


def test_the_command_distils_calibrates_and_exports(teacher, narrow, tmp_path, capsys) -> None:
    for name, empty in (("train", 1), ("confidence", 2), ("calibration", 1), ("held", 1)):
        save_shard(people(name, 6, empty), tmp_path / name / "a.npz")
    words = ["train", "--names", "student", "--out", str(tmp_path / "out"), "--device", "cpu"]
    words += ["--teacher", str(teacher[0])]
    for name in ("train", "confidence", "calibration"):
        words += [OPTION[name], str(tmp_path / name)]
    words += ["--evaluation", f"held={tmp_path / 'held'}", "--detector", "warm_blob"]
    for override in OVERRIDES:
        words += ["--set", override]
    assert command.main(words) == 0
    assert "student int8" in capsys.readouterr().out

    card = load_card(tmp_path / "out" / "student.json")
    held = card.figures["held"]
    assert 0 <= held["ap_true_boxes"] <= 1 and held["people"] == 5
    assert 0 <= held["confidence"]["joint_ece"] <= 1
    assert {"runtime", "runtime_detected"} <= set(held)
    assert card.data["learnt_from"]["encoder"] == "mobilenetv3"
    assert card.decode.alignment == "corner"  # the teacher's, whose decoder it shares
    assert card.data["train"]["crops_without_people"] == 1 and card.data["simulated"]
    assert any("real patients" in limit for limit in card.limits)
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / card.file))
    heatmaps = session.run(None, {"thermal": np.zeros((1, 1, 256, 192), np.float32)})[0]

    network, _ = load_student(tmp_path / "out" / "student.pt")
    with torch.no_grad():
        again = network(torch.zeros(1, 3, 256, 192)).heatmaps.numpy()
    np.testing.assert_allclose(again, heatmaps, atol=2e-3)  # weights are kept in fp16
    frozen = teacher[1].decoder.conv.weight.half().float()
    torch.testing.assert_close(network.decoder.conv.weight, frozen, rtol=0, atol=0)


def test_students_may_see_pictures_of_half_the_size_first(narrow, tmp_path) -> None:
    data = ShipData(people("train", 6, 1), people("confidence", 6, 2), people("calibration", 6, 1))
    staged = load_config(None, [*OVERRIDES, "distill.coarse_share=0.5"])
    both = train_students(["student"], data, _training(staged, tmp_path / "both"))["student"]
    assert {path.name for path in (tmp_path / "both").glob("*.pt")} == {
        "student-coarse.progress.pt",
        "student.progress.pt",
    }
    plain = load_config(None, OVERRIDES)
    whole = train_students(["student"], data, _training(plain, tmp_path / "whole"))["student"]
    assert not both.training and both(torch.zeros(1, 3, 256, 192)).heatmaps.shape[-2:] == (64, 48)
    assert not torch.equal(both.project.weight, whole.project.weight)


def test_without_a_teacher_the_decoder_learns_too(teacher, narrow, tmp_path) -> None:
    data = ShipData(people("train", 6, 1), people("confidence", 6, 2), people("calibration", 6, 1))
    config = load_config(None, OVERRIDES)
    training = _training(config, tmp_path)
    network = train_students(["student"], data, training)["student"]
    assert all(parameter.requires_grad for parameter in network.parameters())
    head = ship.add_confidence(network, data, training)
    ship.save_student(tmp_path / "s.pt", network, head)
    back, back_head = load_student(tmp_path / "s.pt")
    torch.testing.assert_close(back_head.offset, head.offset)
    torch.testing.assert_close(
        back.decoder.conv.weight, network.decoder.conv.weight, atol=1e-3, rtol=1e-3
    )


def test_distillation_moves_the_encoder_and_never_the_decoder(teacher, narrow, tmp_path) -> None:
    data = ShipData(people("train"), people("confidence"), people("calibration"))
    network = _distil(data, teacher[1:], tmp_path)["student"]
    for key, value in teacher[1].decoder.state_dict().items():
        torch.testing.assert_close(network.decoder.state_dict()[key], value, rtol=0, atol=0)
    torch.manual_seed(1)  # the configuration's: the student before its training
    before = ship.SHIPPED["student"].build().encoder.state_dict()
    moved = network.encoder.state_dict()["features.0.0.weight"]
    assert not torch.equal(moved, before["features.0.0.weight"])


def test_only_rows_with_people_and_paired_pictures_are_distilled() -> None:
    data = people("train", 6, empty=2)
    data = dataclasses.replace(data, asynchronous=np.arange(6) == 3)
    assert ship._training_rows(data, paired=True).tolist() == [2, 4, 5]
    assert ship._training_rows(data, paired=False).tolist() == list(range(6))


def test_a_student_cannot_share_a_decoder_of_another_width(teacher, tmp_path) -> None:
    data = ShipData(people("train"), people("confidence"), people("calibration"))
    with pytest.raises(ConfigError, match=r"'student-lite' has a decoder 64 wide.* 16 wide"):
        _distil(data, teacher[1:], tmp_path, "student-lite")


def test_an_exported_model_sees_one_frame(tmp_path) -> None:
    data = ShipData(people("train"), people("confidence"), people("calibration"))
    config = load_config(None, [*OVERRIDES, "distill.earlier_frames=true"])
    with pytest.raises(ConfigError, match="an exported model has one frame"):
        train_students(["student"], data, _training(config, tmp_path))


def test_a_teacher_may_not_have_seen_who_is_judged(teacher, narrow, tmp_path) -> None:
    data = ShipData(people("train"), people("confidence"), people("calibration"))
    data = dataclasses.replace(data, evaluation={"clinic": people("seen")})
    with pytest.raises(TrainingError, match="such as 'seen-0'"):
        _distil(data, teacher[1:], tmp_path)


def test_without_rgb_there_is_nothing_to_distil(teacher, narrow, tmp_path) -> None:
    data = ShipData(people("train", rgb=False), people("confidence"), people("calibration"))
    with pytest.raises(TrainingError, match="no RGB"):
        _distil(data, teacher[1:], tmp_path)


def test_a_subject_in_two_sets_is_refused() -> None:
    with pytest.raises(TrainingError, match="'a-0' is in the sets 'train' and 'clinic'"):
        ShipData(people("a"), people("bb"), people("ccc"), {"clinic": people("a")})


def test_the_head_learns_of_empty_rooms_from_the_training_set_too(figures) -> None:
    person = np.ones(len(figures), np.bool_)
    person[::6] = False
    rows = ship._empty_and_as_many_people(dataclasses.replace(figures, person=person))
    assert len(rows) == 2 * (~person).sum() and person[rows].mean() == 0.5
    assert len(ship._empty_and_as_many_people(figures)) == 0


def _command(folder, out: str, *more: str) -> int:
    words = ["train", "--names", "student", "--out", str(folder / out), "--device", "cpu", *more]
    for name in ("train", "confidence", "calibration"):
        words += [OPTION[name], str(folder / name)]
    for override in OVERRIDES:
        words += ["--set", override]
    return command.main(words)


def test_a_shipped_model_learns_on_and_its_card_says_so(
    narrow, tmp_path, capsys, monkeypatch
) -> None:
    for name, empty in (("train", 1), ("confidence", 2), ("calibration", 1)):
        save_shard(people(name, 6, empty, rgb=False), tmp_path / name / "a.npz")
    assert _command(tmp_path, "first") == 0
    first = load_card(tmp_path / "first" / "student.json")
    assert first.data["started_from"] == "random weights"

    start = ["--start", str(tmp_path / "first" / "student.json")]
    assert _command(tmp_path, "second", *start, "--set", "fit.lr=1.0e-12") == 0
    second = load_card(tmp_path / "second" / "student.json")
    assert second.data["started_from"] == f"student {first.sha256[:12]}"
    crop = np.random.default_rng(0).random((1, 1, 256, 192), np.float32)
    before, after = (
        onnxruntime.InferenceSession(str(tmp_path / out / "student.onnx")).run(
            None, {"thermal": crop}
        )[0]
        for out in ("first", "second")
    )
    # Nothing was learnt at that rate; only the norms' statistics are those of other crops.
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9

    # Another input than the start's is learnt.
    assert _command(tmp_path, "third", *start, "--set", "normalization.kind=crop_minmax") == 0
    third = load_card(tmp_path / "third" / "student.json")
    assert third.normalization.kind == "crop_minmax" != first.normalization.kind
    assert _command(tmp_path, "third", *start, "--teacher", "any") != 0
    assert "no --teacher" in capsys.readouterr().err
    monkeypatch.setitem(ship.SHIPPED, "student", StudentShape(2 * WIDTH))
    assert _command(tmp_path, "third", *start) != 0
    assert "its decoder is 16 wide, that of 'student' 32" in capsys.readouterr().err


def test_the_paper_s_student_is_distilled_from_a_narrow_one(narrow, tmp_path, capsys) -> None:
    for name, empty in (("train", 1), ("confidence", 2), ("calibration", 1), ("held", 0)):
        save_shard(people(name, 6, empty, rgb=False), tmp_path / name / "a.npz")
    assert _command(tmp_path, "lite") == 0
    words = ["distil-thermal", "--teacher", str(tmp_path / "lite" / "student.pt")]
    words += ["--out", str(tmp_path / "wide"), "--device", "cpu", "--set", "fit.lr=1.0e-12"]
    for name in ("train", "confidence", "calibration"):
        words += [OPTION[name], str(tmp_path / name)]
    words += ["--evaluation", f"held={tmp_path / 'held'}"]
    for override in OVERRIDES:
        words += ["--set", override]
    assert command.main(words) == 0
    assert "student int8" in capsys.readouterr().out
    card = load_card(tmp_path / "wide" / "student.json")
    assert card.figures["params"] == 4_398_049
    lite = load_card(tmp_path / "lite" / "student.json")
    assert f"student {lite.sha256[:12]}, widened" in card.data["learnt_from"]["teacher"]
    assert {"train-0/*", "confidence-0/*"} <= set(card.data["seen_before"])
    crop = np.random.default_rng(0).random((1, 1, 256, 192), np.float32)
    narrow_one, wide_one = (
        onnxruntime.InferenceSession(str(tmp_path / out / "student.onnx")).run(
            ["heatmaps"], {"thermal": crop}
        )[0]
        for out in ("lite", "wide")
    )
    # Nothing was learnt at that rate; only the norms' statistics are those of other crops.
    assert np.corrcoef(narrow_one.ravel(), wide_one.ravel())[0, 1] > 0.9

    # The teacher reads crops as it learned to; another input would be read wrongly, in silence.
    assert command.main([*words, "--set", "normalization.most_contrast=2.5"]) != 0
    assert "student.pt: its input is" in capsys.readouterr().err
    (tmp_path / "lite" / "student.json").unlink()
    assert command.main(words) != 0
    assert "student.json: no such model card" in capsys.readouterr().err


def test_a_damaged_student_is_named(tmp_path) -> None:
    (tmp_path / "student.pt").write_text(json.dumps({"width": 4}))
    with pytest.raises(ModelArtifactError, match="not a trained student"):
        load_student(tmp_path / "student.pt")


def test_unknown_names_are_refused(tmp_path, capsys) -> None:
    words = ["train", "--names", "teapot", "--out", str(tmp_path)]
    for name in ("train", "confidence", "calibration"):
        words += [OPTION[name], str(tmp_path)]
    assert command.main(words) != 0
    assert "got 'teapot'" in capsys.readouterr().err
