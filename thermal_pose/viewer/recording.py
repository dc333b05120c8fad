# SPDX-License-Identifier: Apache-2.0
"""Shows a recording: its images, and keypoints and phases as recorded or computed now."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.messages import to_ns
from thermal_pose.bags.reader import BagReader
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.trial import TrialAnalyzer
from thermal_pose.types import FrameKeypoints, PersonBox, PersonKeypoints, ThermalFrame
from thermal_pose.viewer.rerun_view import RerunView


def show_recording(
    path: Path,
    view: RerunView,
    detector: DetectorParameters,
    pose: PoseParameters,
    tick: Callable[[int], object] = lambda frames: None,
) -> int:
    """Log a whole recording; return its number of images.

    Keypoints on the recording's own topic are shown as they are; without them the models of
    `detector` and `pose` find them now. Phases are always computed from the keypoints shown.

    Parameters
    ----------
    tick : called with the number of images logged since the last call.

    Raises
    ------
    BagError, ModelArtifactError
        The recording, or a model that it needs, cannot be used.
    """
    analyzer = TrialAnalyzer()
    frames = 0
    last_ns = 0
    with BagReader(path) as bag:
        for frame, keypoints in _stamped(bag, detector, pose):
            view.frame(frame)
            view.keypoints(keypoints)
            update = analyzer.update(keypoints)
            view.phase(frame.stamp_ns, update.phase, update.probability, update.elapsed_s)
            frames, last_ns = frames + 1, frame.stamp_ns
            tick(1)
    timing = analyzer.finish().timing
    total_s = timing.total_s
    view.note(last_ns, timing.sentence if total_s is None else f"total {total_s:.2f} s")
    view.flush()
    return frames


def _stamped(
    bag: BagReader, detector: DetectorParameters, pose: PoseParameters
) -> Iterator[tuple[ThermalFrame, FrameKeypoints]]:
    if schema.KEYPOINTS in bag.topics:
        recorded = {
            found.stamp_ns: found
            for found in (_keypoints(entry.message) for entry in bag.messages([schema.KEYPOINTS]))
        }
        for frame in bag.thermal_frames():
            height, width = frame.centikelvin.shape
            nobody = FrameKeypoints(frame.stamp_ns, frame.frame_id, "", (width, height))
            yield frame, recorded.get(frame.stamp_ns, nobody)
        return
    perception = build_perception(detector, pose)
    for frame in bag.thermal_frames():
        yield frame, perception.step(frame)


def _keypoints(message: Any) -> FrameKeypoints:
    """Return a recorded `msg/Keypoints`."""
    return FrameKeypoints(
        to_ns(message.header.stamp),
        message.header.frame_id,
        message.model_id,
        (int(message.image_width), int(message.image_height)),
        tuple(_person(person) for person in message.persons),
    )


def _person(message: Any) -> PersonKeypoints:
    edges = (message.box.x_min, message.box.y_min, message.box.x_max, message.box.y_max)
    left, top, right, bottom = map(float, edges)
    box = PersonBox((left, top, right, bottom), float(message.box.score), int(message.box.track_id))
    xy = np.stack([message.x, message.y], axis=1).astype(np.float32)
    scores = np.asarray(message.score, dtype=np.float32)
    return PersonKeypoints(int(message.track_id), box, xy, scores, float(message.person_score))
