# SPDX-License-Identifier: Apache-2.0
"""Calibration of both cameras, and the pairing of their images."""
