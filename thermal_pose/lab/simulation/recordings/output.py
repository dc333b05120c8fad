# SPDX-License-Identifier: Apache-2.0
"""Write one trial as a rosbag2 recording, with its truth, manifest entry and COCO lines.

A trial is written under `.partial` and moved into place once it is complete, so every folder that
has the name of a trial is complete.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.clinical.phases import phase_key
from thermal_pose.errors import StorageError
from thermal_pose.files import write_whole
from thermal_pose.imaging.camera_info import CameraInfo, camera_info_of
from thermal_pose.lab.simulation.recordings.coco import frame_line
from thermal_pose.lab.simulation.recordings.frames import stamped_timing, trial_frames
from thermal_pose.lab.simulation.recordings.staging import StagedTrial
from thermal_pose.lab.simulation.sensors.renderer import (
    RGB_FRAME_ID,
    THERMAL_FRAME_ID,
    RenderedFrame,
)
from thermal_pose.messages.cameras import camera_info_message, static_transform_message
from thermal_pose.messages.images import rgb_message, thermal_message
from thermal_pose.messages.trials import timing_message
from thermal_pose.messages.truth import true_frame_message
from thermal_pose.types import TugTiming

PARTIAL: Final = ".partial"
TRIAL_JSON: Final = "trial.json"
COCO_LINES: Final = "keypoints.jsonl"


def write_recording(
    staged: StagedTrial,
    folder: Path,
    trial_id: str,
    start_ns: int,
    entry: Mapping[str, Any],
    with_rgb: bool = True,
) -> dict[str, Any]:
    """Render a trial and write it to `folder / trial_id`; returns its manifest entry.

    Parameters
    ----------
    staged : the trial.
    folder : the cohort's folder.
    trial_id : name of the trial and its folder.
    start_ns : true time of the recording's start.
    entry : subject, seeds and parameters for the manifest; the recording's figures are added.
    with_rgb : render and record the colour camera, too.

    Raises
    ------
    StorageError
        If the disk is full or the folder cannot be written.
    """
    partial = folder / PARTIAL / trial_id
    if partial.exists():
        shutil.rmtree(partial)
    custom = {"subject_id": staged.trial.subject.subject_id, "trial_id": trial_id}
    with BagWriter(partial, custom_data=custom) as bag:
        figures = _write_messages(bag, staged, trial_id, start_ns, with_rgb)
    full_entry = {**entry, **figures}
    write_whole(partial / TRIAL_JSON, json.dumps(full_entry, indent=1, sort_keys=True) + "\n")
    try:
        partial.replace(folder / trial_id)
    except OSError as error:
        raise StorageError(f"cannot move {partial} into {folder}: {error.strerror}") from error
    return full_entry


class _Writer:
    """Writes the messages of one trial, frame by frame."""

    def __init__(self, bag: BagWriter, staged: StagedTrial) -> None:
        self._bag, self._staged = bag, staged
        self._thermal_info = camera_info_of(staged.scene.thermal.intrinsics)
        self._rgb_info = camera_info_of(staged.scene.rgb.intrinsics)
        self._placement_written = False

    def frame(self, frame: RenderedFrame) -> None:
        """Write both images, their camera information and the truth."""
        stamp_ns = frame.thermal.stamp_ns
        image = thermal_message(schema.message, frame.thermal)
        self._bag.write(schema.THERMAL_IMAGE, stamp_ns, image)
        self._info(schema.THERMAL_INFO, self._thermal_info, stamp_ns, THERMAL_FRAME_ID)
        truth = true_frame_message(schema.message, frame.truth, THERMAL_FRAME_ID)
        self._bag.write(schema.TRUTH_FRAME, stamp_ns, truth)
        if frame.rgb is not None:
            self._rgb_placement(stamp_ns)
            rgb_ns = frame.rgb.stamp_ns
            self._bag.write(schema.RGB_COMPRESSED, rgb_ns, rgb_message(schema.message, frame.rgb))
            self._info(schema.RGB_INFO, self._rgb_info, rgb_ns, RGB_FRAME_ID)

    def timing(self, timing: TugTiming, trial_id: str, stamp_ns: int) -> None:
        """Write the true phases."""
        message = timing_message(
            schema.message,
            timing,
            stamp_ns=stamp_ns,
            frame_id=THERMAL_FRAME_ID,
            subject_id=self._staged.trial.subject.subject_id,
            trial_id=trial_id,
        )
        self._bag.write(schema.TRUTH_TUG, stamp_ns, message)

    def _info(self, topic: str, info: CameraInfo, stamp_ns: int, frame_id: str) -> None:
        message = camera_info_message(schema.message, info, stamp_ns, frame_id)
        self._bag.write(topic, stamp_ns, message)

    def _rgb_placement(self, stamp_ns: int) -> None:
        """Write the placement of the thermal camera relative to the colour camera, once."""
        if self._placement_written:
            return
        self._placement_written = True
        scene = self._staged.scene
        pose = scene.thermal_placement.pose.relative_to(scene.rgb_placement.pose)
        frames = (THERMAL_FRAME_ID, RGB_FRAME_ID)
        message = static_transform_message(schema.message, pose, *frames, stamp_ns)
        self._bag.write(schema.TF_STATIC, stamp_ns, message)


def _write_messages(
    bag: BagWriter, staged: StagedTrial, trial_id: str, start_ns: int, with_rgb: bool
) -> dict[str, Any]:
    """Render a trial into a bag, with its COCO lines; return the figures for the manifest."""
    writer = _Writer(bag, staged)
    stamps: list[int] = []
    asynchronous = 0
    with (bag.path / COCO_LINES).open("w", encoding="utf-8") as lines:
        for _, frame in trial_frames(staged, start_ns, with_rgb):
            writer.frame(frame)
            lines.write(frame_line(frame.truth, trial_id, len(stamps)))
            stamps.append(frame.thermal.stamp_ns)
            asynchronous += frame.truth.asynchronous
    scene = staged.scene
    timing = stamped_timing(staged.trial.truth, scene.thermal_clock, start_ns, stamps[0])
    writer.timing(timing, trial_id, stamps[-1])
    return {
        "trial_id": trial_id,
        "valid": timing.valid,
        "reason": timing.reason.value,
        "sentence": timing.sentence,
        "total_s": timing.total_s,
        "phases_s": {phase_key(phase.phase): phase.duration_s for phase in timing},
        "duration_s": staged.trial.duration_s,
        "n_frames": len(stamps),
        "n_asynchronous": asynchronous,
        "image_wh": list(scene.thermal.intrinsics.size_wh),
        "rgb": with_rgb,
    }
