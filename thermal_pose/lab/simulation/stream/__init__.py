# SPDX-License-Identifier: Apache-2.0
"""Rendered thermal frames with exact truth, straight into training shards."""
