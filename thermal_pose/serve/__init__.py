# SPDX-License-Identifier: Apache-2.0
"""The bedside page: a web page from which a movement test is run (docs/bedside.md)."""
