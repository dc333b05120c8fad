# SPDX-License-Identifier: Apache-2.0
"""A recording through the whole pipeline, without ROS: what the live nodes answer, offline."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from thermal_pose.bags.reader import BagReader
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.gates.intake import FrameIntake, admitted
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.recorded_trial import analyze_recording
from thermal_pose.types import FrameKeypoints, ThermalFrame


def keypoints_of_frames(
    frames: Iterable[ThermalFrame], perception: Perception
) -> Iterator[FrameKeypoints]:
    """Yield the keypoints of each frame, as a new sequence."""
    perception.reset()
    for frame in frames:
        yield perception.step(frame)


def replay_keypoints(path: str | Path, perception: Perception) -> Iterator[FrameKeypoints]:
    """Yield the keypoints of every thermal image of a recording that can be used, in order.

    Raises
    ------
    BagError
        The recording is missing, damaged or has no thermal images.
    """
    with BagReader(path) as bag:
        yield from keypoints_of_frames(admitted(bag.thermal_frames(), FrameIntake()), perception)


def replay_trial(
    path: str | Path, perception: Perception, params: TugParams | None = None
) -> TrialResult:
    """Time the trial of one recording, as `analyze_recording` does; return its result alone."""
    result = analyze_recording(path, perception, params).result
    assert isinstance(result, TrialResult)  # no other test was asked for
    return result
