# SPDX-License-Identifier: Apache-2.0
"""Whose recordings are, on folders as users have them."""

from pathlib import Path

import pytest
from support.real_bags import write_bag

from thermal_pose.errors import ConfigError
from thermal_pose.lab.learning.datasets.recordings import find_training_recordings


def _names(recordings):
    return sorted((each.subject, each.trial) for each in recordings)


@pytest.fixture
def bag(tmp_path):
    def make(name, **more):
        return write_bag(tmp_path / name, frames=1, rgb=False, **more)

    return make


def test_a_folder_a_person_names_the_subject(bag, tmp_path) -> None:
    for name in ("alice/walk1", "alice/walk2", "bob/walk1", "bob/rosbag2_2026_01_02-03_04_05"):
        bag(name)
    assert _names(find_training_recordings([tmp_path])) == [
        ("alice", "walk1"),
        ("alice", "walk2"),
        ("bob", "rosbag2_2026_01_02-03_04_05"),
        ("bob", "walk1"),
    ]


def test_the_cohort_goes_before_the_subject(bag, tmp_path) -> None:
    bag("alice/walk1")
    assert _names(find_training_recordings([tmp_path], cohort="spring")) == [
        ("spring/alice", "walk1")
    ]


def test_a_flat_folder_is_read_by_names(bag, tmp_path) -> None:
    for name in ("S01_walk_a", "S01_walk_b", "S02"):
        bag(name)
    expected = [("S01", "walk_a"), ("S01", "walk_b"), ("S02", "1")]
    assert _names(find_training_recordings([tmp_path])) == expected


def test_a_recorded_subject_comes_before_any_folder(bag, tmp_path) -> None:
    bag("monday/rosbag2_2026", subject="P07")
    assert _names(find_training_recordings([tmp_path])) == [("P07", "rosbag2_2026")]


@pytest.mark.parametrize(
    "name",
    ["rosbag2_2026_01_02-03_04_05", "20261124T231933Z", "20261124T231933Z_2", "alice/may/walk"],
)
def test_what_says_nobodys_name_is_refused(bag, tmp_path, name) -> None:
    bag(name)
    bag("S01_walk")
    with pytest.raises(ConfigError, match=rf"{name}; expected .*--subject NAME"):
        find_training_recordings([tmp_path])


def test_a_given_subject_names_all_recordings(bag, tmp_path) -> None:
    bag("rosbag2_2026_01")
    bag("day1/walk")
    bag("day2/walk")
    found = find_training_recordings([tmp_path], subject="P01")
    assert _names(found) == [("P01", "day1/walk"), ("P01", "day2/walk"), ("P01", "rosbag2_2026_01")]
    assert len({each.shard_name for each in found}) == 3
    with pytest.raises(ConfigError, match="pseudonym"):
        find_training_recordings([tmp_path], subject="Jane Doe")


def test_two_recordings_of_one_name_are_refused(bag, tmp_path) -> None:
    one, other = bag("a/walk", subject="P01"), bag("b/walk", subject="P01")
    with pytest.raises(ConfigError) as caught:
        find_training_recordings([tmp_path])
    message = str(caught.value)
    assert f"{one} and {other} are both trial 'walk' of subject 'P01'" in message
    assert "another folder name" in message


def test_names_that_collide_in_the_file_are_refused(bag, tmp_path) -> None:
    bag("a_b/c")
    bag("a/b_c")
    with pytest.raises(ConfigError, match=r"subject 'a', trial 'b_c'.*to a_b_c\.npz"):
        find_training_recordings([tmp_path])


def test_a_recording_found_twice_is_one(bag, tmp_path) -> None:
    one = bag("alice/walk")
    assert len(find_training_recordings([tmp_path, tmp_path / "alice" / ".." / "alice", one])) == 1


def test_a_recording_given_as_here_has_a_name(bag, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(bag("S01_walk"))
    assert _names(find_training_recordings([Path()])) == [("S01", "walk")]
