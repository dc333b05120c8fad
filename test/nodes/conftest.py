# SPDX-License-Identifier: Apache-2.0
"""An executor that ends its nodes, detector and pose nodes to try, and an emulated camera."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.models import write_warmest_spot_model
from support.perception_bench import bench_maker
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


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of a pose model that finds the warmest spot."""
    return write_warmest_spot_model(tmp_path_factory.mktemp("models"), spread=True)


@pytest.fixture
def benches(ros: int, card: Path) -> Iterator[Any]:
    """Make detector and pose nodes with the parameters given."""
    with bench_maker(card) as make:
        yield make


@pytest.fixture
def bench(benches: Any) -> Any:
    """Detector and pose nodes with their default parameters."""
    return benches()
