# SPDX-License-Identifier: Apache-2.0
"""Latency and load of the live graph, measured over DDS with a probe and worker processes."""
