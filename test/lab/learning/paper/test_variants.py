# SPDX-License-Identifier: Apache-2.0
"""Changes to the paper's method, measured in miniature, and where students begin."""

import copy
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from thermal_pose.cli import main as command
from thermal_pose.errors import ConfigError, ModelArtifactError, TrainingError
from thermal_pose.lab.learning.fitting.config import load_config
from thermal_pose.lab.learning.fitting.learner import fit_together
from thermal_pose.lab.learning.fitting.predict import Predictions
from thermal_pose.lab.learning.fitting.training import Progress
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.pose import build_network
from thermal_pose.lab.learning.networks.teacher import build_teacher, student_state
from thermal_pose.lab.learning.paper import train as paper_train
from thermal_pose.lab.learning.paper.cohort import ROWS, started_from
from thermal_pose.lab.learning.paper.fold_results import FoldResult
from thermal_pose.lab.learning.paper.head_distillation import head_learner
from thermal_pose.lab.learning.paper.tables import beyond_table, read_variants
from thermal_pose.lab.learning.paper.train import _network, run_folds
from thermal_pose.lab.learning.paper.variants import (
    VARIANTS,
    compared,
    run_baseline,
    run_variant,
    varied,
)
from thermal_pose.lab.learning.students.ship import save_student
from thermal_pose.lab.learning.students.shipped_start import student_start
from thermal_pose.lab.metrics.oks import AveragePrecision

STUDENT = "student_mobilenetv3"


def _starting(cohort, start: str):
    distill = dataclasses.replace(cohort.config.distill, start=start)
    return dataclasses.replace(cohort, config=dataclasses.replace(cohort.config, distill=distill))


def _first_weight(network) -> torch.Tensor:
    return next(network.encoder.parameters())


def test_a_student_begins_where_it_is_told(cohort, tmp_path) -> None:
    row = ROWS[STUDENT]
    taught = _network(_starting(cohort, "teacher"), row, 0)
    torch.testing.assert_close(_first_weight(taught), _first_weight(cohort.teacher))
    torch.testing.assert_close(taught.project.weight, cohort.teacher.project.weight)
    other = build_network("mobilenetv3", ClassicDecoder(width=16))
    save_student(tmp_path / "lite.pt", other, ConfidenceHead(other.encoder.out_channels))
    thermal = _network(_starting(cohort, str(tmp_path / "lite.pt")), row, 0)
    assert torch.equal(_first_weight(thermal), _first_weight(other).half().float())
    with pytest.raises(ModelArtifactError, match="not a trained student"):
        _network(_starting(cohort, str(tmp_path / "absent.pt")), row, 0)
    assert not torch.equal(_first_weight(_network(cohort, row, 0)), _first_weight(cohort.teacher))


def test_an_encoder_may_begin_with_imagenets_weights(cohort, tmp_path) -> None:
    path = tmp_path / "mobilenet_v3_small.pth"
    other = build_network("mobilenetv3", ClassicDecoder(width=16))
    torch.save({**other.encoder.state_dict(), "classifier.0.weight": torch.zeros(3)}, path)
    begun = _starting(cohort, f"imagenet:{path}")
    for name in (STUDENT, "supervised_no_transfer"):
        assert started_from(begun, ROWS[name]) == "ImageNet (mobilenet_v3_small.pth)"
        network = _network(begun, ROWS[name], 0)
        assert torch.equal(_first_weight(network), _first_weight(other))
    assert started_from(begun, ROWS["student_vit_b"]) == "random"
    with pytest.raises(ModelArtifactError, match=r"small\.pth: does not fit the row's network"):
        _network(begun, ROWS["student_resnet50"], 0)
    path.write_bytes(b"junk")
    with pytest.raises(ModelArtifactError, match="cannot be read as a state dict"):
        _network(begun, ROWS[STUDENT], 0)


def test_a_student_may_begin_with_what_its_teacher_began_with(cohort) -> None:
    settings = varied(None, cohort.origin.overrides, VARIANTS["from_shipped"], "student")
    shipped = dataclasses.replace(cohort, config=settings)
    student = _network(shipped, ROWS[STUDENT], 0)
    other_input = _starting(cohort, "student")
    with pytest.raises(ConfigError, match=r"student: its input is .*crop_percentile"):
        _network(other_input, ROWS[STUDENT], 0)
    seen = cohort.data.select(cohort.folds[0].rows.train)
    expected = student_start("student", seen, settings)
    torch.testing.assert_close(_first_weight(student), _first_weight(expected))
    torch.testing.assert_close(student.project.weight, expected.project.weight)
    torch.testing.assert_close(student.decoder.conv.weight, shipped.decoder.conv.weight)
    seen = dataclasses.replace(cohort.data, subjects=("stream-0/1", *cohort.data.subjects[1:]))
    with pytest.raises(TrainingError, match="student: was trained on 1 of the subjects"):
        student_start("student", seen, settings)


def test_a_latent_of_its_own_leaves_the_student_a_new_1x1(cohort) -> None:
    settings = varied(None, cohort.origin.overrides, VARIANTS["from_shipped"], "student")
    teacher = build_teacher("mobilenetv3_latent", decoder_width=cohort.teacher.decoder.width)
    own = dataclasses.replace(cohort, config=settings, teacher=teacher)
    assert started_from(own, ROWS[STUDENT]) == "student, encoder"
    student = _network(own, ROWS[STUDENT], 0)
    seen = cohort.data.select(cohort.folds[0].rows.train)
    shipped = student_start("student", seen, settings)
    torch.testing.assert_close(_first_weight(student), _first_weight(shipped))
    assert not torch.allclose(student.project.weight, shipped.project.weight)
    assert started_from(own, ROWS["supervised_same_start"]) == "student, encoder"


def test_only_students_like_the_teacher_begin_with_it(cohort, tmp_path) -> None:
    begun = _starting(cohort, "teacher")
    assert started_from(begun, ROWS[STUDENT]) == cohort.info.name
    for name in ("student_resnet50", "supervised_no_transfer", "teacher_on_thermal"):
        assert started_from(begun, ROWS[name]) == "random"
    own = dataclasses.replace(begun, teacher=build_teacher("mobilenetv3_latent", decoder_width=16))
    assert started_from(own, ROWS[STUDENT]) == "random"
    assert started_from(cohort, ROWS[STUDENT]) == "random"
    other = build_network("mobilenetv3", ClassicDecoder(width=16))
    save_student(tmp_path / "lite.pt", other, ConfidenceHead(other.encoder.out_channels))
    assert started_from(_starting(cohort, str(tmp_path / "lite.pt")), ROWS[STUDENT]) == "lite"


def test_the_left_out_subject_is_not_seen_by_the_batch_norms(cohort, monkeypatch) -> None:
    seen = []

    def start(model, data, config):
        seen.append(data)
        return build_network("mobilenetv3", ClassicDecoder(width=16))

    monkeypatch.setattr(paper_train, "student_start", start)
    _network(_starting(cohort, "student-lite"), ROWS[STUDENT], 1)
    (data,) = seen
    assert 1 not in data.subject and len(data) == len(cohort.folds[1].rows.train)


def test_a_supervised_row_can_have_the_student_s_start(cohort) -> None:
    begun = _starting(cohort, "teacher")
    row = ROWS["supervised_same_start"]
    assert started_from(begun, row) == cohort.info.name
    network = _network(begun, row, 0).state_dict()
    for name, value in student_state(cohort.teacher).items():
        assert torch.equal(network[name], value), name
    assert network["decoder.deconv1.weight"].shape[1] == cohort.decoder.width


@pytest.mark.parametrize(
    ("encoder", "row"), [("resnet50_layer3", "student_resnet50"), ("mobilenetv3", STUDENT)]
)
def test_a_student_starts_from_a_teacher_of_its_own_architecture(cohort, encoder, row) -> None:
    teacher = build_teacher(encoder, decoder_width=cohort.teacher.decoder.width)
    begun = dataclasses.replace(_starting(cohort, "teacher"), teacher=teacher)
    assert started_from(begun, ROWS[row]) == cohort.info.name
    others = {"student_resnet50", STUDENT, "student_vit_b"} - {row}
    assert {started_from(begun, ROWS[other]) for other in others} == {"random"}
    student = _network(begun, ROWS[row], 0)
    image = torch.rand(1, 3, 256, 192)
    with torch.no_grad():
        wanted = teacher.eval().encode(image)[1]
        torch.testing.assert_close(student.eval().encode(image)[1], wanted, rtol=1e-4, atol=1e-4)


def test_variants_are_judged_on_the_folds_of_the_baseline(cohort, tmp_path) -> None:
    stamp_ns = cohort.data.stamp_ns // 3  # so that a trial's frames follow on each other
    cohort = dataclasses.replace(cohort, data=dataclasses.replace(cohort.data, stamp_ns=stamp_ns))
    with pytest.raises(TrainingError, match="run `thermal-pose loso`"):
        run_baseline(cohort, [0], tmp_path / "none")
    trained = tmp_path / "checkpoints"
    straight = run_folds(cohort, STUDENT, [0, 2], Progress(trained))
    baseline = run_baseline(cohort, [0, 2], trained)
    for mine, theirs in zip(baseline, straight, strict=True):
        np.testing.assert_array_equal(mine.predictions.xy, theirs.predictions.xy)
    for name in ("argmax", "flip", "previous_frame", "narrow_decoder", "three_frames", "own_head"):
        config = varied(None, cohort.origin.overrides, VARIANTS[name], "")
        own = tmp_path / name
        found = run_variant(cohort, VARIANTS[name], config, [0, 2], trained, Progress(own))
        assert [r.subject for r in found] == ["s0", "s2"]
        assert not np.array_equal(found[0].predictions.xy, baseline[0].predictions.xy)
        assert own.exists() == VARIANTS[name].is_trained
        assert compared(VARIANTS[name], found, baseline)["folds_run"] == 2


def test_every_variant_changes_the_settings_or_the_reading() -> None:
    path = Path("config/training-cpu.yaml")
    shipped = [text.format(thermal="lite") for text in VARIANTS["from_shipped"].settings]
    for name, variant in VARIANTS.items():
        baseline = shipped if name == "from_teacher" else []
        plain, config = load_config(path, baseline), varied(path, baseline, variant, "lite.pt")
        read_otherwise = variant.decode != "dark" or variant.flip or variant.earlier > 0
        assert (config != plain) != (read_otherwise or variant.own_head), name


def test_self_distillation_changes_the_head_alone(cohort) -> None:
    trained = _network(cohort, ROWS[STUDENT], 0).train()
    before = copy.deepcopy(trained.state_dict())
    learner = head_learner(cohort, 0, trained, Progress())
    fit_together([learner])
    after = learner.network.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved and all(name.startswith("decoder.") for name in moved)
    assert "decoder.deconv1.weight" in moved
    for name, value in trained.state_dict().items():  # the one that answers did not learn
        assert torch.equal(value, before[name]), name


def _fold(ap: float) -> FoldResult:
    empty = np.zeros(0, np.int64)
    nothing = Predictions(np.zeros((0, 17, 2), np.float32), np.zeros((0, 17), np.float32))
    precision = AveragePrecision(ap, ap, ap)
    return FoldResult("s", None, precision, precision, empty, nothing)


def test_a_gain_must_exceed_its_standard_error_to_help() -> None:
    base = [_fold(0.5), _fold(0.6), _fold(0.7)]
    steady = compared(VARIANTS["flip"], [_fold(0.52), _fold(0.63), _fold(0.71)], base)
    assert steady["gain_ap_true_boxes"] == pytest.approx(0.02) and steady["helps"] is True
    assert steady["gain_standard_error"] == pytest.approx(0.01 / 3**0.5)
    chance = compared(VARIANTS["flip"], [_fold(0.72), _fold(0.45), _fold(0.65)], base)
    assert chance["helps"] is False
    assert compared(VARIANTS["flip"], base[:1], base[:1])["helps"] is None


def test_the_command_writes_results_that_the_table_reads(cohort, tmp_path, capsys) -> None:
    args = cohort.origin
    work, out = args.work, tmp_path / "pose_beyond.json"
    run_folds(cohort, STUDENT, [0], Progress(work / "checkpoints"))
    line = ["loso-variants", str(args.data), "--teacher", args.teacher, "--work", str(args.work)]
    line += ["--variants", "argmax", "--folds", "0", "--out", str(out), "--device", "cpu"]
    for override in args.overrides:
        line += ["--set", override]
    assert command.main(line) == 0
    assert "argmax: folds 1" in capsys.readouterr().out
    assert command.main(line) == 0
    assert "already done; use --again to rerun" in capsys.readouterr().out
    assert json.loads(out.read_text())["variants"]["argmax"]["baseline"]["ap_true_boxes"]
    assert "highest pixel instead of DARK" in beyond_table(read_variants(out))
    assert command.main([*line, "--variants", "nothing"]) == ConfigError.exit_code
    assert command.main([*line, "--variants", "from_thermal"]) == ConfigError.exit_code
    (tmp_path / "junk.json").write_text("{}")
    with pytest.raises(TrainingError, match="loso-variants"):
        read_variants(tmp_path / "junk.json")
