# SPDX-License-Identifier: Apache-2.0
"""A trial's outcome as JSON, CSV, PNG and one self-contained HTML page."""
