# SPDX-License-Identifier: Apache-2.0
"""The simulated clinic: seeded people, rooms, motions and cameras, with exact ground truth."""
