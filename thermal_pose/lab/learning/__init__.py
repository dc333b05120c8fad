# SPDX-License-Identifier: Apache-2.0
"""Data sets, networks, training and export of all shipped models (torch)."""
