# SPDX-License-Identifier: Apache-2.0
"""Shows a recording: its images, and keypoints and phases as recorded or computed now."""

from collections.abc import Callable
from pathlib import Path

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.messages.people import to_keypoints
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.recorded_trial import session_of
from thermal_pose.types import FrameKeypoints, ThermalFrame
from thermal_pose.viewer.rerun_view import RerunView


def show_recording(
    path: Path,
    view: RerunView,
    detector: DetectorParameters,
    pose: PoseParameters,
    tick: Callable[[int], object] = lambda frames: None,
) -> int:
    """Log a whole recording; return its number of images.

    Keypoints on the recording's own topic are shown unchanged; without them the models of
    `detector` and `pose` find them now. Phases are always computed from the keypoints shown.

    Parameters
    ----------
    tick : called with the number of images logged since the last call.

    Raises
    ------
    BagError, ModelArtifactError
        The recording, or a model that it needs, cannot be used.
    """
    frames = 0
    last_ns = 0
    with BagReader(path) as bag:
        session = session_of(bag)
        find = _finder(bag, detector, pose)
        for log_ns, frame in bag.logged_thermal_frames():
            view.frame(frame)
            if session.image(frame, log_ns).accepted:
                keypoints = find(frame)
                view.keypoints(keypoints)
                update = session.keypoints(keypoints)
                view.phase(frame.stamp_ns, update.phase, update.probability, update.elapsed_s)
            frames, last_ns = frames + 1, frame.stamp_ns
            tick(1)
    timing = session.finish().result.timing
    total_s = timing.total_s
    view.note(last_ns, timing.sentence if total_s is None else f"total {total_s:.2f} s")
    view.flush()
    return frames


def _finder(
    bag: BagReader, detector: DetectorParameters, pose: PoseParameters
) -> Callable[[ThermalFrame], FrameKeypoints]:
    """Return what gives the keypoints of an image: as recorded, or else computed now."""
    if not bag.has(schema.KEYPOINTS):
        return build_perception(detector, pose).step
    recorded = {
        found.stamp_ns: found
        for found in (to_keypoints(entry.message) for entry in bag.messages([schema.KEYPOINTS]))
    }

    def look_up(frame: ThermalFrame) -> FrameKeypoints:
        height, width = frame.centikelvin.shape
        nobody = FrameKeypoints(frame.stamp_ns, frame.frame_id, "", (width, height))
        return recorded.get(frame.stamp_ns, nobody)

    return look_up
