# SPDX-License-Identifier: Apache-2.0
"""ROS shells around the pipeline: one file per node, and the process table."""
