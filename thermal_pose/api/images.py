# SPDX-License-Identifier: Apache-2.0
"""Arrays of any unit and size as thermal frames in centikelvin."""

from typing import Any

import numpy as np
import numpy.typing as npt

from thermal_pose.gates.quality import InputLimits, judge_temperatures
from thermal_pose.imaging.radiometry import to_centikelvin
from thermal_pose.types import TrialReason, UInt16Array

Span = tuple[float, float]

#: Temperatures that a camera looking at people can report, in degrees Celsius.
_PLAUSIBLE_DEGC = (-60.0, 180.0)


def as_centikelvin(image: npt.ArrayLike, span_degc: Span | None = None) -> UInt16Array:
    """Convert one thermal image to counts of 0.01 K.

    Parameters
    ----------
    image : (H, W). uint16 is centikelvin, a floating-point type is degrees Celsius, and uint8 is
        grey levels over `span_degc`. A colour image (H, W, 3) is accepted if it is grey.
    span_degc : temperatures of the grey levels 0 and 255, in degrees Celsius.

    Returns
    -------
    (H, W) uint16, 0.01 K per count.

    Raises
    ------
    ValueError
        The shape, type or range is none of these; the message names what to pass instead.

    Examples
    --------
    >>> import numpy as np
    >>> as_centikelvin(np.full((60, 80), 20.0))[0, 0]
    np.uint16(29315)
    >>> as_centikelvin(np.zeros((60, 80), np.uint8), span_degc=(15, 40))[0, 0]
    np.uint16(28815)
    """
    array = _single_channel(np.asarray(image))
    if array.dtype == np.uint16:
        return _plausible_counts(array)
    if array.dtype == np.uint8:
        low, high = _checked_span(span_degc)
        return to_centikelvin(low + array.astype(np.float32) * ((high - low) / 255.0))
    if np.issubdtype(array.dtype, np.floating):
        return _from_degc(array)
    raise ValueError(
        f"image: expected uint16 (centikelvin), float (degC) or uint8, got {array.dtype}"
    )


def is_batch(images: Any) -> bool:
    """Whether `images` is a sequence of images, or an array (N, H, W) of them."""
    if isinstance(images, list | tuple):
        return bool(images) and np.ndim(images[0]) >= 2
    array = np.asarray(images)
    return array.ndim == 4 or (array.ndim == 3 and array.shape[-1] not in (1, 3))


def _single_channel(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim == 3 and array.shape[2] == 1:
        return array[..., 0]
    if array.ndim == 3 and array.shape[2] == 3:
        if (array[..., :1] != array).any():
            raise ValueError(
                "image: expected temperatures or grey levels, got a colour picture; false colours "
                "cannot be turned back into temperatures"
            )
        return array[..., 0]
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"image: expected (H, W) with at least one pixel, got {array.shape}")
    return array


def _checked_span(span_degc: Span | None) -> Span:
    if span_degc is None:
        raise ValueError(
            "span_degc: an 8-bit image needs the temperatures of its grey levels 0 and 255 in "
            "degrees Celsius, such as span_degc=(18, 38)"
        )
    low, high = float(span_degc[0]), float(span_degc[1])
    if not -100.0 < low < high < 200.0:
        raise ValueError(f"span_degc: expected low < high in degrees Celsius, got {span_degc}")
    return low, high


def _from_degc(degc: npt.NDArray[Any]) -> UInt16Array:
    if not np.isfinite(degc).all():
        raise ValueError("image: expected finite degrees Celsius, got NaN or infinity")
    middle = float(np.median(degc))
    if not _PLAUSIBLE_DEGC[0] <= middle <= _PLAUSIBLE_DEGC[1]:
        hint = "; it looks like kelvin: subtract 273.15" if 200 < middle < 400 else ""
        raise ValueError(f"image: expected degrees Celsius, got a median of {middle:.1f}{hint}")
    return to_centikelvin(degc)


def _plausible_counts(counts: npt.NDArray[Any]) -> UInt16Array:
    """Return the counts if they are temperatures of a room, judged as the live graph judges.

    Damaged rows are a matter of cables and streams: an array that a caller made may be uniform.
    """
    image = np.asarray(counts, dtype=np.uint16)
    finding = judge_temperatures(image, InputLimits())
    if not finding.accepted and finding.reason is not TrialReason.CORRUPT_ROWS:
        raise ValueError(f"image: {finding.sentence}")
    return image
