# SPDX-License-Identifier: Apache-2.0
"""Judges both chair-rise tests on simulated trials and on motion capture, and fits their models."""
