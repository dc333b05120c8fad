# SPDX-License-Identifier: Apache-2.0
"""The simulated clinic: motion, bodies, sensors, scenes; seeded, with exact truth."""
