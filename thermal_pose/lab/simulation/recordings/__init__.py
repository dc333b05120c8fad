# SPDX-License-Identifier: Apache-2.0
"""Staging, rendering and recording of trials, as rosbag2 folders."""
