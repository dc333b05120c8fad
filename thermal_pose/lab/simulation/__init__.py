# SPDX-License-Identifier: Apache-2.0
"""The simulated clinic: seeded people, rooms, motion and cameras, with exact truth."""
