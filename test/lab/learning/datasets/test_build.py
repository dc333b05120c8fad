# SPDX-License-Identifier: Apache-2.0
"""`thermal-pose dataset` on a user's own recordings: what it refuses, and what it says."""

import json

import numpy as np
import pytest
from support.real_bags import write_bag

from thermal_pose.bags import reader as reader_module
from thermal_pose.calibration.files import save_extrinsics
from thermal_pose.cli import main as command
from thermal_pose.errors import (
    BagSchemaError,
    ConfigError,
    MissingExtraError,
    StorageError,
)
from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.lab.learning.datasets import build as build_dataset
from thermal_pose.lab.learning.datasets.from_bags import build_shard
from thermal_pose.lab.learning.datasets.options import BuildOptions
from thermal_pose.lab.learning.datasets.recordings import Recording, find_training_recordings
from thermal_pose.lab.learning.pose_data import load_folder


@pytest.fixture
def bags(tmp_path):
    """Two people, the second with two recordings; neither has truth."""
    folder = tmp_path / "bags"
    for number, name in enumerate(("alice/walk", "bob/walk", "bob/stand")):
        write_bag(folder / name, start_ns=number * 10**12)
    return folder


@pytest.fixture
def call(tmp_path, capsys):
    """Return the exit code, and what was printed to either stream."""

    def run(*words, out="out"):
        code = command.main(["dataset", *map(str, words), "--out", str(tmp_path / out)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


THERMAL = ("--boxes", "detector", "--detector", "warm_blob", "--no-rgb", "--jobs", "1")


def test_the_summary_counts_people_and_trials(bags, call) -> None:
    code, said, _ = call(bags, *THERMAL)
    assert code == 0
    assert "in 3 shards; 2 subjects (alice, bob), 3 trials" in said


def test_thermal_pictures_alone_need_no_calibrated_camera(tmp_path, call) -> None:
    bag = write_bag(tmp_path / "P01_walk", rgb=False, calibrated=False)
    assert call(bag, *THERMAL)[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--boxes", "rgb", "--no-rgb"), "--boxes rgb needs the RGB pictures"),
        (("--teacher", "x", "--no-rgb"), "--teacher needs the RGB pictures"),
        (("--boxes", "rgb"), "needs a detector on RGB pictures, got none: use --detector Pek"),
        (("--boxes", "rgb", "--detector", "detector"), "got detector: use --detector Pek"),
        (("--boxes", "rgb", "--detector", "warm_blob"), "got warm_blob: use --detector Pek"),
        (("--detector", "PekingU/x"), "also give --boxes rgb or --boxes detector"),
        (("--subject", "Jane Doe"), "expected a pseudonym"),
    ],
)
def test_options_that_make_no_sense_end_in_one_line(bags, call, words, message) -> None:
    code, _, said = call(bags, *words)
    assert code == ConfigError.exit_code
    assert message in said and said.count("\n") == 1 and "Traceback" not in said


@pytest.mark.parametrize(("option", "least"), [("--every", 1), ("--jobs", 0)])
def test_numbers_out_of_range_are_usage_errors(bags, call, option, least, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        call(bags, option, str(least - 1))
    expected = f"argument {option}: expected a whole number of at least {least}, got {least - 1}"
    assert expected in capsys.readouterr().err


def test_a_wrong_detector_is_told_before_anything_is_built(bags, call, tmp_path) -> None:
    code, _, said = call(bags, "--boxes", "detector", "--detector", "nonesuch", "--no-rgb")
    assert code == 6 and "nonesuch" in said and said.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))


def test_recordings_without_truth_say_what_to_use(bags, call) -> None:
    code, _, said = call(bags, "--jobs", "1")
    assert code == 11
    assert "holds no truth" in said.splitlines()[-1]
    assert "`--boxes rgb --detector PekingU/" in said and "`--boxes detector`" in said
    assert "{" not in said


def test_recordings_without_rgb_say_what_to_use(tmp_path) -> None:
    bag = write_bag(tmp_path / "P01_walk", rgb=False)
    with pytest.raises(BagSchemaError, match="no RGB pictures: use --no-rgb"):
        build_shard(Recording(bag, "P01", "walk"), BuildOptions("detector"), detect=lambda _: [])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--every", "2"), "--every was 1 and is now 2"),
        (("--boxes", "rgb", "--detector", "some/model"), "--boxes was detector and is now rgb"),
        (("--detector", "detector"), "--detector was warm_blob and is now detector"),
        (("--joints-at-rgb",), "--joints-at-rgb was off and is now on"),
    ],
)
def test_other_options_are_not_mixed(bags, call, more, message) -> None:
    usual = ("--boxes", "detector", "--detector", "warm_blob", "--jobs", "1")
    assert call(bags / "alice", *usual, "--subject", "alice")[0] == 0
    code, _, said = call(bags, *usual, *more)
    assert code == ConfigError.exit_code and message in said
    assert "give another --out, or delete" in said and said.count("\n") == 1
    assert call(bags, *usual)[0] == 0  # the earlier ones still go on


def test_leaving_out_rgb_is_another_option(bags, call) -> None:
    assert call(bags, *THERMAL)[0] == 0
    code, _, said = call(bags, *(word for word in THERMAL if word != "--no-rgb"))
    assert code == ConfigError.exit_code and "--no-rgb was on and is now off" in said


def test_other_extrinsics_are_not_mixed(bags, call, tmp_path) -> None:
    file = tmp_path / "extrinsics.yaml"
    save_extrinsics(file, CameraPose(np.eye(3), np.zeros(3)))
    usual = ("--boxes", "detector", "--detector", "warm_blob", "--jobs", "1")
    assert call(bags, *usual, "--extrinsics", file)[0] == 0
    assert call(bags, *usual, "--extrinsics", file)[0] == 0
    code, _, said = call(bags, *usual)
    assert code == ConfigError.exit_code and "is now not given" in said
    save_extrinsics(file, CameraPose(np.eye(3), np.array([0.1, 0, 0])))
    code, _, said = call(bags, *usual, "--extrinsics", file)
    assert code == ConfigError.exit_code and said.count("extrinsics.yaml (sha256") == 2
    code, _, said = call(bags, *usual, "--extrinsics", tmp_path / "gone.yaml")
    assert code == 8 and "gone.yaml" in said


def test_options_of_an_earlier_version_are_known_too(bags, call, tmp_path) -> None:
    assert call(bags, *THERMAL)[0] == 0
    (tmp_path / "out" / "options.json").unlink()
    code, _, said = call(bags, *THERMAL, "--every", "3")
    assert code == ConfigError.exit_code and "--every was 1 and is now 3" in said


def test_a_folder_without_shards_takes_any_options(bags, call, tmp_path) -> None:
    assert call(bags, "--jobs", "1")[0] == 11  # nothing was built
    assert call(bags, *THERMAL)[0] == 0


def test_another_recording_of_the_same_name_is_not_taken_for_built(tmp_path, call) -> None:
    one = write_bag(tmp_path / "day1" / "P01_walk", subject="P01")
    other = write_bag(tmp_path / "day2" / "P01_walk", "P01", start_ns=10**12)
    assert call(one.parent, *THERMAL)[0] == 0
    assert call(one.parent, *THERMAL)[0] == 0
    code, _, said = call(other.parent, *THERMAL)
    assert code == ConfigError.exit_code
    assert f"{one} and {other} are both trial 'P01_walk' of subject 'P01'" in said


def test_a_recording_is_not_built_again_under_another_name(tmp_path, call) -> None:
    write_bag(tmp_path / "bags" / "P01_walk")
    assert call(tmp_path / "bags", *THERMAL)[0] == 0
    code, _, said = call(tmp_path / "bags", *THERMAL, "--subject", "P02")
    assert code == ConfigError.exit_code
    assert "already, as P01_walk.npz, and would now be P02_P01_walk.npz" in said


def test_the_page_covers_all_calls(bags, call, tmp_path) -> None:
    assert call(bags / "alice", *THERMAL, "--subject", "alice")[0] == 0
    _, said, _ = call(bags, *THERMAL, "--json")  # alice/walk has the name that it had
    summary = json.loads(said)
    assert summary["built_now"] == 2 and summary["without_counts"] == 0
    first = (tmp_path / "out" / "quality.html").read_text()
    _, said, _ = call(bags, *THERMAL, "--json")
    summary_again = json.loads(said)
    assert summary_again["built_now"] == 0 and summary_again["dropped"] == summary["dropped"]
    assert (tmp_path / "out" / "quality.html").read_text() == first


def test_what_an_interruption_left_is_counted(bags, call, tmp_path, monkeypatch) -> None:
    save, saved = build_dataset.save_shard, []

    def interrupted(data, path):
        if saved:
            raise KeyboardInterrupt
        saved.append(path)
        save(data, path)

    monkeypatch.setattr(build_dataset, "save_shard", interrupted)
    assert call(bags, *THERMAL)[0] == 130
    monkeypatch.setattr(build_dataset, "save_shard", save)
    summary = json.loads(call(bags, *THERMAL, "--json")[1])
    assert summary["built_now"] == 2 and summary["without_counts"] == 0


def test_an_unreadable_recording_is_named_and_the_others_are_built(bags, call) -> None:
    torn = next((bags / "bob" / "walk").glob("*.mcap"))
    torn.write_bytes(b"no recording" * 100)
    code, said, errors = call(bags, *THERMAL, "--json")
    assert code == 4
    assert json.loads(said)["shards"] == 2  # nothing else is printed there
    assert f"left out {bags / 'bob' / 'walk'}" in errors
    assert errors.endswith("1 of 3 recordings were left out\n")


@pytest.mark.parametrize(
    "error",
    [StorageError("disk full"), MissingExtraError("a detector", "transformers", "train")],
)
def test_an_error_that_every_recording_would_meet_ends_the_build(
    bags, call, monkeypatch, error
) -> None:
    def fails(*_):
        raise error

    monkeypatch.setattr(build_dataset, "build_shard", fails)
    code, _, said = call(bags, *THERMAL)
    assert code == error.exit_code
    assert said.splitlines()[-1] == f"thermal-pose: error: {error}"


def test_an_output_folder_that_cannot_be_is_told(bags, call, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    code, _, said = call(bags, *THERMAL, out="file/below")
    assert code == StorageError.exit_code and "file/below" in said


def test_late_pairs_of_real_recordings_are_marked(tmp_path, call) -> None:
    late = (32, 48)
    write_bag(tmp_path / "bags" / "P01_walk", frames=64, late=late)
    words = ("--boxes", "detector", "--detector", "warm_blob", "--jobs", "1", "--json")
    code, said, _ = call(tmp_path / "bags", *words)
    summary = json.loads(said)
    assert code == 0 and summary["asynchronous_kept_but_marked"] == 2
    assert summary["pairs_checked_by_pictures"] == 1
    data = load_folder(tmp_path / "out")
    marked = (data.stamp_ns[data.asynchronous] - 10**18) // 125_000_000
    assert np.unique(marked).tolist() == list(late)


def test_an_empty_topic_of_truth_is_none(bags) -> None:
    recording = find_training_recordings([bags / "alice"], subject="alice")[0]
    options = BuildOptions("detector", with_rgb=False)
    data, quality = build_shard(recording, options, detect=lambda _: [(10.0, 5.0, 30.0, 45.0)])
    assert len(data) == 12 and quality.start_ns == recording.start_ns == 10**18
    assert not data.visibility.any()


def test_files_are_opened_once_per_shard_and_each_picture_is_read_once(bags, monkeypatch) -> None:
    recording = find_training_recordings([bags / "alice"], subject="alice")[0]
    opened, read = [], []
    open_storage, to_rgb_frame = reader_module.open_storage, reader_module.to_rgb_frame

    def opening(path):
        opened.append(path)
        return open_storage(path)

    def converting(message):
        read.append(message)
        return to_rgb_frame(message)

    monkeypatch.setattr(reader_module, "open_storage", opening)
    monkeypatch.setattr(reader_module, "to_rgb_frame", converting)
    data, quality = build_shard(
        recording, BuildOptions("detector"), detect=lambda _: [(30.0, 10.0, 50.0, 50.0)]
    )
    assert quality.synchrony == "pictures" and len(data) == 12
    assert opened == [recording.path]
    assert len(read) == 12
