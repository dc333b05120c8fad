# SPDX-License-Identifier: Apache-2.0
"""Boxes between detections, identities, smoothing."""
