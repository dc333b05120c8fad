# SPDX-License-Identifier: Apache-2.0
"""Crops, losses, optimisation and prediction, shared by all pose networks."""
