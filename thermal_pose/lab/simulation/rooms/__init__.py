# SPDX-License-Identifier: Apache-2.0
"""Simulated rooms: furniture, chairs, warm objects, and where the cameras stand."""
