# SPDX-License-Identifier: Apache-2.0
"""Thermal and colour images: `sensor_msgs/Image` and `sensor_msgs/CompressedImage`."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from thermal_pose.errors import ImageFormatError
from thermal_pose.imaging.radiometry import ZERO_DEGC_K
from thermal_pose.messages.bridge import bgr_by_cv_bridge
from thermal_pose.messages.fields import Make, header_message, to_stamp_ns
from thermal_pose.types import Float64Array, RgbFrame, ThermalFrame, UInt8Array, UInt16Array

#: Encodings of thermal images: centikelvin counts, or degrees Celsius or kelvin as float32.
COUNT_ENCODINGS: Final = ("mono16", "16UC1")
FLOAT_ENCODING: Final = "32FC1"
#: Floating-point temperatures with a median above this are kelvin, below it degrees Celsius:
#: no room is as hot as 150 degC, and none as cold as 150 K.
_KELVIN_FROM: Final = 150.0
#: Largest share of pixels of a floating-point image that may be NaN or infinite (dead pixels).
_MAX_DEAD_SHARE: Final = 0.01
#: Whether the red channel comes first, by encoding.
_RED_FIRST: Final = {"bgr8": False, "rgb8": True}
_BYTES_PER_PX: Final = {"mono8": 1, "mono16": 2, "16UC1": 2, "32FC1": 4, "bgr8": 3, "rgb8": 3}


def to_thermal_frame(image: Any) -> ThermalFrame:
    """Return the radiometric frame in a `sensor_msgs/Image`, in this machine's byte order.

    Parameters
    ----------
    image : encoding mono16 or 16UC1 (0.01 K per count), or 32FC1 (degrees Celsius or kelvin).
        Rows may be padded and either byte order is read.

    Raises
    ------
    ImageFormatError
        The encoding is another one; height, width, step and data do not fit together; or more
        than 1 % of the temperatures of a 32FC1 image are NaN or infinite.
    """
    if image.encoding in COUNT_ENCODINGS:
        order = ">u2" if image.is_bigendian else "<u2"
        counts = _rows(image).view(order).astype(np.uint16)
    elif image.encoding == FLOAT_ENCODING:
        order = ">f4" if image.is_bigendian else "<f4"
        counts = _centikelvin_of_degrees(_rows(image).view(order).astype(np.float64))
    else:
        raise ImageFormatError(
            f"image encoding '{image.encoding}': expected mono16 or 16UC1 (0.01 K per count) or "
            "32FC1 (degrees Celsius or kelvin)"
        )
    return ThermalFrame(to_stamp_ns(image.header.stamp), str(image.header.frame_id), counts)


def _centikelvin_of_degrees(degrees: Float64Array) -> UInt16Array:
    """Return counts of 0.01 K; dead pixels take the median, what 16 bits cannot hold is clipped."""
    dead = ~np.isfinite(degrees)
    if dead.mean() > _MAX_DEAD_SHARE:
        raise ImageFormatError(
            f"32FC1 image: {int(dead.sum())} of {dead.size} temperatures are NaN or infinite"
        )
    median = float(np.median(degrees[~dead]))
    kelvin = np.where(dead, median, degrees) + (0.0 if median > _KELVIN_FROM else ZERO_DEGC_K)
    return np.asarray(np.clip(np.rint(kelvin * 100.0), 0, 65535), dtype=np.uint16)


def _rows(image: Any) -> UInt8Array:
    """Return (H, W * bytes per pixel) uint8: the image without the padding of its rows."""
    height, width, step = int(image.height), int(image.width), int(image.step)
    data = np.frombuffer(image.data, dtype=np.uint8)
    packed = width * _BYTES_PER_PX[image.encoding]
    if height <= 0 or width <= 0:
        raise ImageFormatError(f"image of {width} x {height} px is empty")
    if step < packed:
        raise ImageFormatError(
            f"image step {step}: expected at least {packed} bytes for {width} px of "
            f"{image.encoding}"
        )
    if data.size != height * step:
        raise ImageFormatError(
            f"image data of {data.size} bytes: expected step x height = {height * step}"
        )
    return np.ascontiguousarray(data.reshape(height, step)[:, :packed])


def to_rgb_frame(image: Any) -> RgbFrame:
    """Return the colour frame in a `CompressedImage` (JPEG, PNG) or an `Image`.

    An `Image` of encoding bgr8 or rgb8 is read here. Any other colour encoding (bgra8, Bayer
    patterns, YUV) is left to cv_bridge, where ROS has it.

    Raises
    ------
    ImageFormatError
        The data is neither JPEG nor PNG, has another encoding, or does not fit its size.
    """
    stamp, frame_id = to_stamp_ns(image.header.stamp), str(image.header.frame_id)
    if hasattr(image, "format"):
        return RgbFrame(stamp, frame_id, _decompressed(image))
    if image.encoding not in _RED_FIRST:
        return RgbFrame(stamp, frame_id, bgr_by_cv_bridge(image))
    pixels = _rows(image).reshape(int(image.height), int(image.width), 3)
    bgr = pixels[..., ::-1] if _RED_FIRST[image.encoding] else pixels
    return RgbFrame(stamp, frame_id, np.ascontiguousarray(bgr, dtype=np.uint8))


def _decompressed(image: Any) -> UInt8Array:
    # OpenCV is loaded for compressed images only: a process with thermal ones need not hold it.
    import cv2

    data = np.frombuffer(image.data, dtype=np.uint8)
    try:
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error as error:
        raise ImageFormatError(f"compressed image of {data.size} bytes: {error.err}") from error
    if bgr is None:
        raise ImageFormatError(
            f"compressed image: expected JPEG or PNG, got {data.size} bytes that are neither"
        )
    return np.asarray(bgr, dtype=np.uint8)


def thermal_message(make: Make, frame: ThermalFrame) -> Any:
    """Return `sensor_msgs/Image`, mono16 centikelvin, little endian."""
    header = header_message(make, frame.stamp_ns, frame.frame_id)
    return image_message(make, frame.centikelvin.astype("<u2", copy=False), "mono16", header)


def image_message(make: Make, pixels: npt.NDArray[Any], encoding: str, header: Any) -> Any:
    """Return `sensor_msgs/Image` of (H, W) or (H, W, C) pixels in the layout of `encoding`.

    Raises
    ------
    ValueError
        The encoding is not one that this package publishes, or the pixels are not of it.
    """
    expected = _BYTES_PER_PX.get(encoding)
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
    if expected is None or rows.shape[1] != width * expected:
        raise ValueError(
            f"pixels of {pixels.shape} {pixels.dtype}: expected (H, W) of one of "
            f"{', '.join(_BYTES_PER_PX)}, got encoding '{encoding}'"
        )
    return make(
        "sensor_msgs/msg/Image",
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=rows.shape[1],
        data=rows.ravel(),
    )


def rgb_message(make: Make, frame: RgbFrame, jpeg_quality: int = 90) -> Any:
    """Return `sensor_msgs/CompressedImage`, JPEG of quality 1 to 100."""
    if not 1 <= jpeg_quality <= 100:
        raise ValueError(f"jpeg_quality: expected 1..100, got {jpeg_quality}")
    import cv2

    _, data = cv2.imencode(".jpg", frame.bgr, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    return make(
        "sensor_msgs/msg/CompressedImage",
        header=header_message(make, frame.stamp_ns, frame.frame_id),
        format="bgr8; jpeg compressed bgr8",
        data=data.ravel(),
    )
