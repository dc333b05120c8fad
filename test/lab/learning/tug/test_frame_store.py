# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.stick_figure import Figure

from thermal_pose.errors import StorageError
from thermal_pose.lab.learning.tug.frame_store import (
    FrameTrial,
    cache_trial,
    frames_path,
    joined,
    read_frame_trial,
    write_frame_trial,
)
from thermal_pose.lab.learning.tug.keypoint_file import (
    keypoint_models,
    read_keypoints,
    truth_from_json,
)
from thermal_pose.types import ThermalFrame


def rendered(n_frames: int = 6) -> FrameTrial:
    rng = np.random.default_rng(0)
    frames = tuple(
        ThermalFrame(k * 125_000_000, "cam", rng.integers(29_000, 31_000, (60, 80), np.uint16))
        for k in range(n_frames)
    )
    joints_m = rng.normal(size=(n_frames, 17, 3)).astype(np.float32)
    return FrameTrial("t0", "s0", frames, Figure().truth, {"netd_k": 0.05}, joints_m)


class Models:
    """A perception that finds the same person in each image, and counts its images."""

    def __init__(self, model_id: str) -> None:
        self.detection = SimpleNamespace(detector=SimpleNamespace(model_id="detector-1"))
        self.pose = SimpleNamespace(estimator=SimpleNamespace(model_id=model_id))
        self._template = Figure().frames()[0]
        self.n_images = 0

    def reset(self) -> None:
        """Nothing is remembered."""

    def step(self, frame: ThermalFrame):
        self.n_images += 1
        model_id = self.pose.estimator.model_id
        return replace(self._template, stamp_ns=frame.stamp_ns, model_id=model_id)


def test_frames_round_trip(tmp_path: Path) -> None:
    trial = rendered()
    write_frame_trial(trial, tmp_path / "t0.npz")
    read = read_frame_trial(tmp_path / "t0.npz")
    assert (read.name, read.subject, read.truth) == (trial.name, trial.subject, trial.truth)
    assert read.conditions == trial.conditions
    assert [f.stamp_ns for f in read.frames] == [f.stamp_ns for f in trial.frames]
    assert all(
        np.array_equal(a.centikelvin, b.centikelvin)
        for a, b in zip(read.frames, trial.frames, strict=True)
    )
    assert np.array_equal(read.joints_m, trial.joints_m)


def test_joined_trials_follow_each_other_and_keep_their_truths() -> None:
    first, later = rendered(6), rendered(4)
    both = joined(first, [later])
    stamps_ns = [frame.stamp_ns for frame in both.frames]
    assert np.diff(stamps_ns).tolist() == [125_000_000] * 9
    assert both.joints_m.shape == (10, 17, 3)
    assert both.truth == first.truth
    (truth,) = map(truth_from_json, both.conditions["later_truths"])
    # The later trial starts with the seventh frame.
    assert truth.origin_ns - later.truth.origin_ns == stamps_ns[6] - later.frames[0].stamp_ns
    assert truth.phases == later.truth.phases


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "t0.npz", a=np.zeros(3))
    with pytest.raises(StorageError, match="not a file of frames"):
        read_frame_trial(tmp_path / "t0.npz")


def test_another_model_makes_keypoints_again_without_rendering(tmp_path: Path) -> None:
    path, renders = tmp_path / "t0.npz", []

    def render() -> FrameTrial:
        renders.append(1)
        return rendered()

    first, second = Models("pose-1"), Models("pose-2")
    cache_trial(path, render, first)
    cache_trial(path, render, first)
    assert (first.n_images, keypoint_models(path)) == (6, ("detector-1", "pose-1"))
    cache_trial(path, render, second)
    assert (second.n_images, keypoint_models(path)) == (6, ("detector-1", "pose-2"))
    assert len(renders) == 1
    assert read_keypoints(path).frames[0].model_id == "pose-2"


def test_frames_alone_need_no_models_to_look_at_them(tmp_path: Path) -> None:
    models = Models("pose-1")
    cache_trial(tmp_path / "t0.npz", rendered, models, frames_only=True)
    assert models.n_images == 0
    assert frames_path(tmp_path / "t0.npz").is_file()
    assert not (tmp_path / "t0.npz").exists()
