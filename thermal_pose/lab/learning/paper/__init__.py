# SPDX-License-Identifier: Apache-2.0
"""The seed paper's protocol: leave one subject out, its Table I and its figures."""
