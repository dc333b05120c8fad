# SPDX-License-Identifier: Apache-2.0
"""The definition of a node parameter, and the parameters of every node."""
