# SPDX-License-Identifier: Apache-2.0
"""Speed, latency, load and memory of models, nodes and the simulator."""
