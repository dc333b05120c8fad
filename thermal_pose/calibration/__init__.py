# SPDX-License-Identifier: Apache-2.0
"""Targets, intrinsics, extrinsics, and the pairing of two streams."""
