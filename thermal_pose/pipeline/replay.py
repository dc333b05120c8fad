# SPDX-License-Identifier: Apache-2.0
"""A recording through the whole pipeline, without ROS: what the live nodes answer, offline."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from thermal_pose.bags.reader import BagReader
from thermal_pose.gates.intake import FrameIntake, admitted
from thermal_pose.pipeline.perception import Perception
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
