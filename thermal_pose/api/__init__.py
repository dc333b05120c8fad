# SPDX-License-Identifier: Apache-2.0
"""The public Python API: what `from thermal_pose import ...` gives.

No ROS and no torch: images in, people, trials and pictures out.
"""

from thermal_pose.api.analysis import Analysis, analyze
from thermal_pose.api.estimation import PoseEstimator, Tracker
from thermal_pose.api.people import People
from thermal_pose.api.pictures import draw

__all__ = ["Analysis", "People", "PoseEstimator", "Tracker", "analyze", "draw"]
