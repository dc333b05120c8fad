# SPDX-License-Identifier: Apache-2.0
"""Simulated rooms: furniture, warm objects, and the placement of cameras."""
