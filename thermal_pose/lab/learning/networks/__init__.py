# SPDX-License-Identifier: Apache-2.0
"""Networks as torch modules: encoders, decoders, and their folded and exported forms."""
