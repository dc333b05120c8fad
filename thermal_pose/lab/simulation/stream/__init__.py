# SPDX-License-Identifier: Apache-2.0
"""Rendered thermal frames with exact ground truth, written to training shards."""
