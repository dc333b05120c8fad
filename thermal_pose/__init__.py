# SPDX-License-Identifier: Apache-2.0
"""Keypoints and Timed Up and Go phases from low-resolution thermal cameras, on ROS 2.

The Python API, which needs neither ROS nor torch, is loaded on first use:

>>> from thermal_pose import PoseEstimator, Tracker, analyze, draw
"""

from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

# The generated messages (`thermal_pose.msg`) live in the ROS installation and this code may live
# in a checkout: both are portions of the one package `thermal_pose`.
__path__ = extend_path(__path__, __name__)

__version__ = "0.2.0"
__all__ = ["Analysis", "People", "PoseEstimator", "Tracker", "analyze", "draw"]

if TYPE_CHECKING:
    from thermal_pose.api import Analysis, People, PoseEstimator, Tracker, analyze, draw


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'thermal_pose' has no attribute '{name}'")
    from thermal_pose import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
