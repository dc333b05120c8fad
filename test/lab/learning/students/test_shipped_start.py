# SPDX-License-Identifier: Apache-2.0
"""A teacher that begins with what a shipped student knows (students that learn on: test_ship)."""

import dataclasses
import json

import pytest
import torch
from support.synthetic import stick_figures

from thermal_pose.cli import main as command
from thermal_pose.errors import ConfigError, ModelArtifactError, TrainingError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.card import load_card
from thermal_pose.lab.learning.fitting.config import load_config
from thermal_pose.lab.learning.networks.teacher import has_own_latent, load_teacher
from thermal_pose.lab.learning.pose_data import save_shard
from thermal_pose.lab.learning.students.shipped_start import teacher_start
from thermal_pose.lab.learning.teachers.fit import check_disjoint

SETTINGS = [
    "teacher.encoder=mobilenetv3",
    "teacher.trained_width=64",
    "teacher.fit.epochs=1",
    "teacher.fit.batch=8",
    "teacher.fit.lr=1.0e-9",
]


def _train(folder, *more: str) -> int:
    words = ["train-teacher", str(folder / "data"), "--out", str(folder / "teacher")]
    words += ["--device", "cpu", "--start", "student"]
    for setting in [*SETTINGS, *more]:
        words += ["--set", setting]
    return command.main(words)


def test_a_teacher_begins_with_a_student_and_says_so(figures, tmp_path) -> None:
    save_shard(figures, tmp_path / "data" / "a.npz")
    assert _train(tmp_path) == 0
    network, info = load_teacher(str(tmp_path / "teacher"))
    card = load_card(card_path("student"))
    assert info.figures["started_from"] == f"student {card.sha256[:12]}"
    assert info.name == "rendered-rgb-mobilenetv3-from-student"
    assert network.decoder.width == 256
    # Whom the student has learnt from, the teacher has seen, too.
    assert {"s0", "stream-0/*", "stream-2/*", "stream-300/*"} <= set(info.trained_on)
    saved = json.loads((tmp_path / "teacher" / "teacher.json").read_text())
    assert saved["info"]["figures"]["started_from"].startswith("student ")


def test_the_teacher_may_not_learn_from_whom_the_student_has_seen(
    figures, tmp_path, capsys
) -> None:
    seen = dataclasses.replace(figures, subjects=("a", "stream-0/000007-tug", "b"))
    save_shard(seen, tmp_path / "data" / "a.npz")
    assert _train(tmp_path) != 0
    told = capsys.readouterr().err
    assert "has learnt from 1 of these subjects, such as 'stream-0/000007-tug'" in told


def test_streams_are_told_apart_by_their_whole_name() -> None:
    check_disjoint(("stream-0/*",), ("stream-00/1", "stream-01", "paper-1-000"))
    with pytest.raises(TrainingError, match="such as 'stream-0/1'"):
        check_disjoint(("stream-0/*",), ("stream-0/1",))


def test_other_encoders_and_widths_are_refused(figures) -> None:
    with pytest.raises(ConfigError, match=r"expected teacher\.encoder=mobilenetv3 or .*, got vit"):
        teacher_start("student-lite", figures, load_config(None))
    wide = load_config(None, ["teacher.encoder=mobilenetv3"])
    with pytest.raises(ConfigError, match="encoder is deeper than the teacher's; --start student"):
        teacher_start("student-lite", figures, wide)
    narrow = load_config(None, ["teacher.encoder=mobilenetv3", "teacher.trained_width=32"])
    with pytest.raises(ConfigError, match="the decoder is not one of 32 channels, widened"):
        teacher_start("student", figures, narrow)


def test_a_teacher_with_its_own_latent_begins_with_a_deep_encoder(figures, tmp_path) -> None:
    settings = [*SETTINGS, "teacher.encoder=mobilenetv3_latent"]
    begun = teacher_start("student-lite", figures, load_config(None, settings))
    assert begun.name.startswith("student-lite ") and "stream-0/*" in begun.trained_on
    assert begun.network.decoder.width == 64
    image = torch.rand(2, 3, 256, 192)
    with torch.no_grad():
        features, latent = begun.network.eval().encode(image)
    assert features is latent and latent.shape == (2, 768, 16, 12)
    shallow = teacher_start("student", figures, load_config(None, settings)).network
    assert shallow.encoder.body.extra == begun.network.encoder.body.extra == 4
    save_shard(figures, tmp_path / "data" / "a.npz")
    assert _train(tmp_path, "teacher.encoder=mobilenetv3_latent") == 0
    network, info = load_teacher(str(tmp_path / "teacher"))
    assert info.name == "rendered-rgb-mobilenetv3_latent-from-student"
    assert has_own_latent(network)


def test_a_card_that_does_not_say_whom_it_was_trained_on_is_refused(tmp_path) -> None:
    card = load_card(card_path("student"))
    dataclasses.replace(card, data={"simulated": True}).save(tmp_path / "mine.json")
    model = card_path("student").parent / card.file
    (tmp_path / card.file).write_bytes(model.read_bytes())
    config = load_config(None, SETTINGS)
    with pytest.raises(ModelArtifactError, match="does not name the people it was trained on"):
        teacher_start(str(tmp_path / "mine.json"), stick_figures(12), config)
