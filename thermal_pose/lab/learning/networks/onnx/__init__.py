# SPDX-License-Identifier: Apache-2.0
"""Networks as ONNX files: folded and written, traced, and read back for training."""
