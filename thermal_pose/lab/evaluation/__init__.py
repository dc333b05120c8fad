# SPDX-License-Identifier: Apache-2.0
"""Evaluation of the whole system: keypoints and timing against the truth."""
