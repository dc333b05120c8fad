# SPDX-License-Identifier: Apache-2.0
"""Frames to boxes, keypoints, phases and report, without ROS: the one implementation."""
