# SPDX-License-Identifier: Apache-2.0
"""A recording through the whole pipeline, without ROS: what the live nodes answer, offline."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.result import TrialResult
from thermal_pose.pipeline.lens import lens_of_recording
from thermal_pose.pipeline.perception import Perception
from thermal_pose.pipeline.trial import analyze_frames
from thermal_pose.pipeline.truth import with_truth
from thermal_pose.types import FrameKeypoints, ThermalFrame


def keypoints_of_frames(
    frames: Iterable[ThermalFrame], perception: Perception
) -> Iterator[FrameKeypoints]:
    """Yield the keypoints of each frame, as a new sequence."""
    perception.reset()
    for frame in frames:
        yield perception.step(frame)


def replay_keypoints(path: str | Path, perception: Perception) -> Iterator[FrameKeypoints]:
    """Yield the keypoints of every thermal image of a recording, in order.

    Raises
    ------
    BagError
        The recording is missing, damaged or has no thermal images.
    """
    with BagReader(path) as bag:
        yield from keypoints_of_frames(bag.thermal_frames(), perception)


def replay_trial(
    path: str | Path, perception: Perception, params: TugParams | None = None
) -> TrialResult:
    """Time the Timed Up and Go of one recording.

    Its calibration gives the scale where `params` gives none; its truth, if any, is put beside
    the result.
    """
    with BagReader(path) as bag:
        truth = bag.true_timing() if schema.TRUTH_TUG in bag.topics else None
        chosen = lens_of_recording(params or TugParams(), bag)
    return with_truth(analyze_frames(replay_keypoints(path, perception), chosen), truth)
