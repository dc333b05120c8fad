# SPDX-License-Identifier: Apache-2.0
"""A network's joints are moved to where annotators put them, never further off than before."""

import json

import numpy as np
import pytest

from thermal_pose.cli import main as command
from thermal_pose.errors import TrainingError
from thermal_pose.lab.learning.students.convention import fit_convention
from thermal_pose.lab.learning.students.labels import write_pictures
from thermal_pose.lab.learning.students.predictions import read_predictions, write_predictions
from thermal_pose.skeleton import MIRROR, Joint


def _poses(count: int, seed: int = 0) -> np.ndarray:
    """People of several sizes and places whose limbs vary: (count, 17, 3)."""
    rng = np.random.default_rng(seed)
    shape = rng.normal(0, 1, (17, 2))
    own = shape + rng.normal(0, 0.3, (count, 17, 2))
    size = rng.uniform(20, 80, (count, 1, 1))
    xy = rng.uniform(50, 200, (count, 1, 2)) + size * own
    return np.concatenate([xy, np.ones((count, 17, 1))], axis=2)


def _size(joints: np.ndarray) -> np.ndarray:
    offset = joints[:, :, :2] - joints[:, :, :2].mean(axis=1, keepdims=True)
    return np.sqrt((offset**2).sum(axis=(1, 2)) / 17)


ALL = np.ones((300, 17), bool)


def test_a_constant_shift_is_found_at_any_size_and_place() -> None:
    joints = _poses(300)
    shift = np.zeros((17, 2))
    shift[[Joint.LEFT_HIP, Joint.RIGHT_HIP]] = 0.0, -0.1
    truth = joints[:, :, :2] + _size(joints)[:, None, None] * shift
    found, agreement = fit_convention(joints, truth, ALL)
    other = _poses(40, seed=9)
    moved = found.applied(other)
    wanted = other[:, :, :2] + _size(other)[:, None, None] * shift
    np.testing.assert_allclose(moved[:, :, :2], wanted, atol=1e-6)
    assert (moved[:, :, 2] == 1).all()
    assert agreement.before[Joint.LEFT_HIP] == pytest.approx(0.1)
    assert agreement.after.max() < 1e-6


def test_a_shift_that_depends_on_the_pose_is_found() -> None:
    joints = _poses(300)
    size = _size(joints)[:, None, None]
    centre = joints[:, :, :2].mean(axis=1, keepdims=True)
    truth = joints[:, :, :2].copy()
    toward = (centre - joints[:, :, :2]) * 0.2
    truth[:, Joint.LEFT_WRIST] += toward[:, Joint.LEFT_KNEE]
    truth[:, Joint.RIGHT_WRIST] += toward[:, Joint.RIGHT_KNEE]
    found, agreement = fit_convention(joints, truth, ALL)
    assert np.isfinite(found.penalty)
    assert agreement.after[Joint.LEFT_WRIST] < 0.02 * agreement.before[Joint.LEFT_WRIST]
    assert size.shape == (300, 1, 1)


def test_few_pictures_give_a_shift_alone_and_unknown_joints_stay() -> None:
    rng = np.random.default_rng(1)
    joints = _poses(12)
    truth = joints[:, :, :2] + _size(joints)[:, None, None] * (
        np.array([0.0, 0.1]) + rng.normal(0, 0.01, (12, 17, 2))
    )
    known = np.ones((12, 17), bool)
    known[:, [Joint.LEFT_EAR, Joint.RIGHT_EAR]] = False
    found, agreement = fit_convention(joints, truth, known)
    assert found.penalty == np.inf
    moved = found.applied(joints)
    np.testing.assert_array_equal(moved[:, Joint.LEFT_EAR], joints[:, Joint.LEFT_EAR])
    assert np.isnan(agreement.before[Joint.LEFT_EAR])
    ratio = agreement.after / agreement.before
    assert np.nanmax(ratio) < 0.3


def test_a_person_and_the_mirror_image_are_moved_alike() -> None:
    rng = np.random.default_rng(2)
    joints = _poses(300)
    truth = joints[:, :, :2] + rng.normal(0, 3, (300, 17, 2))
    found, _ = fit_convention(joints, truth, ALL)
    flipped = joints[:, MIRROR] * np.array([-1.0, 1.0, 1.0])
    back = found.applied(flipped)[:, MIRROR] * np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(back, found.applied(joints), atol=1e-6)


def test_joints_that_the_network_did_not_find_are_no_evidence() -> None:
    joints = _poses(300)
    truth = joints[:, :, :2].copy()
    joints[:, Joint.NOSE, :2] = 1e4
    joints[:, Joint.NOSE, 2] = 0.1
    found, agreement = fit_convention(joints, truth, ALL)
    assert np.isnan(agreement.before[Joint.NOSE])
    np.testing.assert_allclose(found.applied(joints), joints, atol=1e-6)


def test_too_few_pictures_are_refused() -> None:
    joints = _poses(9)
    with pytest.raises(TrainingError, match="at least 10 pictures with both answers, got 9"):
        fit_convention(joints, joints[:, :, :2], ALL[:9])


def test_keypoints_of_other_pictures_are_refused() -> None:
    joints = _poses(30)
    with pytest.raises(TrainingError, match="are these the same pictures"):
        fit_convention(joints, joints[:, :, :2] + 1e4, ALL[:30])


def _written(figures, folder, shift: float) -> None:
    """Pictures with their own keypoints, and predictions that lie above them."""
    write_pictures(figures, folder / "p")
    listed = json.loads((folder / "p" / "pictures.json").read_text())
    own = {
        each["image_id"]: np.reshape(each["keypoints"], (17, 3)) for each in listed["annotations"]
    }
    assert len(own) == len(figures)
    found = {
        row: np.column_stack([joints[:, 0], joints[:, 1] - shift, np.full(17, 0.9)])
        for row, joints in own.items()
    }
    write_predictions(folder / "k.json", found)
    write_predictions(folder / "others.json", {700: found[0]})
    write_predictions(folder / "nothing.json", {})


def test_the_command_moves_the_keypoints_of_all_files(figures, tmp_path, capsys) -> None:
    _written(figures, tmp_path, 6.0)
    words = ["align-labels", str(tmp_path / "k.json"), "--out", str(tmp_path / "out")]
    words += ["--reference", str(tmp_path / "p" / "pictures.json")]
    capsys.readouterr()
    assert (
        command.main(
            [
                *words,
                "--also",
                str(tmp_path / "others.json"),
                str(tmp_path / "nothing.json"),
                "--json",
            ]
        )
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["pictures_with_both"] == len(figures)
    assert told["distance_after"] < 0.2 * told["distance_before"]
    before, after = (read_predictions(tmp_path / part / "k.json") for part in (".", "out"))
    assert before.keys() == after.keys()
    other = read_predictions(tmp_path / "out" / "others.json")[700]
    np.testing.assert_allclose(other, after[0], atol=1e-3)
    assert 4 < float(np.mean(after[0][:, 1] - before[0][:, 1])) < 8


def test_the_command_says_when_there_is_nothing_to_gain(figures, tmp_path, capsys) -> None:
    _written(figures, tmp_path, 0.0)
    words = ["align-labels", str(tmp_path / "k.json"), "--out", str(tmp_path / "out")]
    assert command.main([*words, "--reference", str(tmp_path / "p" / "pictures.json")]) == 1
    assert "on pictures left out" in capsys.readouterr().out


def test_files_of_another_kind_are_one_clear_error(figures, tmp_path, capsys) -> None:
    _written(figures, tmp_path, 0.0)
    listed = str(tmp_path / "p" / "pictures.json")
    words = ["align-labels", listed, "--reference", listed, "--out", str(tmp_path / "out")]
    assert command.main(words) != 0
    assert "expected a list of predictions" in capsys.readouterr().err
    twice = [str(tmp_path / "k.json"), "--also", str(tmp_path / "out" / "k.json")]
    write_predictions(tmp_path / "out" / "k.json", {0: np.zeros((17, 3))})
    words = ["align-labels", *twice, "--reference", listed, "--out", str(tmp_path / "out")]
    assert command.main(words) != 0
    assert "same name" in capsys.readouterr().err
