# SPDX-License-Identifier: Apache-2.0
"""Recordings as a user has them: a warm figure that walks, no truth, and not always a name."""

from pathlib import Path

import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.writer import BagWriter
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.messages.cameras import camera_info_message
from thermal_pose.messages.images import rgb_message, thermal_message
from thermal_pose.types import RgbFrame, ThermalFrame

PERIOD_NS = 125_000_000
RGB_WH = (256, 192)


def _figure(size_wh: tuple[int, int], x: float) -> np.ndarray:
    """(H, W) 0..1: a soft upright figure at `x`, as a share of the width."""
    width, height = size_wh
    across = (np.arange(width) + 0.5) / width - x
    down = (np.arange(height) + 0.5) / height - 0.5
    return np.exp(-((across / 0.06) ** 2) - ((down[:, None] / 0.3) ** 4))


def walk(frames: int, late: tuple[int, ...] = ()):
    """Yield pairs of pictures; the RGB picture of those in `late` is two periods older."""
    random = np.random.default_rng(0)

    def place(index: int) -> float:
        return 0.5 + 0.3 * float(np.sin(index / 5))

    for index in range(frames):
        stamp_ns = 10**18 + index * PERIOD_NS
        cold = 29515 + random.normal(0, 4, (60, 80))
        thermal = cold + 900 * _figure((80, 60), place(index))
        shown = place(index - 2 if index in late else index)
        grey = 60 + 150 * _figure(RGB_WH, shown) + random.normal(0, 2, RGB_WH[::-1])
        bgr = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
        yield (
            ThermalFrame(stamp_ns, "thermal_camera", thermal.round().astype(np.uint16)),
            RgbFrame(stamp_ns, "rgb_camera", bgr),
        )


def _lens(size_wh: tuple[int, int], calibrated: bool = True) -> CameraInfo:
    focal = float(size_wh[0]) if calibrated else 0.0
    k = np.array([[focal, 0, size_wh[0] / 2], [0, focal, size_wh[1] / 2], [0, 0, 1]])
    return CameraInfo(size_wh, k, np.zeros(5))


def write_bag(
    path: Path,
    subject: str | None = None,
    frames: int = 12,
    rgb: bool = True,
    late: tuple[int, ...] = (),
    start_ns: int = 0,
    calibrated: bool = True,
) -> Path:
    """Write one; `subject` is its recorded subject_id. Topics of truth are listed, but empty."""
    custom = {} if subject is None else {"subject_id": subject}
    infos = (_lens((80, 60), calibrated), _lens(RGB_WH))
    with BagWriter(path, custom_data=custom) as bag:
        for topic in (schema.TRUTH_FRAME, schema.TRUTH_TUG):
            bag.add_topic(topic)
        for thermal, picture in walk(frames, late):
            at = thermal.stamp_ns
            log = at + start_ns
            bag.write(schema.THERMAL_IMAGE, log, thermal_message(schema.message, thermal))
            bag.write(
                schema.THERMAL_INFO,
                log,
                camera_info_message(schema.message, infos[0], at, "thermal_camera"),
            )
            if rgb:
                bag.write(schema.RGB_COMPRESSED, log, rgb_message(schema.message, picture))
                bag.write(
                    schema.RGB_INFO,
                    log,
                    camera_info_message(schema.message, infos[1], at, "rgb_camera"),
                )
    return path
