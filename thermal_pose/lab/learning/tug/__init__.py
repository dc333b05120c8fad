# SPDX-License-Identifier: Apache-2.0
"""Training of the networks that time the Timed Up and Go."""
