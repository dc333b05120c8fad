# SPDX-License-Identifier: Apache-2.0
"""Simulated people: bodies, poses, clothes, habits and cohorts."""
