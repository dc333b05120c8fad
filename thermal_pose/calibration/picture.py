# SPDX-License-Identifier: Apache-2.0
"""A picture to check a calibration: contours of the thermal image over the RGB image."""

import cv2
import numpy as np

from thermal_pose.imaging.registration import Registration
from thermal_pose.types import UInt8Array, UInt16Array

_EDGE_BGR = (60, 60, 255)
#: Level, between the coldest and warmest pixel, at which contours are drawn.
_LEVELS = (0.35, 0.6)


def edges_over_rgb(
    centikelvin: UInt16Array, bgr: UInt8Array, registration: Registration, depth_m: float
) -> UInt8Array:
    """Draw the contours of the thermal image on the RGB image, as the calibration maps them.

    Parameters
    ----------
    centikelvin : (h, w) thermal image of the pair.
    bgr : (H, W, 3) colour image of the pair.
    depth_m : depth of the target or person along the axis of the thermal camera.
    """
    low, high = np.percentile(centikelvin, [2.0, 99.5])
    stretched = np.clip((centikelvin - low) / max(high - low, 1.0) * 255.0, 0, 255)
    warped = registration.warp_to_rgb(stretched.astype(np.uint8), depth_m)
    picture = bgr.copy()
    for level in _LEVELS:
        mask = (warped > 255 * level).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, _EDGE_BGR, 2)
    return picture
