# SPDX-License-Identifier: Apache-2.0
"""The run path is light: what `make demo` imports needs no extra."""

import subprocess
import sys

import pytest

from thermal_pose.nodes.process_table import PROCESS_TABLE

HEAVY = (
    "torch",
    "torchvision",
    "transformers",
    "anny",
    "warp",
    "numba",
    "scipy",
    "matplotlib",
    "pandas",
    "ray",
    "onnx",
)


@pytest.mark.parametrize("entry", PROCESS_TABLE, ids=[entry.name for entry in PROCESS_TABLE])
def test_node_imports_nothing_of_an_extra(entry):
    module = entry.target.partition(":")[0]
    code = f"import sys, {module}; print(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "module",
    [
        "thermal_pose.pipeline.replay",
        "thermal_pose.report.write",
        "thermal_pose.bags.reader",
        "thermal_pose.store",
    ],
)
def test_library_imports_neither_ros_nor_an_extra(module):
    names = (*HEAVY, "rclpy")
    code = f"import sys, {module}; print(*(set({names!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
