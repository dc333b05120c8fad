# SPDX-License-Identifier: Apache-2.0
"""The just-in-time compiler of the simulator, which the extra `sim` installs."""

from thermal_pose.errors import MissingExtraError

try:
    from numba import njit
except ModuleNotFoundError as error:
    raise MissingExtraError("the simulated clinic", "numba", "sim") from error

__all__ = ["njit"]
