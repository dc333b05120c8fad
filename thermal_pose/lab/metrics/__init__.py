# SPDX-License-Identifier: Apache-2.0
"""Metrics on numpy arrays: OKS and AP, calibration, detection, timing agreement."""
