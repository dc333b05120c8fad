# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import pytest
from support import fabricated_results as fabricated
from support import trials
from support.replayed import replay_trial

from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.errors import BagNotFoundError
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.messages.cameras import camera_info_message
from thermal_pose.messages.images import thermal_message
from thermal_pose.pipeline.recorded_trial import analyze_recording
from thermal_pose.types import FrameKeypoints, ThermalFrame

N_FRAMES = 140


class DrawnPerception:
    """Answers with the drawn figure that the images show."""

    def __init__(self) -> None:
        self.by_stamp = {frame.stamp_ns: frame for frame in fabricated.keypoints(N_FRAMES)}
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def step(self, frame: ThermalFrame) -> FrameKeypoints:
        return replace(self.by_stamp[frame.stamp_ns], frame_id=frame.frame_id)


def write_drawn_trial(path: Path, info: CameraInfo | None = None) -> Path:
    """Write the fabricated frames as a recording, with a calibration if one is given."""
    with BagWriter(path) as writer:
        if info is not None:
            first = fabricated.frames(1)[0]
            lens = camera_info_message(schema.message, info, first.stamp_ns, first.frame_id)
            writer.write(schema.THERMAL_INFO, first.stamp_ns, lens)
        for frame in fabricated.frames(N_FRAMES):
            message = thermal_message(schema.message, frame)
            writer.write(schema.THERMAL_IMAGE, frame.stamp_ns, message)
    return path


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn_trial(tmp_path_factory.mktemp("bags") / "visit-1")


def test_the_result_is_the_replays_and_the_film_is_the_trials(bag: Path):
    seen = []
    params = TugParams(subject_id="P-1", segmenter="hmm")
    trial = analyze_recording(bag, DrawnPerception(), params, lambda: seen.append(1))
    assert len(seen) == N_FRAMES
    assert trial.result.to_json() == replay_trial(bag, DrawnPerception(), params).to_json()
    stamps = [frame.stamp_ns for frame in trial.frames]
    assert stamps == [frame.stamp_ns for frame in trial.keypoints]
    assert stamps == sorted(stamps) and stamps
    first_s = (stamps[0] - trial.result.timing.origin_ns) / 1e9
    assert first_s == trial.result.signals.stamps_s[0]
    assert len(stamps) == len(trial.result.signals.stamps_s)


def test_a_missing_recording_is_named(tmp_path: Path):
    with pytest.raises(BagNotFoundError):
        analyze_recording(tmp_path / "none", DrawnPerception())


def test_a_recording_of_noise_is_refused_with_its_film(tmp_path: Path):
    class Blind(DrawnPerception):
        def step(self, frame: ThermalFrame) -> FrameKeypoints:
            return FrameKeypoints(frame.stamp_ns, frame.frame_id, "none", (80, 62))

    trials.write_trial(tmp_path / "noise", 12)
    trial = analyze_recording(tmp_path / "noise", Blind())
    assert trial.result.timing.reason == "no_person"
    assert len(trial.frames) == 12
