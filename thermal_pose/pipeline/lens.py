# SPDX-License-Identifier: Apache-2.0
"""The scale of a trial, from the calibration of its thermal camera."""

from dataclasses import replace

import numpy as np

from thermal_pose.calibration.files import THERMAL_HFOV_DEG, default_camera_info
from thermal_pose.clinical.tug.options import MAX_FOCAL_PX, TugParams
from thermal_pose.digest import short_key
from thermal_pose.imaging.camera_info import CameraInfo


def with_lens(
    params: TugParams, info: CameraInfo, image_wh: tuple[int, int] | None = None
) -> TugParams:
    """Return parameters with the focal length and the hash of a calibration.

    Parameters
    ----------
    info : the calibration. One without a usable focal length changes nothing.
    image_wh : size of the images that are analyzed, px; None takes that of the calibration. A
        calibration of another size is scaled if the aspect ratio is the same. Otherwise the
        parameters state why there is no scale.
    """
    scaled = info if image_wh is None else info.scaled_to(image_wh)
    if scaled is None:
        return replace(params, lens_misfit=_misfit(info, image_wh))
    focal_px = float(scaled.k[1, 1])
    if not 0.0 < focal_px <= MAX_FOCAL_PX:
        return params
    key = calibration_hash(scaled)
    return replace(params, focal_px=focal_px, calibration=key, lens_misfit="")


def _misfit(info: CameraInfo, image_wh: tuple[int, int] | None) -> str:
    width, height = info.image_wh
    return (
        f"The calibration is for images of {width} x {height} px, of another aspect ratio than "
        f"these of {' x '.join(map(str, image_wh or ()))} px."
    )


def with_stream_lens(
    params: TugParams, info: CameraInfo, image_wh: tuple[int, int] | None = None
) -> TugParams:
    """Return parameters with the lens that a stream of images names, as `with_lens` does.

    A focal length that the caller gave stays. The default that the camera node assumes where it
    has no calibration says nothing: a guess must not become a speed.
    """
    assumed = default_camera_info(info.image_wh, THERMAL_HFOV_DEG).k
    if params.focal_px or np.allclose(info.k, assumed):
        return params
    return with_lens(params, info, image_wh)


def calibration_hash(info: CameraInfo) -> str:
    """Return twelve hex digits that change with any number of the calibration."""
    distortion = np.zeros(max(5, info.distortion.size))
    distortion[: info.distortion.size] = info.distortion
    numbers = np.concatenate([np.array(info.image_wh, dtype=np.float64), info.k.ravel()])
    return short_key(numbers.tobytes() + distortion.tobytes(), 12)
