# SPDX-License-Identifier: Apache-2.0
"""From a recording of people to the fixed map between the cameras, and its file."""

from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.messages import CameraInfo
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.files import (
    RGB_HFOV_DEG,
    THERMAL_HFOV_DEG,
    default_camera_info,
    save_homography,
)
from thermal_pose.calibration.pairing import pair_recording
from thermal_pose.calibration.people import register_from_people, shrink_rgb
from thermal_pose.errors import StorageError


def register_recording(path: Path, folder: Path) -> dict[str, Any]:
    """Find the map in a recording and write `homography.yaml`; returns figures for JSON.

    Raises
    ------
    BagError
        The recording is damaged or lacks a topic.
    CalibrationError
        Too little moves, or the cameras do not see the same.
    StorageError
        The folder cannot be written.
    """
    with BagReader(path) as bag:
        thermal = list(bag.thermal_frames())
        stamps, small, rgb_wh = [], [], (0, 0)
        for frame in bag.rgb_frames():
            stamps.append(frame.stamp_ns)
            small.append(shrink_rgb(frame.bgr))
            rgb_wh = (frame.bgr.shape[1], frame.bgr.shape[0])
        height, width = thermal[0].centikelvin.shape
        infos = (
            _info(bag, schema.THERMAL_INFO, (width, height), THERMAL_HFOV_DEG),
            _info(bag, schema.RGB_INFO, rgb_wh, RGB_HFOV_DEG),
        )
    streams = pair_recording(path, [frame.stamp_ns for frame in thermal], stamps)
    result = register_from_people(
        [thermal[index].centikelvin for index in streams.thermal_index],
        [small[index] for index in streams.rgb_index],
        rgb_wh,
        scale=float(infos[0].k[0, 0] / infos[1].k[0, 0]),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create {folder}: {error.strerror}") from error
    save_homography(folder / "homography.yaml", result.plane)
    return {
        "moments": result.moments,
        "correlation": round(result.correlation, 4),
        "stamp_offset_s": round(streams.offset_s, 6),
        "matrix": np.round(result.plane.matrix, 8).tolist(),
    }


def _info(bag: BagReader, topic: str, image_wh: tuple[int, int], hfov_deg: float) -> CameraInfo:
    """The recorded calibration, else the default lens."""
    if topic in bag.topics and bag.topics[topic].count:
        info = bag.camera_info(topic)
        if info.k[0, 0] > 0:
            return info
    return default_camera_info(image_wh, hfov_deg)
