# SPDX-License-Identifier: Apache-2.0
"""The Camera protocol and its backends: senxor, v4l2, bag, simulated."""
