# SPDX-License-Identifier: Apache-2.0
"""Simulated thermal and colour cameras, and the ground truth of each frame."""
