# SPDX-License-Identifier: Apache-2.0
"""Fit the fixed map between the cameras to a recording of people, and write it to a file."""

from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.calibration.files import (
    RGB_HFOV_DEG,
    THERMAL_HFOV_DEG,
    default_camera_info,
    intrinsics_of,
    save_homography,
)
from thermal_pose.calibration.pairing import pair_recording
from thermal_pose.calibration.people import register_from_people, shrink_rgb
from thermal_pose.calibration.report import HOMOGRAPHY_DEPTH_M, errors_by_depth
from thermal_pose.errors import StorageError
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.imaging.registration import PlaneRegistration, Registration, plane_registration


def register_recording(path: Path, folder: Path) -> dict[str, Any]:
    """Fit the map to a recording and write `homography.yaml`; return figures for JSON.

    If the recording contains the geometry (both lenses, and /tf_static between the cameras), the
    figures include the error of the map by depth, and that of the best fixed map for 4.5 m.

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
        stamps, small, rgb_wh, rgb_frame_id = [], [], (0, 0), ""
        for frame in bag.rgb_frames():
            stamps.append(frame.stamp_ns)
            small.append(shrink_rgb(frame.bgr))
            rgb_frame_id = frame.frame_id
            rgb_wh = (frame.bgr.shape[1], frame.bgr.shape[0])
        height, width = thermal[0].centikelvin.shape
        known = _known_geometry(bag, thermal[0].frame_id, rgb_frame_id)
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
        **({} if known is None else _errors(result.plane, known)),
    }


def _known_geometry(bag: BagReader, thermal: str, rgb: str) -> Registration | None:
    pose = bag.static_transform(thermal, rgb)
    topics = (schema.THERMAL_INFO, schema.RGB_INFO)
    if pose is None or not all(map(bag.has, topics)):
        return None
    infos = [bag.camera_info(topic) for topic in topics]
    if not all(info.k[0, 0] > 0 for info in infos):
        return None
    return Registration(intrinsics_of(infos[0]), intrinsics_of(infos[1]), pose)


def _errors(plane: PlaneRegistration, known: Registration) -> dict[str, Any]:
    best = plane_registration(known, HOMOGRAPHY_DEPTH_M)
    return {
        "error_px_by_depth_m": errors_by_depth(plane, known),
        "error_px_of_best_map": errors_by_depth(best, known),
    }


def _info(bag: BagReader, topic: str, image_wh: tuple[int, int], hfov_deg: float) -> CameraInfo:
    """The recorded calibration, or the default lens if there is none."""
    if bag.has(topic):
        info = bag.camera_info(topic)
        if info.k[0, 0] > 0:
            return info
    return default_camera_info(image_wh, hfov_deg)
