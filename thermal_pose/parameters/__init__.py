# SPDX-License-Identifier: Apache-2.0
"""What a node parameter is, and the parameters of every node."""
