# SPDX-License-Identifier: Apache-2.0
"""Motion of simulated people during movement tests, and its true timing."""
