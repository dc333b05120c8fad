# SPDX-License-Identifier: Apache-2.0
"""Message classes of rclpy by the names that recordings use, and how one is built."""

import array
import importlib
from functools import cache
from typing import Any

import numpy as np


@cache
def message_class(type_name: str) -> Any:
    """Return the class of 'pkg/msg/Name' (rosidl_runtime_py has this, but is not a wheel)."""
    package, kind, name = type_name.split("/")
    return getattr(importlib.import_module(f"{package}.{kind}"), name)


def is_installed(type_name: str) -> bool:
    """Return whether the class of 'pkg/msg/Name' can be imported here."""
    try:
        message_class(type_name)
    except (ImportError, AttributeError, ValueError):
        return False
    return True


@cache
def _sequences(type_name: str) -> frozenset[str]:
    """Return the fields that hold a sequence of any length, as opposed to a fixed array."""
    fields = message_class(type_name).get_fields_and_field_types()
    return frozenset(name for name, kind in fields.items() if kind.startswith("sequence<"))


def live(type_name: str, /, **fields: Any) -> Any:
    """Build a message of rclpy from all its fields: the `Make` of `thermal_pose.messages`.

    rclpy takes numpy for arrays of fixed length only, and checks any sequence but an
    `array.array` number by number.
    """
    for name in _sequences(type_name) & fields.keys():
        value = fields[name]
        if isinstance(value, np.ndarray):
            packed = array.array(value.dtype.char)
            packed.frombytes(value.tobytes())
            fields[name] = packed
    return message_class(type_name)(**fields)
