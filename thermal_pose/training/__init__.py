# SPDX-License-Identifier: Apache-2.0
"""Dataset from recordings, losses, distillation, cross-validation, export (torch)."""
