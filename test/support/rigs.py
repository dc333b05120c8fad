# SPDX-License-Identifier: Apache-2.0
"""A camera pair whose colour images are quickly made and read."""

from thermal_pose.calibration.synthetic import SyntheticRig
from thermal_pose.imaging.camera_model import CameraIntrinsics

SMALL_RIG = SyntheticRig(rgb=CameraIntrinsics((640, 360), 467.0, 468.0, 322.0, 177.0))
