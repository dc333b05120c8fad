# SPDX-License-Identifier: Apache-2.0
"""Trials staged, rendered and written as rosbag2 recordings."""
