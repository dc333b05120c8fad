# SPDX-License-Identifier: Apache-2.0
"""What the thermal and RGB cameras deliver of a scene, and the truth behind each frame."""
