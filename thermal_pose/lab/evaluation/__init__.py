# SPDX-License-Identifier: Apache-2.0
"""What judges the whole system: keypoints and timing against the truth."""
