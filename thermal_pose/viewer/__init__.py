# SPDX-License-Identifier: Apache-2.0
"""The live view in a browser."""
