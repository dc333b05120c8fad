# SPDX-License-Identifier: Apache-2.0
"""Common parts of all messages: construction, stamps, headers, and checked numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from thermal_pose.errors import MessageFormatError
from thermal_pose.types import NS_PER_S, Float64Array


class Make(Protocol):
    """Builds a message of the type 'pkg/msg/Name' from all its fields."""

    def __call__(self, type_name: str, /, **fields: Any) -> Any:
        """Return the message."""
        ...


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn any failure to read a message's fields into a `MessageFormatError`.

    Parameters
    ----------
    what : names the message in the error, such as 'keypoints'.
    """
    try:
        yield
    except (ValueError, TypeError, OverflowError, AttributeError, IndexError) as error:
        raise MessageFormatError(f"{what}: {error}") from error


def to_stamp_ns(time: Any) -> int:
    """Return a `builtin_interfaces/Time` as nanoseconds since the epoch.

    Raises
    ------
    MessageFormatError
        The time is before the epoch, or its nanoseconds make a whole second or more.
    """
    sec, nanosec = int(time.sec), int(time.nanosec)
    if sec < 0 or not 0 <= nanosec < NS_PER_S:
        raise MessageFormatError(
            f"stamp of {sec} s and {nanosec} ns: expected sec >= 0 and nanosec in [0, 1e9)"
        )
    return sec * NS_PER_S + nanosec


def time_message(make: Make, stamp_ns: int) -> Any:
    """Return `builtin_interfaces/Time` of nanoseconds since the epoch."""
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    return make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)


def header_message(make: Make, stamp_ns: int, frame_id: str) -> Any:
    """Return `std_msgs/Header` of a stamp (ns) and a frame, bit for bit."""
    return make("std_msgs/msg/Header", stamp=time_message(make, stamp_ns), frame_id=frame_id)


def probability(value: Any, name: str) -> float:
    """Return a number in [0, 1]; `ValueError` naming `name` for any other."""
    number = float(value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{name}: expected 0 to 1, got {number}")
    return number


def finite(values: npt.ArrayLike, name: str) -> Float64Array:
    """Return float64 numbers; `ValueError` naming `name` if any is NaN or infinite."""
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name}: expected finite numbers, got {numbers.tolist()}")
    return numbers
