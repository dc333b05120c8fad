# SPDX-License-Identifier: Apache-2.0
"""OKS/AP of keypoints and agreement of TUG timings with a truth."""
