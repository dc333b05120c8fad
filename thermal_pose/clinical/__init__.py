# SPDX-License-Identifier: Apache-2.0
"""Movement tests: what a test is, and one folder per test."""
