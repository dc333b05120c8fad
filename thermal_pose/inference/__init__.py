# SPDX-License-Identifier: Apache-2.0
"""PersonDetector and PoseEstimator protocols, and their runtimes."""
