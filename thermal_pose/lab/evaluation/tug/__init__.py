# SPDX-License-Identifier: Apache-2.0
"""Judges the Timed Up and Go: trials against their truth, recorded motion, difficult recordings."""
