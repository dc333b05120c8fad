# SPDX-License-Identifier: Apache-2.0
"""The model of arm use, fitted on stick figures whose hands are low in some rises."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from support import rises as stick

from thermal_pose.clinical.chair_rises.arm_features import arm_features
from thermal_pose.clinical.chair_rises.arms import arms_model
from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.clinical.chair_rises.reading import read_rises
from thermal_pose.errors import StorageError
from thermal_pose.lab.evaluation.chair_rises.cases import read_recording
from thermal_pose.lab.evaluation.chair_rises.fit_arms import fit_arms
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial, write_keypoints
from thermal_pose.types import TrialReason, TugTiming


def shaken(frames, rng):
    """The frames with joints that are not found exactly."""
    return [
        replace(frame, persons=tuple(
            replace(p, xy=(p.xy + rng.normal(0, 0.3, p.xy.shape)).astype(np.float32))
            for p in frame.persons))
        for frame in frames
    ]  # fmt: skip


def recorded(folder: Path, index: int, pushed: tuple[bool, ...]) -> Path:
    moves = stick.even_rises(len(pushed))
    frames = stick.frames(moves, 3.0 * len(pushed) + 5.0)
    for (start, *_), low in zip(moves, pushed, strict=True):
        frames = stick.hands_low(frames, start - 0.5, 1.2) if low else frames
    truth = [ChairRise(a, a + 0.5, a + 0.9, b + 0.1, c, 1.0) for a, _, b, c, _ in moves]
    conditions = {"rises": [asdict(rise) for rise in truth], "pushed": list(pushed)}
    reason = TrialReason.ARMS_USED if any(pushed) else TrialReason.VALID
    frames = tuple(shaken(frames, np.random.default_rng(index)))
    timing = TugTiming(frames[0].stamp_ns, reason=reason)
    path = folder / f"{index}.npz"
    write_keypoints(KeypointTrial(path.stem, f"person-{index}", frames, timing, conditions), path)
    return path


def test_the_fitted_model_finds_the_rises_with_low_hands(tmp_path: Path) -> None:
    some = (False, False, True, True, True)
    paths = [recorded(tmp_path, k, some if k % 2 else (False,) * 5) for k in range(20)]
    out = tmp_path / "arms.json"
    said = fit_arms(paths, out)
    assert said["trials"] == said["people"] == 20 and said["caught"] == 1.0
    # One valid trial of ten lies above a threshold that lets 4 % of them lie above it.
    assert said["false_alarms"] == 0.1
    model = arms_model(out)
    assert model.knows("stick-figure")
    unseen = read_recording(recorded(tmp_path, 99, (True, False, False, False, True)))
    subject = read_rises(unseen.frames, 0.05).subject
    found = model.log_odds(arm_features(subject.track, subject.curves, subject.cycles))
    assert found[[0, 4]].min() > 0 > found[1:4].max()


def test_a_file_that_does_not_name_the_pushes_is_refused(tmp_path: Path) -> None:
    recording = read_recording(recorded(tmp_path, 1, (True,) * 5))
    assert recording.pushed == (True,) * 5
    del recording.conditions["pushed"]
    with pytest.raises(StorageError, match="make it anew"):
        _ = recording.pushed
