# SPDX-License-Identifier: Apache-2.0
"""An executor that ends its nodes, an emulated camera, and its placement."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.senxor_emulator import EmulatedSenxor, PtyLink

from thermal_pose.calibration.files import save_extrinsics
from thermal_pose.calibration.synthetic import SyntheticRig


@pytest.fixture
def executor(ros: int) -> Iterator[Any]:
    """A single-threaded executor; whatever it spins is stopped and destroyed after the test."""
    from rclpy.executors import SingleThreadedExecutor

    made = SingleThreadedExecutor()
    yield made
    for node in list(made.get_nodes()):
        node.stop() if hasattr(node, "stop") else node.destroy_node()
    made.shutdown()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[EmulatedSenxor]:
    """A SenXor on a pseudo-terminal, 24 frames per second."""
    with EmulatedSenxor(PtyLink(tmp_path / "senxor"), max_rate_hz=24.0) as emulated:
        yield emulated


@pytest.fixture
def extrinsics(tmp_path: Path) -> str:
    """The path of a file that says how the cameras of the synthetic rig stand."""
    save_extrinsics(tmp_path / "extrinsics.yaml", SyntheticRig().rgb_to_thermal)
    return str(tmp_path / "extrinsics.yaml")
