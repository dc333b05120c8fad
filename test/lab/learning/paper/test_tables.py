# SPDX-License-Identifier: Apache-2.0
"""Table and figure from figures made up here; none of them is a result."""

import json
import sys

import cv2
import pytest

from thermal_pose.cli import main as command
from thermal_pose.errors import MissingExtraError, TrainingError
from thermal_pose.lab.learning.paper.tables import (
    TABLE_I,
    breakdowns,
    draw_sweep,
    read_results,
    sweep_points,
    table_i,
)

NOTHING = {"mean": None, "sd": None}


def precision(mean: float) -> dict:
    value = {"mean": mean, "sd": 0.5 * mean}
    return dict.fromkeys(("ap", "ap50", "ap75", "ap_teacher", "ap_true_boxes"), value)


@pytest.fixture
def made_up() -> dict:
    empty = dict.fromkeys(("ap", "ap50", "ap75"), NOTHING)
    run = {**precision(0.5), "params": 4_398_049, "macs": 1_461_000_000, "folds_run": 2}
    run |= {
        "steps": [900, 1100],
        "crops": [3600, 4400],
        "box_area": {"ap": {"mean": 0.6, "sd": 0.1}},
    }
    run |= {"max_minutes": 26.0, "started_from": "a teacher"}
    return {
        "data": {"hash": "feed", "subjects": 3, "simulated": True, "oks": "x", "detector": ""},
        "teacher": {"name": "tiny"},
        "device": "none",
        "models": {"student_mobilenetv3": run, "student_vit_b": {**empty, "folds_run": 0}},
        "beta_sweep": {"1.0": precision(0.4), "0.0": precision(0.1), "0.4": dict(empty)},
    }


def _row(table: str, start: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_without_a_meaningful_budget_is_empty_with_its_reason(made_up) -> None:
    models = made_up["models"]
    hurried = {**models["student_mobilenetv3"], "reason": "1 of 1 folds learned from fewer crops"}
    models["student_resnet50"] = hurried
    started = {**precision(0.0), "params": 1, "macs": 1, "folds_run": 1, "epochs": [2]}
    models["student_vit_b"] = started
    table = table_i(made_up)
    assert _row(table, "| distilled | ResNet-50")[2:8] == ["not run"] * 6
    assert _row(table, "| distilled | ViT-Base")[2:8] == ["not run"] * 6
    assert "0.000 ±" not in table
    assert "Empty: distilled ResNet-50 (1 of 1 folds learned from fewer crops)." in table
    assert "distilled ViT-Base (epochs started: 2; its steps were not counted)." in table


def test_the_table_has_all_rows_and_says_what_was_not_run(made_up) -> None:
    table = table_i(made_up)
    lines = table.splitlines()
    assert len({line.count("|") for line in lines[:10]}) == 1
    student = _row(table, "| distilled | MobileNetV3")
    assert student[2:5] == ["0.500 ± 0.250"] * 3
    assert student[5:8] == ["0.600 ± 0.100", "0.500 ± 0.250", "0.500 ± 0.250"]
    assert student[8:11] == ["4.398", "1.461", "2"]
    assert student[11:15] == ["900 to 1100", "3600 to 4400", "26", "a teacher"]
    assert student[15] == "0.861 ± 0.071"  # the paper's
    assert _row(table, "| distilled | ViT-Base")[2] == "not run"
    assert _row(table, "| Keypoint R-CNN")[2:11] == ["not run"] * 6 + ["-", "-", "0"]
    assert _row(table, "| Keypoint R-CNN")[11:15] == ["-"] * 4
    assert "Simulated people" in table and "`feed`" in table


def test_rows_of_an_earlier_teacher_are_named(made_up) -> None:
    made_up["teacher"]["ap_rgb"] = 0.9
    entry = made_up["models"]["student_mobilenetv3"]
    entry["teacher"] = {"name": "tiny", "ap_rgb": 0.9}
    assert "earlier teacher" not in table_i(made_up)
    entry["teacher"]["ap_rgb"] = 0.8
    told = "earlier teacher (AP 0.800 on held-out people's RGB, not 0.900): distilled MobileNetV3."
    assert told in table_i(made_up)
    del made_up["teacher"]["ap_rgb"]  # ViTPose, say, whose accuracy on RGB nobody measured
    assert "(AP 0.800 on held-out people's RGB): distilled MobileNetV3." in table_i(made_up)


def test_an_empty_results_file_gives_an_empty_table() -> None:
    table = table_i({"data": None, "models": {}, "teacher": None, "device": None})
    assert table.count("not run") == len(TABLE_I) * 6


def test_breakdowns_show_what_was_run(made_up) -> None:
    made_up["models"]["student_mobilenetv3"]["breakdown"] = {
        "phase": {"seated": {"ap": 0.25, "ap75": 0.2, "n": 7}},
        "distance_m": {"3-4": {"ap": None, "ap75": None, "n": 0}},
        "view": {},
        "joint": {"nose": {"similarity": 0.5, "median_error_px": 1.25}},
    }
    text = breakdowns(made_up)
    assert "| seated | 0.250 (n = 7) |" in text and "| 3-4 | - |" in text
    assert "| nose | 0.500 (1.25 px) |" in text and "viewing" not in text
    assert "distilled, MobileNetV3" in text and "ViT-Base" not in text


def test_breakdowns_begin_with_what_the_teacher_s_labels_are_worth(made_up) -> None:
    part = {"subject": {"anna": {"ap": 0.5, "ap75": 0.4, "n": 3}}}
    made_up["models"]["student_mobilenetv3"]["breakdown"] = part
    better = {"subject": {"anna": {"ap": 0.75, "ap75": 0.7, "n": 3}}}
    made_up["teacher"]["on_cohort_rgb"] = {"breakdown": better}
    text = breakdowns(made_up)
    assert "| | RGB teacher on RGB | distilled, MobileNetV3 |" in text
    assert "| anna | 0.750 (n = 3) | 0.500 (n = 3) |" in text


def test_sweep_is_in_order_and_without_what_was_not_run(made_up) -> None:
    assert sweep_points(made_up)["ap75"] == [(0.0, 0.1, 0.05), (1.0, 0.4, 0.2)]
    assert sweep_points({"beta_sweep": None}) == {"ap": [], "ap50": [], "ap75": []}


def test_the_command_writes_table_and_figure(made_up, tmp_path, capsys) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(made_up))
    assert command.main(["loso-tables", str(path), "--out", str(tmp_path / "o")]) == 0
    assert "1 rows run; beta sweep: 2 points" in capsys.readouterr().out
    assert "±" in (tmp_path / "o" / "pose_table.md").read_text(encoding="utf-8")
    picture = cv2.imread(str(tmp_path / "o" / "pose_beta.png"))
    assert picture.shape[1] > 600 and picture.min() < 100


def test_the_sweep_may_be_of_another_teacher(made_up, tmp_path, capsys) -> None:
    for name, sweep in (("r", None), ("own", made_up["beta_sweep"])):
        (tmp_path / f"{name}.json").write_text(json.dumps({**made_up, "beta_sweep": sweep}))
    words = ["loso-tables", str(tmp_path / "r.json"), "--out", str(tmp_path / "o")]
    assert command.main([*words, "--sweep", str(tmp_path / "own.json")]) == 0
    assert "beta sweep: 2 points" in capsys.readouterr().out
    assert (tmp_path / "o" / "pose_beta.png").is_file()


def test_without_a_sweep_there_is_no_figure(made_up, tmp_path) -> None:
    with pytest.raises(TrainingError, match="not run"):
        draw_sweep({**made_up, "beta_sweep": None}, tmp_path / "x.png")


def test_without_matplotlib_one_is_told_what_to_install(made_up, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match="matplotlib"):
        draw_sweep(made_up, tmp_path / "x.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "no results"), ("[]", "no results"), ('{"models": {"a": {"ap": 1}}}', "lacks 'ap50'")],
)
def test_files_that_are_no_results_are_named(tmp_path, text, message) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(TrainingError, match=message):
        read_results(path)
    with pytest.raises(TrainingError, match="no results"):
        read_results(tmp_path / "none.json")
