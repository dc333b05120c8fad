# SPDX-License-Identifier: Apache-2.0
"""Reading, writing, replaying and repairing rosbag2 recordings (MCAP), without ROS."""
