# SPDX-License-Identifier: Apache-2.0
"""Processes each image between device and topic: crop, flips, offset, and a mono8 for viewing.

The calibration is changed alongside, so that it always fits the published image.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.errors import CalibrationError, ImageFormatError
from thermal_pose.imaging.camera_info import CameraInfo
from thermal_pose.types import UInt8Array, UInt16Array

_ZERO_DEGC_IN_CK = 27315


@dataclass(frozen=True)
class Preparation:
    """How images are changed, in this order: crop, flips, offset.

    Attributes
    ----------
    crop_rows : rows kept around the centre; 0: all. 60 of SenXor's 62 drops the first and last.
    offset_k : added to every temperature, K (thermal images only).
    """

    flip_horizontal: bool = False
    flip_vertical: bool = False
    crop_rows: int = 0
    offset_k: float = 0.0

    @property
    def flips(self) -> tuple[bool, bool]:
        """Whether left and right, and whether top and bottom are exchanged."""
        return self.flip_horizontal, self.flip_vertical

    def _first_row(self, height: int) -> tuple[int, int]:
        """First row kept and number of rows kept."""
        rows = self.crop_rows or height
        if rows > height:
            raise ImageFormatError(f"crop_rows: expected at most {height} rows, got {rows}")
        return (height - rows) // 2, rows

    def apply(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The image to publish, contiguous.

        Parameters
        ----------
        image : (H, W) uint16 centikelvin or (H, W, 3) uint8.

        Raises
        ------
        ImageFormatError
            There are fewer rows than are to be kept.
        """
        first, rows = self._first_row(image.shape[0])
        image = image[first : first + rows]
        if self.flip_horizontal:
            image = image[:, ::-1]
        if self.flip_vertical:
            image = image[::-1]
        if self.offset_k and image.ndim == 2:
            shifted = image.astype(np.int32) + round(self.offset_k * 100)
            image = np.clip(shifted, 0, np.iinfo(np.uint16).max).astype(np.uint16)
        return np.ascontiguousarray(image)

    def adapt_info(self, info: CameraInfo) -> CameraInfo:
        """The calibration of the prepared image, from that of the device's image.

        A mirrored axis negates its tangential distortion (p2 for x, p1 for y in plumb_bob).
        """
        width, height = info.image_wh
        first, rows = self._first_row(height)
        k = info.k.copy()
        distortion = info.distortion.copy()
        k[1, 2] -= first
        if self.flip_horizontal:
            k[0, 2] = width - 1 - k[0, 2]
            distortion[3:4] *= -1
        if self.flip_vertical:
            k[1, 2] = rows - 1 - k[1, 2]
            distortion[2:3] *= -1
        return replace(info, image_wh=(width, rows), k=k, distortion=distortion)

    def adapt_calibration(
        self, info: CameraInfo, device_wh: tuple[int, int], calibrated: "Preparation"
    ) -> CameraInfo:
        """The calibration of the prepared image, from one made of prepared images.

        Parameters
        ----------
        info : of the device's whole image or of the cropped one; its size tells which.
        device_wh : the device's image size, px.
        calibrated : how the images that `info` was made of had been flipped.

        Raises
        ------
        CalibrationError
            `info` is of neither size.
        """
        width, height = device_wh
        sizes = ((width, height), (width, self._first_row(height)[1]))
        if info.image_wh not in sizes:
            raise CalibrationError(
                f"the calibration is for images of {_size(info.image_wh)} px, the camera "
                f"delivers {' cropped to '.join(map(_size, dict.fromkeys(sizes)))}"
            )
        unflipped = replace(calibrated, crop_rows=0).adapt_info(info)
        uncropped = info.image_wh == sizes[0]
        return (self if uncropped else replace(self, crop_rows=0)).adapt_info(unflipped)


def _size(image_wh: tuple[int, int]) -> str:
    return f"{image_wh[0]} x {image_wh[1]}"


def mono8_percentile(centikelvin: UInt16Array) -> UInt8Array:
    """An (H, W) uint8 picture for eyes: 1st percentile black, 99th white, at least 1 K apart."""
    low, high = np.percentile(centikelvin, [1.0, 99.0])
    return _stretch(centikelvin, float(low), max(float(high), float(low) + 100.0))


def mono8_fixed(centikelvin: UInt16Array, low_degc: float, high_degc: float) -> UInt8Array:
    """An (H, W) uint8 picture for eyes: `low_degc` black, `high_degc` white."""
    if not low_degc < high_degc:
        raise ValueError(f"expected low_degc < high_degc, got {low_degc}, {high_degc}")
    low, high = (degc * 100 + _ZERO_DEGC_IN_CK for degc in (low_degc, high_degc))
    return _stretch(centikelvin, low, high)


def _stretch(centikelvin: UInt16Array, low: float, high: float) -> UInt8Array:
    scaled = (centikelvin.astype(np.float32) - low) * (255.0 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def encode_jpeg(bgr: UInt8Array, quality: int) -> bytes:
    """JPEG of an (H, W, 3) uint8 image, quality 1 to 100."""
    if not 1 <= quality <= 100:
        raise ValueError(f"quality: expected 1..100, got {quality}")
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()
