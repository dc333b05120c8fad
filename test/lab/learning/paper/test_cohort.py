# SPDX-License-Identifier: Apache-2.0
"""Leave one subject out in miniature: every kind of row, the sweep, results, Ray."""

import dataclasses
import json
import sys
from typing import Any

import numpy as np
import pytest
import torch
from support.synthetic import TEACHER_WIDTH as WIDTH

from thermal_pose.cli import main as command
from thermal_pose.errors import (
    ConfigError,
    MissingExtraError,
    ModelArtifactError,
    StorageError,
    TrainingError,
)
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.card import load_card
from thermal_pose.lab.learning.fitting.assess import breakdown
from thermal_pose.lab.learning.fitting.config import FitConfig
from thermal_pose.lab.learning.fitting.predict import Predictions
from thermal_pose.lab.learning.fitting.training import Progress
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.pose import build_network
from thermal_pose.lab.learning.paper import run as loso_run
from thermal_pose.lab.learning.paper import train as trainer
from thermal_pose.lab.learning.paper.cohort import ROWS, CohortOrigin, keypoint_task
from thermal_pose.lab.learning.paper.fold_results import empty_results, row_entry
from thermal_pose.lab.learning.paper.run import (
    _remote_fold,
    detected_boxes,
    load_cohort,
    load_results,
    run_key,
    run_row_anywhere,
    save_results,
)
from thermal_pose.lab.learning.paper.train import run_folds, sweep_entry
from thermal_pose.lab.learning.students.shipped_start import student_start
from thermal_pose.lab.learning.teachers import cache as teacher_cache
from thermal_pose.skeleton import MIRROR

CPU = torch.device("cpu")
FIT = FitConfig(epochs=1, batch=4, validate_every=1, lr=0.003)


def test_teacher_names_its_subjects_and_its_accuracy(cohort) -> None:
    assert cohort.info.trained_on == ("t0", "t1", "t2")
    assert cohort.info.encoder == "mobilenetv3"
    assert 0 <= cohort.info.figures["mean_oks_rgb"] <= 1


def test_cache_is_read_back_and_keyed_by_teacher_and_data(cohort, tmp_path) -> None:
    again = load_cohort(dataclasses.replace(cohort.origin, detector=""))
    torch.testing.assert_close(again.cache.latents, cohort.cache.latents)
    assert len(list((cohort.origin.work / "cache").iterdir())) == 1
    assert cohort.cache.latents.shape == (2, len(cohort.data), 768, 16, 12)


def test_rows_folds_and_sweep_end_in_the_promised_schema(cohort, tmp_path) -> None:
    found = run_folds(cohort, "student_mobilenetv3", [0, 2])
    entry = row_entry(cohort, "student_mobilenetv3", found)
    for key in ("ap", "ap50", "ap75"):
        assert set(entry[key]) == {"mean", "sd"}
    student = build_network("mobilenetv3", ClassicDecoder(width=WIDTH))
    assert entry["params"] == sum(p.numel() for p in student.parameters())
    assert entry["folds_run"] == 2
    assert entry["subjects"] == ["s0", "s2"]
    path = tmp_path / "pose_loso.json"
    results = load_results(path, cohort)
    results["models"]["student_mobilenetv3"] = entry
    save_results(path, results, cohort)
    back = json.loads(path.read_text())
    assert set(back["models"]) >= set(empty_results()["models"])
    assert back["models"]["student_vit_b"]["ap"] == {"mean": None, "sd": None}
    assert back["teacher"]["encoder"] == "mobilenetv3"
    assert 1 <= back["teacher"]["latent"]["rank"] <= 48  # a 1x1 convolution of 48 channels
    both = {"s0", "s2"}
    for parts, subjects in (
        (entry["breakdown"], both),
        (back["teacher"]["on_cohort_rgb"]["breakdown"], set(cohort.data.subjects)),
    ):
        assert set(parts["subject"]) == subjects
        counted = sum(part["n"] for part in parts["occluded_joints"].values())
        assert counted == sum(part["n"] for part in parts["subject"].values()) > 0


def test_people_taken_for_their_mirror_image_are_counted_and_put_right(figures) -> None:
    rows = np.arange(len(figures))
    xy = figures.xy.copy()
    xy[:6] = xy[:6][:, MIRROR]
    found = Predictions(xy, np.ones((len(rows), 17), np.float32))
    parts = breakdown(figures, rows, found)
    assert parts["left_right"]["told apart"] == {"ap": 1.0, "ap75": 1.0, "n": 6}
    assert parts["view"]["front"]["ap"] < 1


def test_students_compute_the_teachers_equal_channels_once(cohort) -> None:
    assert cohort.teacher.decoder.width == WIDTH and cohort.decoder.width == WIDTH // 2
    latent = torch.randn(2, 768, 16, 12)
    with torch.no_grad():
        torch.testing.assert_close(
            cohort.decoder(latent), cohort.teacher.decoder(latent), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("row", ["student_resnet50", "supervised_no_transfer"])
def test_small_pictures_may_come_first(cohort, tmp_path, row) -> None:
    distill = dataclasses.replace(cohort.config.distill, coarse_share=0.5)
    fit = dataclasses.replace(cohort.config.fit, epochs=2)
    staged = dataclasses.replace(
        cohort, config=dataclasses.replace(cohort.config, distill=distill, fit=fit)
    )
    (found,) = run_folds(staged, row, [1], Progress(tmp_path))
    assert found.steps == 2 * (len(staged.folds[1].rows.train) // 4)
    names = {path.name.removeprefix(f"{row}-s1") for path in tmp_path.glob("*.pt")}
    weight = "-b0.4" if row.startswith("student") else ""
    assert names == {f"-coarse{weight}.pt", f"{weight}.pt"}
    loso_run.forget(tmp_path, row, ["s1"])
    assert not list(tmp_path.glob("*.pt"))


def test_the_latent_term_may_come_first_and_is_shared_by_all_betas(cohort, tmp_path) -> None:
    config = dataclasses.replace(
        cohort.config,
        distill=dataclasses.replace(cohort.config.distill, latent_share=0.5),
        fit=dataclasses.replace(cohort.config.fit, epochs=2),
    )
    staged = dataclasses.replace(cohort, config=config)
    for beta in (0.0, 0.4, 0.7):
        found = run_folds(staged, "student_mobilenetv3", [1], Progress(tmp_path), beta)
        steps = len(staged.folds[1].rows.train) // 4
        entry = sweep_entry(found)
        assert (entry["steps"], entry["crops"]) == ([2 * steps], [8 * steps])  # two stages
        (fold,) = entry["per_fold"]
        assert fold == {"subject": "s1", "ap_detected": entry["ap"]["mean"]} | {
            "ap_true_boxes": entry["ap_true_boxes"]["mean"]
        }
    assert {path.name for path in tmp_path.glob("*.pt")} == {
        "student_mobilenetv3-s1-b0.pt",
        "student_mobilenetv3-s1-latent.pt",
        "student_mobilenetv3-s1-b0.4.pt",
        "student_mobilenetv3-s1-b0.7.pt",
    }
    again = run_folds(staged, "student_mobilenetv3", [1], Progress(tmp_path), 0.7)
    np.testing.assert_array_equal(again[0].predictions.xy, found[0].predictions.xy)


def test_a_row_with_less_than_one_pass_is_empty_with_its_reason(cohort) -> None:
    (found,) = run_folds(cohort, "supervised_no_transfer", [1])
    assert row_entry(cohort, "supervised_no_transfer", [found])["reason"] == ""
    hurried = dataclasses.replace(found, steps=1, crops=4)
    entry = row_entry(cohort, "supervised_no_transfer", [hurried])
    assert entry["ap"] == {"mean": None, "sd": None} and entry["breakdown"] is None
    assert "1 of 1 folds learned from fewer crops" in entry["reason"]
    assert (entry["steps"], entry["crops"]) == ([1], [4])


def test_accuracy_is_given_for_both_areas(cohort) -> None:
    (found,) = run_folds(cohort, "teacher_on_thermal", [1])
    entry = row_entry(cohort, "teacher_on_thermal", [found])
    assert entry["reason"] == "" and entry["steps"] == [0]
    boxed = entry["box_area"]["true_boxes"]["ap"]["mean"]
    # A box is larger than the silhouette in it, so its OKS is at least as high.
    assert boxed >= entry["true_boxes"]["ap"]["mean"]
    assert entry["box_area"]["ap"]["mean"] >= entry["ap"]["mean"]


@pytest.mark.parametrize(
    "row", ["supervised_no_transfer", "supervised_same_start", "teacher_on_thermal"]
)
def test_baselines_run(cohort, row) -> None:
    found = run_folds(cohort, row, [1])
    assert found[0].true_boxes.ap is not None
    assert found[0].detected is not None


def test_results_of_other_data_are_refused(cohort, tmp_path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"data": {"hash": "other"}}))
    with pytest.raises(TrainingError, match="other data"):
        load_results(path, cohort)


def test_a_fold_on_another_machine_gives_the_same_figures(cohort) -> None:
    here = run_row_anywhere(cohort, "student_mobilenetv3", [1])[0]
    there = _remote_fold(
        dataclasses.replace(cohort.origin, work=None), "student_mobilenetv3", 1, 0.0
    )
    np.testing.assert_array_equal(there.predictions.xy, here.predictions.xy)
    assert (there.subject, there.steps, there.crops) == (here.subject, here.steps, here.crops)
    assert there.true_boxes.ap == here.true_boxes.ap


def test_without_ray_one_is_told_what_to_install(cohort, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"'ray'.*thermal-pose\[train\]"):
        list(run_row_anywhere(cohort, "teacher_on_thermal", [1], ray_address="local"))


def test_the_command_keeps_what_is_there_and_adds_the_sweep(cohort, tmp_path, capsys) -> None:
    args = cohort.origin
    words = ["loso", str(args.data), "--teacher", args.teacher, "--device", "cpu", "--folds", "1"]
    words += ["--work", str(args.work), "--out", str(tmp_path / "r.json")]
    words += [word for each in args.overrides for word in ("--set", each)]
    assert command.main([*words, "--rows", "teacher_on_thermal", "--sweep", "1"]) == 0
    assert "already done; use --again to rerun" not in capsys.readouterr().out
    assert command.main([*words, "--rows", "teacher_on_thermal", "--sweep", "1"]) == 0
    assert capsys.readouterr().out.count("already done; use --again to rerun") == 2
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["beta_sweep"]["1.0"]["folds_run"] == 1
    assert results["models"]["teacher_on_thermal"]["folds_run"] == 1
    assert results["models"]["keypoint_rcnn"]["ap"] == {"mean": None, "sd": None}


def test_what_another_process_wrote_meanwhile_is_kept(cohort, tmp_path, monkeypatch) -> None:
    args, path = cohort.origin, tmp_path / "r.json"
    words = ["loso", str(args.data), "--teacher", args.teacher, "--device", "cpu", "--folds", "1"]
    words += ["--out", str(path), "--no-disk", "--work", str(tmp_path)]
    words += [word for each in args.overrides for word in ("--set", each)]
    run = loso_run.run_row_anywhere

    def beside(*given: Any, **named: Any) -> Any:
        results = load_results(path, cohort)
        results["models"]["student_vit_b"]["folds_run"] = 7
        save_results(path, results, cohort)
        return run(*given, **named)

    monkeypatch.setattr(loso_run, "run_row_anywhere", beside)
    assert command.main([*words, "--rows", "teacher_on_thermal"]) == 0
    models = json.loads(path.read_text())["models"]
    runs = [models[name]["folds_run"] for name in ("student_vit_b", "teacher_on_thermal")]
    assert runs == [7, 1]


def test_a_row_is_known_by_all_that_its_figures_depend_on(cohort) -> None:
    first = run_key(cohort, "student_mobilenetv3", [0, 1], 0.0)
    assert first == run_key(cohort, "student_mobilenetv3", [0, 1], 0.0)
    longer = dataclasses.replace(
        cohort, config=dataclasses.replace(cohort.config, fit=dataclasses.replace(FIT, epochs=9))
    )
    others = {
        run_key(cohort, "student_mobilenetv3", [0], 0.0),
        run_key(cohort, "student_mobilenetv3", [0, 1], 0.0, 0.2),
        run_key(longer, "student_mobilenetv3", [0, 1], 0.0),
    }
    assert len(others | {first}) == 4


def test_one_detector_a_fold_and_none_is_an_error(cohort, tmp_path) -> None:
    with pytest.raises(ModelArtifactError, match="loso-detectors"):
        detected_boxes(cohort.data, str(tmp_path / "{subject}.json"))


def test_a_full_disk_stops_before_the_teacher_runs(cohort, tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(teacher_cache.os, "posix_fallocate", full)
    with pytest.raises(StorageError, match=r"cache cannot be written.*No space left"):
        load_cohort(dataclasses.replace(cohort.origin, work=tmp_path, detector=""))
    assert not list(tmp_path.rglob("latents.npy"))


def test_ray_gives_the_same_figures(cohort) -> None:
    here = run_row_anywhere(cohort, "student_mobilenetv3", [0, 2])
    without_disk = dataclasses.replace(cohort, origin=dataclasses.replace(cohort.origin, work=None))
    there = run_row_anywhere(without_disk, "student_mobilenetv3", [0, 2], ray_address="local")
    for mine, other in zip(here, there, strict=True):
        assert mine.subject == other.subject
        np.testing.assert_array_equal(mine.predictions.xy, other.predictions.xy)
        assert mine.true_boxes == other.true_boxes and mine.detected == other.detected


def test_beginning_anew_forgets_the_folds_asked_for_alone(tmp_path) -> None:
    for name in ("student-s_1-latent", "student-s_1-b0.4", "student-s_10-b0.4", "rcnn-s_1"):
        (tmp_path / f"{name}.pt").touch()
    loso_run.forget(tmp_path, "student", ["s/1"])
    left = {path.stem for path in tmp_path.iterdir()}
    assert left == {"rcnn-s_1", "student-s_10-b0.4"}


def _keypoints(figures, path) -> None:
    """Write what a network could have found in the figures' pictures: all but the left wrist."""
    predictions = []
    for row in range(len(figures)):
        affine = figures.patch_affine[row]
        joints = np.column_stack(
            [figures.xy[row] @ affine[:, :2].T + affine[:, 2], np.full(17, 0.9)]
        )
        joints[9, 2] = 0.1  # not sure of this one
        predictions.append({"image_id": row, "keypoints": joints.ravel().tolist()})
    path.write_text(json.dumps(predictions))


def test_any_network_s_keypoints_teach_the_supervised_rows(cohort, figures, tmp_path, capsys):
    _keypoints(figures, tmp_path / "k.json")
    words = ["loso", str(cohort.origin.data), "--labels", str(tmp_path / "k.json")]
    words += ["--work", str(tmp_path / "work"), "--folds", "0", "--device", "cpu", "--json"]
    for override in ("fit.epochs=1", "fit.batch=4", f"distill.decoder_width={WIDTH}"):
        words += ["--set", override]
    assert command.main([*words, "--rows", "supervised_no_transfer"]) == 0
    told = json.loads(capsys.readouterr().out)["rows"]["supervised_no_transfer"]
    assert told["folds"] == 1 and not told["already_done"]
    entry = json.loads((tmp_path / "work" / "pose_loso.json").read_text())
    assert entry["teacher"]["name"] == "keypoints of k.json"
    assert command.main([*words, "--rows", "supervised_no_transfer"]) == 0
    told = json.loads(capsys.readouterr().out)["rows"]["supervised_no_transfer"]
    assert told["already_done"]
    assert command.main([*words, "--rows", "student_mobilenetv3"]) == ConfigError.exit_code
    assert "keypoints alone have no latent" in capsys.readouterr().err

    origin = dataclasses.replace(cohort.origin, teacher="", labels=tmp_path / "k.json", detector="")
    task = keypoint_task(load_cohort(origin))
    assert task.unknown is not None and task.unknown[:, 9].all()
    assert int(task.unknown.sum()) == len(figures)
    np.testing.assert_allclose(task.xy.numpy()[:, :9], figures.xy[:, :9], atol=0.01)


def test_a_start_s_decoder_learns_on_where_only_keypoints_are_known(cohort, figures, tmp_path):
    _keypoints(figures, tmp_path / "k.json")
    shipped = load_card(card_path("student"))
    input_ = {
        f"normalization.{key}": value
        for key, value in dataclasses.asdict(shipped.normalization).items()
    }
    settings = {"distill.start": "student", "distill.decoder_width": 64, **input_}

    def network(**changed):
        overrides = tuple(f"{key}={value}" for key, value in {**settings, **changed}.items())
        origin = CohortOrigin(
            cohort.origin.data, "", overrides=overrides, device="cpu", labels=tmp_path / "k.json"
        )
        known = load_cohort(origin)
        return trainer._network(known, ROWS["supervised_same_start"], 0), known

    with pytest.raises(ConfigError, match=r"set distill\.decoder_width=256"):
        network()
    begun, known = network(**{"distill.decoder_width": 256})
    seen = known.data.select(known.folds[0].rows.train)
    expected = student_start("student", seen, known.config).state_dict()
    for name, value in begun.state_dict().items():
        torch.testing.assert_close(value, expected[name])
