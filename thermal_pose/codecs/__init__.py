# SPDX-License-Identifier: Apache-2.0
"""Heatmaps to keypoints and back: argmax, quarter offset, DARK."""
