# SPDX-License-Identifier: Apache-2.0
"""The scale of a trial: what the thermal camera's calibration says of it."""

from dataclasses import replace

import numpy as np

from thermal_pose.calibration.files import THERMAL_HFOV_DEG, default_camera_info
from thermal_pose.clinical.tug.options import MAX_FOCAL_PX, TugParams
from thermal_pose.digest import short_key
from thermal_pose.imaging.camera_info import CameraInfo


def with_lens(params: TugParams, info: CameraInfo) -> TugParams:
    """Parameters with the focal length and the hash of a calibration; as they are without one.

    Parameters
    ----------
    info : of the camera whose images were analyzed, px of those images.
    """
    focal_px = float(info.k[1, 1])
    if not 0.0 < focal_px <= MAX_FOCAL_PX:
        return params
    return replace(params, focal_px=focal_px, calibration=calibration_hash(info))


def with_stream_lens(params: TugParams, info: CameraInfo) -> TugParams:
    """Parameters with the lens that a stream of images names.

    A focal length that the caller gave stays. The default that the camera node assumes where it
    has no calibration says nothing: a guess must not become a speed.
    """
    assumed = default_camera_info(info.image_wh, THERMAL_HFOV_DEG).k
    if params.focal_px or np.allclose(info.k, assumed):
        return params
    return with_lens(params, info)


def calibration_hash(info: CameraInfo) -> str:
    """Twelve hex digits that change with any number of the calibration."""
    distortion = np.zeros(max(5, info.distortion.size))
    distortion[: info.distortion.size] = info.distortion
    numbers = np.concatenate([np.array(info.image_wh, dtype=np.float64), info.k.ravel()])
    return short_key(numbers.tobytes() + distortion.tobytes(), 12)
