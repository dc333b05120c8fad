# SPDX-License-Identifier: Apache-2.0
"""Keypoints and Timed Up and Go phases from low-resolution thermal cameras, on ROS 2."""

from pkgutil import extend_path

# The generated messages (`thermal_pose.msg`) live in the ROS installation, this code
# possibly in a checkout: both are portions of the one package `thermal_pose`.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
