# SPDX-License-Identifier: Apache-2.0
"""How simulated people move through a test, and what its timing truly is."""
