# SPDX-License-Identifier: Apache-2.0
"""Student, decoder and teacher adapters (torch)."""
