# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from thermal_pose.cli.main import main
from thermal_pose.errors import ConfigError, TrainingError
from thermal_pose.lab.evaluation.labelled.answers import LabelledAnswers, ask
from thermal_pose.lab.evaluation.labelled.judge import joint_figures, labelled_figures
from thermal_pose.lab.evaluation.labelled.precision import answer_precisions
from thermal_pose.lab.evaluation.labelled.resampling import SceneDraws
from thermal_pose.lab.evaluation.labelled.sheet import write_overlay_sheet
from thermal_pose.lab.learning.datasets.coco.labels import read_labels
from thermal_pose.lab.learning.datasets.coco.pictures import centikelvin
from thermal_pose.skeleton import MIRROR
from thermal_pose.types import PersonKeypoints

RNG = np.random.default_rng(0)
PEOPLE = [RNG.uniform((30, 10), (60, 100), (17, 2)).round(2) for _ in range(6)]


@pytest.fixture
def labelled(tmp_path) -> tuple[Path, Path]:
    """Three pictures of 160 x 120, two people each, two of the pictures of one scene."""
    images, annotations = [], []
    for number in range(3):
        picture = np.full((120, 160), 40, np.uint8)
        picture[10:100, 30:60] = 200
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        images.append(
            {"id": number, "file_name": f"{number}.png", "width": 160, "height": 120,
             "scene": "a" if number < 2 else "b"}
        )  # fmt: skip
    for number, xy in enumerate(PEOPLE):
        flags = np.full(17, 2)
        joints = np.column_stack([xy, flags]).ravel().tolist()
        annotations.append(
            {"id": number, "image_id": number // 2, "category_id": 1, "bbox": [25, 5, 40, 100],
             "area": 2000.0, "keypoints": joints, "num_keypoints": 17}
        )  # fmt: skip
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"images": images, "annotations": annotations}))
    return labels, tmp_path


@dataclass
class Oracle:
    """Answers with the labels themselves, moved or mirrored."""

    shift_px: float = 0.0
    mirrored: bool = False
    asked: int = 0

    def estimate(self, frame, boxes):
        assert frame.shape == (120, 160) and frame.dtype == np.uint16
        found = []
        for box in boxes:
            xy = PEOPLE[self.asked] + np.array((0.0, self.shift_px))
            self.asked += 1
            xy = xy[MIRROR] if self.mirrored else xy
            scores = np.full(17, 0.9, np.float32)
            found.append(PersonKeypoints(0, box, xy.astype(np.float32), scores, 0.8))
        return tuple(found)


def answers(labelled, oracle) -> LabelledAnswers:
    return ask(oracle, read_labels(labelled[0]), labelled[1], (21.0, 33.0))


def judged(given: LabelledAnswers, resamples: int) -> dict[str, Any]:
    draws = SceneDraws.over(given.scenes, resamples)
    return labelled_figures(given, draws, answer_precisions(given, draws))


def test_the_labels_themselves_are_perfect(labelled) -> None:
    found = judged(answers(labelled, Oracle()), resamples=20)
    assert found["ap"]["value"] == 1.0 and found["ap"]["ci95"] == [1.0, 1.0]
    assert found["mirrored"]["value"] == 0 and found["people"] == 6 and found["scenes"] == 2
    assert found["joint_ece"]["value"] == pytest.approx(0.1, abs=1e-6)
    assert found["person_score"]["value"] == pytest.approx(0.8)


def test_a_mirrored_answer_is_named_and_right_without_sides(labelled) -> None:
    found = judged(answers(labelled, Oracle(mirrored=True)), resamples=0)
    assert found["mirrored"]["value"] == 6 and found["ap"]["value"] < 0.3
    assert found["mirrored_clearly"]["value"] == 6
    assert found["oks_sides_ignored"]["value"] == pytest.approx(1.0, abs=1e-6)
    assert found["ap"]["ci95"] is None


def test_sides_that_coincide_are_mirrored_but_not_clearly(labelled) -> None:
    given = answers(labelled, Oracle())
    middle = (given.true_xy + given.true_xy[:, MIRROR]) / 2
    from_the_side = middle + 0.02 * (given.true_xy - middle)
    seen = replace(given, true_xy=from_the_side, xy=from_the_side[:, MIRROR])
    found = judged(seen, resamples=0)
    assert found["mirrored"]["value"] == 6 and found["mirrored_clearly"]["value"] == 0


def test_an_offset_is_reported_per_joint_in_units_of_the_person(labelled) -> None:
    given = answers(labelled, Oracle(shift_px=-5.0))
    ankle = joint_figures(given, SceneDraws.over(given.scenes, 0))["left_ankle"]
    assert ankle["offset_y"]["value"] == pytest.approx(-5.0 / 2000**0.5, abs=1e-4)
    assert ankle["offset_x"]["value"] == pytest.approx(0.0, abs=1e-4) and ankle["n"] == 6


def test_scenes_are_drawn_whole(labelled) -> None:
    mixed = answers(labelled, Oracle())
    wrong = mixed.xy.copy()
    wrong[4:] += 60.0  # scene 'b' fails
    found = judged(replace(mixed, xy=wrong), resamples=60)
    low, high = found["oks"]["ci95"]
    assert low < 0.05 and high > 0.95


def test_a_sheet_is_drawn(labelled) -> None:
    sheet = labelled[1] / "sheets" / "sheet.png"
    write_overlay_sheet(
        sheet, read_labels(labelled[0]), labelled[1], answers(labelled, Oracle()), (21.0, 33.0)
    )
    assert cv2.imread(str(sheet)).shape == (240, 1600, 3)


def test_eight_bits_are_laid_between_the_span_and_sixteen_are_kept() -> None:
    grey = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    frame = centikelvin(grey, (21.0, 33.0))
    assert abs(int(np.percentile(frame, 1)) - 29415) < 10
    assert abs(int(np.percentile(frame, 99.8)) - 30615) < 10
    counts = np.full((4, 4), 29515, np.uint16)
    assert (centikelvin(counts, (0.0, 1.0)) == counts).all()


def test_a_missing_picture_is_named(labelled) -> None:
    (labelled[1] / "1.png").unlink()
    with pytest.raises(TrainingError, match=r"1\.png"):
        answers(labelled, Oracle())


def test_the_command_judges_every_span_and_writes_results_and_sheets(labelled, capsys) -> None:
    labels, folder = labelled
    out = folder / "results.json"
    words = ["evaluate-pose", "--model", "student-lite", "--labels", f"mine={labels}", str(folder)]
    words += ["--span", "21", "33", "--span", "20", "36", "--about", "mine=drawn here, CC0"]
    assert main([*words, "--sheets", str(folder / "sheets"), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "mine 20..36: 6 people" in told and told.count("[") == 2 * 8  # every figure
    results = json.loads(out.read_text())
    assert results["simulated"] is False and results["sets"]["mine"]["source"] == "drawn here, CC0"
    of_set = results["models"]["student-lite"]["mine"]
    assert set(of_set["spans_degc"]) == {"21..33", "20..36"}
    assert of_set["ap_spread_over_spans"]["value"] < 0.05  # its input does not depend on the span
    assert len(list((folder / "sheets").glob("student-lite-*-mine.png"))) == 1


def test_the_command_judges_a_detectors_boxes_and_names_the_loss(labelled, capsys) -> None:
    labels, folder = labelled
    out = folder / "results.json"
    words = ["evaluate-pose", "--labels", f"mine={labels}", str(folder), "--out", str(out)]
    models = ["--model", "student-lite", "--model", "student-lite-int8"]
    assert main([*words, *models, "--detector", "warm_blob"]) == 0
    assert "recall of boxes" in capsys.readouterr().out
    results = json.loads(out.read_text())
    fp32, int8 = (results["models"][name]["mine"] for name in models[1::2])
    assert results["detector"] == "warm_blob"
    assert fp32["loss"]["box"]["detected"] == fp32["spans_degc"]["21..33"]["detected"]
    assert set(fp32["loss"]["box"]) == {"cut_15_percent", "enlarged_15_percent", "detected"}
    assert "ap_minus_fp32" not in fp32 and int8["ap_minus_fp32"]["ci95"] is not None


def test_boxes_are_scaled_about_their_centre(labelled) -> None:
    given = ask(Boxes(), read_labels(labelled[0]), labelled[1], (21.0, 33.0), box_scale=0.5)
    assert given.xy[0, 0].tolist() == [35.0, 30.0] and given.xy[0, 1].tolist() == [55.0, 80.0]
    assert given.true_boxes[0].tolist() == [25.0, 5.0, 65.0, 105.0]


class Boxes:
    """Answers with the corners of the box as the first two joints."""

    def estimate(self, frame, boxes):
        found = np.zeros((len(boxes), 17, 2), np.float32)
        found[:, :2] = np.array([box.xyxy for box in boxes]).reshape(-1, 2, 2)
        scores = np.full(17, 0.9, np.float32)
        return tuple(
            PersonKeypoints(0, box, xy, scores, 0.8) for box, xy in zip(boxes, found, strict=True)
        )


def test_contrast_is_the_step_from_the_surroundings(labelled) -> None:
    counts = np.full((120, 160), 29500, np.uint16)
    counts[5:105, 25:65] = 30000
    for number in range(3):
        cv2.imwrite(str(labelled[1] / f"{number}.png"), counts)
    assert answers(labelled, Oracle()).contrast_k == pytest.approx(5.0)


def test_the_command_refuses_disturbances_of_real_pictures(labelled, capsys) -> None:
    labels, folder = labelled
    words = ["evaluate-pose", "--labels", f"mine={labels}", str(folder), "--sensitivity"]
    assert main(words) == ConfigError.exit_code
    assert "--sensitivity: expected --evaluation sets, got --labels" in capsys.readouterr().err


def test_the_command_wants_one_kind_of_sets(labelled, capsys) -> None:
    assert main(["evaluate-pose", "--model", "student-lite"]) != 0
    assert "expected --evaluation (simulated) or --labels" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--span", "21", "33"], ["--about", "a=mine"], ["--sheets", "sheets"]]
)
def test_options_of_labelled_sets_are_refused_for_shards(tmp_path, capsys, words) -> None:
    assert main(["evaluate-pose", "--evaluation", f"a={tmp_path}", *words]) == ConfigError.exit_code
    assert f"{words[0]}: expected --labels sets, got --evaluation" in capsys.readouterr().err
