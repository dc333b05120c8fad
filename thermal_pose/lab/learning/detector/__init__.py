# SPDX-License-Identifier: Apache-2.0
"""The tiny person detector, and the Faster R-CNN of the seed paper."""
