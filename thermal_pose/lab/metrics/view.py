# SPDX-License-Identifier: Apache-2.0
"""Direction of a person relative to the camera."""

import numpy as np
import numpy.typing as npt

from thermal_pose.imaging.camera_model import CameraPose
from thermal_pose.skeleton import Joint


def heading_deg(camera: CameraPose, joints_m: npt.ArrayLike) -> float:
    """Return the heading of the pelvis relative to the line of sight, -180 to 180 deg.

    0 faces the camera; positive values are rotations to the person's left.

    Parameters
    ----------
    joints_m : (17, 3) joints in the room frame (x along the walkway, y left, z up), m.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    left, right = joints[Joint.LEFT_HIP], joints[Joint.RIGHT_HIP]
    across = left - right  # so forward, to whose left the left hip lies, is (across_y, -across_x)
    to_camera = camera.position_m - 0.5 * (left + right)
    angle = np.arctan2(-across[0], across[1]) - np.arctan2(to_camera[1], to_camera[0])
    return float((np.degrees(angle) + 180.0) % 360.0 - 180.0)
