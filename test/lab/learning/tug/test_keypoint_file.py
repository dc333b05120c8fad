# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.stick_figure import Figure

from thermal_pose.errors import StorageError
from thermal_pose.lab.learning.tug.keypoint_file import (
    KeypointTrial,
    read_keypoints,
    write_keypoints,
)
from thermal_pose.pipeline.trial import analyze_frames
from thermal_pose.types import TrialReason, TugTiming


def test_round_trip_gives_the_same_analysis(tmp_path: Path) -> None:
    figure = Figure()
    frames = figure.frames()
    frames[5] = replace(frames[5], persons=())
    frames[6] = replace(frames[6], persons=frames[6].persons * 2)
    trial = KeypointTrial("t1", "s1", tuple(frames), figure.truth, {"distance_m": 6.0})
    write_keypoints(trial, tmp_path / "a" / "t1.npz")
    read = read_keypoints(tmp_path / "a" / "t1.npz")
    assert (read.name, read.subject, read.truth) == ("t1", "s1", figure.truth)
    assert read.conditions == trial.conditions
    assert [len(f.persons) for f in read.frames] == [len(f.persons) for f in frames]
    assert np.array_equal(read.frames[7].persons[0].xy, frames[7].persons[0].xy)
    assert analyze_frames(read.frames).to_json() == analyze_frames(frames).to_json()


def test_a_trial_without_frames_or_persons(tmp_path: Path) -> None:
    truth = TugTiming(0, (), TrialReason.NO_PERSON, "Nobody.")
    write_keypoints(KeypointTrial("t", "s", (), truth), tmp_path / "t.npz")
    assert read_keypoints(tmp_path / "t.npz").truth == truth


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"no archive")
    with pytest.raises(StorageError, match="not a file of keypoints"):
        read_keypoints(tmp_path / "x.npz")
    with pytest.raises(StorageError):
        read_keypoints(tmp_path / "missing.npz")
