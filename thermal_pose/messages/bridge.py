# SPDX-License-Identifier: Apache-2.0
"""Colour encodings that ROS knows and this package does not, through cv_bridge where installed.

cv_bridge is imported on use. Nothing else needs it, so it constrains no version of numpy or OpenCV.
"""

import importlib
from typing import Any

import numpy as np

from thermal_pose.errors import ImageFormatError
from thermal_pose.types import UInt8Array


def bgr_by_cv_bridge(image: Any) -> UInt8Array:
    """Return the (H, W, 3) uint8 BGR picture of a `sensor_msgs/Image` of any colour encoding.

    Raises
    ------
    ImageFormatError
        cv_bridge is not installed, does not load here, or does not convert this encoding.
    """
    wanted = f"image encoding '{image.encoding}': expected bgr8 or rgb8"
    try:
        bridge = importlib.import_module("cv_bridge").CvBridge()
    except Exception as error:  # a binary module may fail in any way beside another numpy
        raise ImageFormatError(f"{wanted} (others need cv_bridge: {error})") from error
    try:
        bgr = np.asarray(bridge.imgmsg_to_cv2(image, "bgr8"))
    except Exception as error:  # cv_bridge documents no base of its errors
        raise ImageFormatError(f"{wanted} (cv_bridge: {error})") from error
    if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.dtype != np.uint8:
        raise ImageFormatError(f"{wanted} (cv_bridge gave {bgr.shape} {bgr.dtype})")
    return bgr
