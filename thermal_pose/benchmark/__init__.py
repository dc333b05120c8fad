# SPDX-License-Identifier: Apache-2.0
"""What `thermal-pose bench` measures: time a crop, latency over DDS, load, memory, endurance."""
