# SPDX-License-Identifier: Apache-2.0
"""Tests that count or time rises from a chair: five times sit-to-stand, 30-second chair stand."""
