# SPDX-License-Identifier: Apache-2.0
"""Thermal pictures from files: 16 bits in centikelvin, or 8 bits without temperatures."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.errors import TrainingError
from thermal_pose.imaging.radiometry import to_centikelvin
from thermal_pose.types import UInt16Array

#: Range of a picture's median in centikelvin: -73 to 127 degC.
_ROOM_COUNTS: Final = (20000, 40000)
#: Percentiles of an 8-bit picture that a span of temperatures is laid between.
_SPAN_PERCENTILES: Final = (1.0, 99.8)
_POSSIBLE_DEGC: Final = (0.0, 60.0)


def read_picture(path: Path) -> npt.NDArray[Any]:
    """Return an (H, W) picture of 8 bits, or of 16 bits in centikelvin.

    Raises
    ------
    TrainingError
        It cannot be read, or its values are of another kind.
    """
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise TrainingError(f"{path}: cannot be read as a picture")
    if image.ndim == 3:
        image = cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2GRAY)
    if image.dtype not in (np.uint8, np.uint16):
        raise TrainingError(
            f"{path}: expected 8 bits, or 16 bits in centikelvin, got {image.dtype}: convert it "
            "(centikelvin = 100 x (degC + 273.15))"
        )
    median = float(np.median(image.astype(np.float64)))
    if image.dtype == np.uint16 and not _ROOM_COUNTS[0] <= median <= _ROOM_COUNTS[1]:
        raise TrainingError(
            f"{path}: expected centikelvin (27315 is 0 degC), got a median of {median:g}: convert "
            "it, or store 8 bits if the picture holds no temperatures"
        )
    return image


def centikelvin(image: npt.NDArray[Any], span_degc: tuple[float, float]) -> UInt16Array:
    """Return a picture of `read_picture` in centikelvin, at its own size.

    Parameters
    ----------
    span_degc : assumed temperatures of the 1st and the 99.8th percentile of an 8-bit picture;
        pictures of 16 bits are returned unchanged.
    """
    if image.dtype == np.uint16:
        return np.ascontiguousarray(image)
    cold, hot = span_degc
    low, high = np.percentile(image, _SPAN_PERCENTILES)
    degc = cold + (image.astype(np.float64) - low) / max(high - low, 1.0) * (hot - cold)
    return to_centikelvin(np.clip(degc, *_POSSIBLE_DEGC))
