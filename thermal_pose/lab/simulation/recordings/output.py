# SPDX-License-Identifier: Apache-2.0
"""One trial as a rosbag2 recording, with its truth, its manifest entry and its COCO lines.

A trial is written into a folder of its own under `.partial` and moved to its place when all of
it is there, so a folder that has its name is complete.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.errors import StorageError
from thermal_pose.files import write_whole
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.imaging.camera_model import CameraIntrinsics
from thermal_pose.lab.simulation.recordings.coco import frame_line
from thermal_pose.lab.simulation.recordings.frames import stamped_timing, trial_frames
from thermal_pose.lab.simulation.recordings.staging import StagedTrial
from thermal_pose.lab.simulation.rooms.scene import Scene
from thermal_pose.lab.simulation.sensors.renderer import (
    RGB_FRAME_ID,
    THERMAL_FRAME_ID,
)
from thermal_pose.messages.cameras import camera_info_message, static_transform_message
from thermal_pose.messages.images import rgb_message, thermal_message
from thermal_pose.messages.trials import timing_message
from thermal_pose.messages.truth import true_frame_message

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
    entry : subject, seeds and parameters for the manifest; figures of the recording are added.
    with_rgb : whether the colour camera is rendered and recorded.

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
        full_entry = _write_messages(bag, staged, trial_id, start_ns, entry, with_rgb)
    write_whole(partial / TRIAL_JSON, json.dumps(full_entry, indent=1, sort_keys=True) + "\n")
    try:
        partial.replace(folder / trial_id)
    except OSError as error:
        raise StorageError(f"cannot move {partial} into {folder}: {error.strerror}") from error
    return full_entry


def _write_rgb_place(bag: BagWriter, scene: Scene, stamp_ns: int) -> None:
    place = scene.thermal_placement.pose.relative_to(scene.rgb_placement.pose)
    frames = (THERMAL_FRAME_ID, RGB_FRAME_ID)
    bag.write(
        schema.TF_STATIC,
        stamp_ns,
        static_transform_message(schema.message, place, *frames, stamp_ns),
    )


def _write_messages(
    bag: BagWriter,
    staged: StagedTrial,
    trial_id: str,
    start_ns: int,
    entry: Mapping[str, Any],
    with_rgb: bool,
) -> dict[str, Any]:
    scene = staged.scene
    infos = {
        schema.THERMAL_INFO: (_info(scene.thermal.intrinsics), THERMAL_FRAME_ID),
        schema.RGB_INFO: (_info(scene.rgb.intrinsics), RGB_FRAME_ID),
    }
    stamps: list[int] = []
    asynchronous = 0
    with (bag.path / COCO_LINES).open("w", encoding="utf-8") as lines:
        for _, frame in trial_frames(staged, start_ns, with_rgb):
            stamp_ns = frame.thermal.stamp_ns
            bag.write(
                schema.THERMAL_IMAGE, stamp_ns, thermal_message(schema.message, frame.thermal)
            )
            info, frame_id = infos[schema.THERMAL_INFO]
            bag.write(
                schema.THERMAL_INFO,
                stamp_ns,
                camera_info_message(schema.message, info, stamp_ns, frame_id),
            )
            bag.write(
                schema.TRUTH_FRAME,
                stamp_ns,
                true_frame_message(schema.message, frame.truth, THERMAL_FRAME_ID),
            )
            if with_rgb and not stamps:
                _write_rgb_place(bag, scene, stamp_ns)
            if frame.rgb is not None:
                rgb_ns = frame.rgb.stamp_ns
                info, frame_id = infos[schema.RGB_INFO]
                bag.write(schema.RGB_COMPRESSED, rgb_ns, rgb_message(schema.message, frame.rgb))
                bag.write(
                    schema.RGB_INFO,
                    rgb_ns,
                    camera_info_message(schema.message, info, rgb_ns, frame_id),
                )
            lines.write(frame_line(frame.truth, trial_id, len(stamps)))
            stamps.append(stamp_ns)
            asynchronous += frame.truth.asynchronous
    timing = stamped_timing(staged.trial.truth, scene.thermal_clock, start_ns, stamps[0])
    message = timing_message(
        schema.message,
        timing,
        stamp_ns=stamps[-1],
        frame_id=THERMAL_FRAME_ID,
        subject_id=staged.trial.subject.subject_id,
        trial_id=trial_id,
    )
    bag.write(schema.TRUTH_TUG, stamps[-1], message)
    return {
        **entry,
        "trial_id": trial_id,
        "valid": timing.valid,
        "reason": timing.reason.value,
        "sentence": timing.sentence,
        "total_s": timing.total_s,
        "phases_s": {phase.phase.name.lower(): phase.duration_s for phase in timing},
        "duration_s": staged.trial.duration_s,
        "n_frames": len(stamps),
        "n_asynchronous": asynchronous,
        "image_wh": list(scene.thermal.intrinsics.size_wh),
        "rgb": with_rgb,
    }


def _info(intrinsics: CameraIntrinsics) -> CameraInfo:
    return CameraInfo(
        intrinsics.size_wh, intrinsics.matrix, np.array(intrinsics.distortion, dtype=np.float64)
    )
