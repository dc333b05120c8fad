# SPDX-License-Identifier: Apache-2.0
"""True motion of the body at each moment: auxiliary targets of the segmentation network.

Seven boundaries are little supervision; the signals that define them (`tug.definitions`) exist
at every moment. A network that also predicts them learns faster. Only training
knows of these curves: the shipped network does without.
"""

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.tug.definitions import kinematics_from_joints
from thermal_pose.clinical.tug.features import CELL_S
from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array

#: Sine and cosine of the pelvis's yaw, pelvis height over leg length, trunk pitch, distance walked.
N_CURVES = 5
_FOOT_M = 0.08
_MARK_M = 3.0


def body_curves(joints_m: npt.NDArray[np.floating]) -> Float64Array:
    """(N, 5) curves of joints (N, 17, 3) in the room; NaN where a joint is not known."""
    n_frames = len(joints_m)
    joints = joints_m.astype(np.float64)
    motion = (
        kinematics_from_joints(
            np.arange(n_frames, dtype=np.float64),
            np.nan_to_num(joints),
            np.zeros(n_frames, dtype=np.bool_),
        )
        if n_frames >= 3
        else None
    )
    if motion is None:
        return np.full((n_frames, N_CURVES), np.nan)
    thigh_m = np.linalg.norm(joints[:, Joint.LEFT_HIP] - joints[:, Joint.LEFT_KNEE], axis=1)
    shank_m = np.linalg.norm(joints[:, Joint.LEFT_KNEE] - joints[:, Joint.LEFT_ANKLE], axis=1)
    hips_x_m = joints[:, [Joint.LEFT_HIP, Joint.RIGHT_HIP], 0].mean(axis=1)
    curves = np.stack(
        [
            np.sin(motion.pelvis_yaw_rad),
            np.cos(motion.pelvis_yaw_rad),
            motion.pelvis_height_m / (thigh_m + shank_m + _FOOT_M),
            motion.trunk_pitch_rad,
            hips_x_m / _MARK_M,
        ],
        axis=1,
    )
    curves[~np.isfinite(joints).all(axis=(1, 2))] = np.nan
    return curves


def mirrored(curves: Float64Array) -> Float64Array:
    """The same curves seen in a mirror: turns go the other way round."""
    return curves * np.array([-1.0, 1.0, 1.0, 1.0, 1.0])


def on_cells(
    times_s: Float64Array, curves: Float64Array, start_s: float, n_cells: int
) -> Float64Array:
    """(T, 5) curves at the middles of cells; NaN beyond the frames and beside unknown ones."""
    middles_s = start_s + (np.arange(n_cells) + 0.5) * CELL_S
    columns = [np.interp(middles_s, times_s, column, np.nan, np.nan) for column in curves.T]
    return np.stack(columns, axis=1)
