# SPDX-License-Identifier: Apache-2.0
"""A camera pair whose colour images are quickly made and read."""

import numpy as np

from thermal_pose.calibration.synthetic import SyntheticRig
from thermal_pose.imaging.camera_model import CameraIntrinsics
from thermal_pose.imaging.registration import Registration

SMALL_RIG = SyntheticRig(rgb=CameraIntrinsics((640, 360), 467.0, 468.0, 322.0, 177.0))


def boxes_to_rgb(registration: Registration, boxes_xyxy, depth_m):
    """Map boxes (N, 4) to the RGB image: the boxes around the mapped corners."""
    boxes = np.reshape(boxes_xyxy, (-1, 4))
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    mapped = registration.to_rgb(corners, np.reshape(depth_m, (-1, 1)) * np.ones((1, 4)))
    return np.concatenate([mapped.min(axis=1), mapped.max(axis=1)], axis=1)
