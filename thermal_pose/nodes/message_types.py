# SPDX-License-Identifier: Apache-2.0
"""Message classes by the names that recordings use."""

import importlib
from typing import Any


def message_class(type_name: str) -> Any:
    """The class of 'pkg/msg/Name' (rosidl_runtime_py has this, but is no wheel)."""
    package, kind, name = type_name.split("/")
    return getattr(importlib.import_module(f"{package}.{kind}"), name)
