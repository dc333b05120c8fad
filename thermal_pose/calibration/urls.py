# SPDX-License-Identifier: Apache-2.0
"""Calibration URLs in the form of `camera_info_manager`."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from thermal_pose.errors import CalibrationError

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def calibration_path(url: str, camera_name: str, package_share: Callable[[str], str]) -> Path:
    """Return the file that a calibration URL names.

    Parameters
    ----------
    url : `file:///path`, `package://name/path` or a plain path; `${NAME}` stands for the camera's
        name and `${ROS_HOME}` for that folder (~/.ros unless set).
    package_share : returns a ROS package's share folder; raises LookupError for an unknown one.

    Raises
    ------
    CalibrationError
        The URL has another scheme, an unknown variable or an unknown package.

    Examples
    --------
    >>> calibration_path("file:///etc/${NAME}.yaml", "thermal_camera", str)
    PosixPath('/etc/thermal_camera.yaml')
    """
    text = _expanded(url, camera_name)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Path(text)
    if scheme == "file" and rest.startswith("/"):
        return Path(unquote(rest))
    name, slash, inside = rest.partition("/")
    if scheme == "package" and name and slash and inside:
        try:
            return Path(package_share(name)) / unquote(inside)
        except (LookupError, OSError) as error:  # OSError: no workspace is sourced
            raise CalibrationError(f"{url}: no ROS package '{name}': {error}") from error
    raise CalibrationError(f"{url}: expected file:///PATH or package://PACKAGE/PATH")


def _expanded(url: str, camera_name: str) -> str:
    known = {
        "NAME": camera_name,
        "ROS_HOME": os.environ.get("ROS_HOME") or str(Path.home() / ".ros"),
    }

    def value(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise CalibrationError(
                f"{url}: unknown variable ${{{match[1]}}}; known: {', '.join(known)}"
            )
        return known[match[1]]

    return _VARIABLE.sub(value, url)
