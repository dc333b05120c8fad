# SPDX-License-Identifier: Apache-2.0
"""Keypoints of any teacher, and labelled thermal pictures, become a model."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from thermal_pose.cli import main as command
from thermal_pose.errors import ConfigError, StorageError, TrainingError
from thermal_pose.inference.artifacts import card_path
from thermal_pose.inference.card import Normalization, load_card
from thermal_pose.lab.learning.datasets.coco.shards import build_from_coco
from thermal_pose.lab.learning.fitting.config import AugmentConfig
from thermal_pose.lab.learning.fitting.tasks import KeypointTask, ThermalCrops
from thermal_pose.lab.learning.networks.onnx.unfold import unfold_student
from thermal_pose.lab.learning.pose_data import concatenate, load_folder, save_shard
from thermal_pose.lab.learning.students.labels import with_own_labels, write_pictures
from thermal_pose.lab.learning.students.ship import load_student

SMALL = ("--device", "cpu", "--set", "fit.epochs=2")


def _in_picture(data, row: int) -> np.ndarray:
    affine = data.patch_affine[row]
    return data.xy[row] @ affine[:, :2].T + affine[:, 2]


def test_keypoints_of_the_written_pictures_come_back_into_the_frame(figures, tmp_path) -> None:
    assert write_pictures(figures, tmp_path / "p") == len(figures)
    listed = json.loads((tmp_path / "p" / "pictures.json").read_text())
    assert listed["images"][3] == {
        "id": 3, "file_name": "000003.jpg", "width": 240, "height": 320
    }  # fmt: skip
    assert cv2.imread(str(tmp_path / "p" / "000003.jpg")).shape == (320, 240, 3)
    predictions = []
    for row in range(len(figures)):
        joints = np.column_stack([_in_picture(figures, row), np.full(17, 0.9)])
        joints[16, 2] = 0.1
        predictions.append({"image_id": row, "keypoints": joints.ravel().tolist(), "score": 0.8})
        predictions.append({"image_id": row, "keypoints": [0.0] * 51, "score": 0.1})
    (tmp_path / "k.json").write_text(json.dumps(predictions))
    found = with_own_labels(tmp_path / "k.json", figures)
    assert np.abs(found.xy - figures.xy).max() < 0.01
    assert (found.visibility[:, :16] == 2).all() and (found.visibility[:, 16] == 0).all()


def test_the_data_s_own_keypoints_are_written_as_annotations(figures, tmp_path) -> None:
    write_pictures(figures, tmp_path / "p")
    found = with_own_labels(tmp_path / "p" / "pictures.json", figures)
    seen = found.visibility > 0
    assert seen.sum() > 0.9 * (figures.visibility > 0).sum()
    assert np.abs(found.xy - figures.xy)[seen].max() < 0.01
    bare = dataclasses.replace(figures, visibility=np.zeros_like(figures.visibility))
    write_pictures(bare, tmp_path / "bare")
    assert json.loads((tmp_path / "bare" / "pictures.json").read_text())["annotations"] == []


def test_a_folder_that_cannot_be_written_is_one_clear_error(figures, tmp_path) -> None:
    (tmp_path / "p").write_text("a file")
    with pytest.raises(StorageError, match="cannot write"):
        write_pictures(figures, tmp_path / "p")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"image_id": 999, "keypoints": [1.0] * 51}], "image_id 999: expected 0 to 23"),
        ([{"image_id": 0, "keypoints": [1.0] * 50}], "prediction number 1: expected image_id"),
        ([{"image_id": 0, "keypoints": [0.0] * 51}], "no joint is labelled"),
        ({"images": []}, "expected a list 'annotations'"),
    ],
)
def test_files_that_are_not_keypoints_of_the_data_are_refused(
    figures, tmp_path, content, message
) -> None:
    (tmp_path / "k.json").write_text(json.dumps(content))
    with pytest.raises(TrainingError, match=message):
        with_own_labels(tmp_path / "k.json", figures)


def test_keypoints_of_a_row_without_a_picture_are_refused(figures, tmp_path) -> None:
    affine = figures.patch_affine.copy()
    affine[5] = 0
    half = dataclasses.replace(figures, patch_affine=affine)
    (tmp_path / "k.json").write_text(json.dumps([{"image_id": 5, "keypoints": [1.0] * 51}]))
    with pytest.raises(TrainingError, match="image_id 5: the data set has no RGB picture"):
        with_own_labels(tmp_path / "k.json", half)


def test_adapt_learns_from_any_teacher_s_keypoints(figures, tmp_path, capsys) -> None:
    real = dataclasses.replace(figures, heading_deg=np.full_like(figures.heading_deg, np.nan))
    save_shard(real, tmp_path / "data" / "a.npz")
    data = str(tmp_path / "data")
    assert command.main(["adapt", data, "--pictures", str(tmp_path / "p")]) == 0
    joints = [np.column_stack([_in_picture(real, row), np.ones(17)]) for row in range(len(real))]
    predictions = [
        {"image_id": row, "keypoints": each.ravel().tolist()} for row, each in enumerate(joints)
    ]
    (tmp_path / "k.json").write_text(json.dumps(predictions))
    capsys.readouterr()
    words = ["adapt", data, "--labels", str(tmp_path / "k.json"), "--out", str(tmp_path / "out")]
    assert command.main([*words, "--json", *SMALL]) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    assert set(told["after"]) == {"teacher", "truth"}
    card = load_card(Path(told["cards"]["fp32"]))
    assert card.data["learnt_from"]["teacher"] == "keypoints of k.json"


def _labelled_pictures(folder: Path, count: int, size_wh: tuple[int, int]) -> Path:
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(count):
        picture = rng.integers(20, 60, (size_wh[1], size_wh[0])).astype(np.uint8)
        picture[20:110, 50:90] = 220
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        images.append({"id": number, "file_name": f"{number}.png", "scene": f"group {number // 2}"})
        joints = np.column_stack(
            [rng.uniform(52, 88, 17), rng.uniform(22, 108, 17), np.full(17, 2)]
        )
        joints[9] = 0
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "bbox": [50, 20, 40, 90],
             "num_keypoints": 16, "keypoints": joints.ravel().tolist()}
        )  # fmt: skip
    path = folder / "labels.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


def test_a_few_labelled_thermal_pictures_are_enough_and_groups_stay_whole(tmp_path, capsys) -> None:
    labels = _labelled_pictures(tmp_path, 6, (160, 120))
    build_from_coco(labels, tmp_path, tmp_path / "data")
    words = ["adapt", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--json", *SMALL]
    assert command.main(words) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    assert (told["learnt"], told["held_out"], told["held_out_by"]) == (4, 2, "trials")
    assert set(told["after"]) == {"labels"}
    assert load_card(Path(told["cards"]["int8"])).data["simulated"] is False


def _two_sizes(folder: Path) -> str:
    """Return a data set of ten labelled pictures in five groups, of two sizes."""
    for name, size_wh in (("wide", (160, 120)), ("large", (320, 256))):
        (folder / name).mkdir()
        labels = _labelled_pictures(folder / name, 5, size_wh)
        build_from_coco(labels, folder / name, folder / "data", name)
        for shard in (folder / "data").glob("labels_*.npz"):
            shard.rename(shard.with_name(f"{name}.npz"))
    data = load_folder(folder / "data")
    subject = np.zeros_like(data.subject)
    mine = dataclasses.replace(data, subject=subject, subjects=("mine",))
    save_shard(mine, folder / "one" / "a.npz")
    return str(folder / "one")


def test_train_takes_one_labelled_set_and_keeps_the_start_s_confidence(tmp_path, capsys) -> None:
    data, out = _two_sizes(tmp_path), tmp_path / "out"
    words = ["train", "--names", "student-lite", "--train", data, "--out", str(out), "--json"]
    words += ["--device", "cpu", "--set", "fit.epochs=1"]
    assert command.main(words) == TrainingError.exit_code
    assert "the data lacks one kind" in capsys.readouterr().err and not out.exists()
    assert command.main([*words, "--start", "student-lite"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["student-lite"]) == {"fp32", "int8"}
    card = load_card(Path(told["student-lite"]["fp32"]["card"]))
    assert card.data["simulated"] is False and card.data["sets_kept_apart_by"] == "trials"
    people = [card.data[part]["people"] for part in ("train", "confidence", "calibration")]
    assert sum(people) == 10 and min(people) >= 1
    assert card.data["learnt_from"] == "labelled keypoints"
    assert any("person's score is that of the model it began as" in text for text in card.limits)
    _, head = load_student(out / "student-lite.pt")
    shipped = load_card(card_path("student-lite"))
    _, kept = unfold_student(
        card_path("student-lite").parent / shipped.file, np.zeros((2, 1, 256, 192), np.float32)
    )
    for name, value in kept.state_dict().items():
        torch.testing.assert_close(head.state_dict()[name], value)


def _found_in_pictures(data, path: Path) -> str:
    """Write what a network could have found in a data set's pictures: all but the last joint."""
    predictions = []
    for row in np.flatnonzero(data.person):
        joints = np.column_stack([_in_picture(data, row), np.full(17, 0.9)])
        joints[16, 2] = 0.1
        predictions.append({"image_id": int(row), "keypoints": joints.ravel().tolist()})
    path.write_text(json.dumps(predictions))
    return str(path)


def test_train_learns_what_another_network_found_and_masks_what_it_did_not(
    figures, tmp_path, capsys
) -> None:
    found = with_own_labels(Path(_found_in_pictures(figures, tmp_path / "k.json")), figures)
    assert figures.simulated and not figures.unlabelled.any()
    assert found.unlabelled[:, 16].all() and found.unlabelled.sum() == len(figures)
    assert found.select(np.arange(3)).unlabelled[:, 16].all()
    assert concatenate([figures, found]).found and not concatenate([figures, figures]).found
    save_shard(found, tmp_path / "found" / "a.npz")
    again = load_folder(tmp_path / "found")
    assert again.found and again.fingerprint() == found.fingerprint()
    assert dataclasses.replace(found, found=False).fingerprint() != found.fingerprint()

    save_shard(figures, tmp_path / "pairs" / "a.npz")
    words = ["train", "--names", "student-lite", "--start", "student-lite", "--json", *SMALL]
    words += ["--train", str(tmp_path / "pairs"), "--labels", str(tmp_path / "k.json")]
    assert command.main([*words, "--out", str(tmp_path / "out")]) == 0
    told = json.loads(capsys.readouterr().out)
    card = load_card(Path(told["student-lite"]["fp32"]["card"]))
    assert card.data["learnt_from"] == "keypoints that another network found in the RGB pictures"
    assert card.data["train"]["hash"] not in (figures.fingerprint(), "")
    both = [*words, "--teacher", "any", "--out", str(tmp_path / "out2")]
    assert command.main(both) == ConfigError.exit_code
    assert "expected --teacher or --labels" in capsys.readouterr().err


def test_a_set_that_cannot_be_split_is_refused(tmp_path, capsys) -> None:
    labels = _labelled_pictures(tmp_path, 3, (160, 120))
    build_from_coco(labels, tmp_path, tmp_path / "data")
    words = ["train", "--names", "student-lite", "--start", "student-lite", "--device", "cpu"]
    words += ["--train", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert command.main(words) == TrainingError.exit_code
    assert "at least 4 pictures of people" in capsys.readouterr().err
    assert command.main([*words, "--confidence", str(tmp_path / "data")]) == ConfigError.exit_code
    assert "expected both, or neither" in capsys.readouterr().err


def test_unlabelled_joints_teach_nothing(tmp_path) -> None:
    labels = _labelled_pictures(tmp_path, 4, (160, 120))
    build_from_coco(labels, tmp_path, tmp_path / "data")
    data = load_folder(tmp_path / "data")
    assert data.unlabelled[:, 9].all() and data.unlabelled.sum() == len(data)
    source = ThermalCrops(data, Normalization(), AugmentConfig(flip=1.0), torch.device("cpu"))

    class Loud(torch.nn.Module):
        """Answers with ones everywhere."""

        def __init__(self) -> None:
            super().__init__()
            self.level = torch.nn.Parameter(torch.ones(17))

        def heatmaps(self, image):
            return self.level[None, :, None, None].expand(len(image), 17, 64, 48)

    for flip, silent in ((0.0, 9), (1.0, 10)):
        network = Loud()
        task = KeypointTask(
            source, torch.from_numpy(data.xy), torch.from_numpy(data.visibility > 0),
            AugmentConfig(flip=flip), unknown=torch.from_numpy(data.unlabelled),
        )  # fmt: skip
        inputs = task.draw(torch.arange(4), torch.Generator().manual_seed(0))
        task.loss(network, inputs).backward()
        assert network.level.grad[silent] == 0
        assert (network.level.grad != 0).sum() == 16


def test_data_without_any_keypoints_is_told_what_to_give(figures, tmp_path, capsys) -> None:
    blank = dataclasses.replace(figures, visibility=np.zeros_like(figures.visibility))
    save_shard(blank, tmp_path / "data" / "a.npz")
    assert command.main(["adapt", str(tmp_path / "data"), "--out", str(tmp_path / "o")]) != 0
    assert "give --teacher, or --labels" in capsys.readouterr().err
