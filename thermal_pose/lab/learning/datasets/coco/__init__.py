# SPDX-License-Identifier: Apache-2.0
"""Data sets from COCO keypoint files: labels, thermal pictures and shards."""
