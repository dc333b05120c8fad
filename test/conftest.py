# SPDX-License-Identifier: Apache-2.0
"""Every test that starts ROS gets a domain of its own and stays on this machine.

What first use would compile or build is prepared before the first test (`support/prepare.py`).
"""

import os
import re
from collections.abc import Iterator

import pytest
from support.order import longest_files_first
from support.prepare import BODIES, prepare

#: Set by `colcon test`.
SKIP_VARIABLE = "THERMAL_POSE_SKIP_MISSING"
#: Packages that only tests and training need.
OPTIONAL = (
    *("anny", "hypothesis", "jsonschema", "matplotlib", "numba", "onnx", "psutil", "pycocotools"),
    *("ray", "rerun", "scipy", "selenium", "tensorboard", "torch", "torchvision", "transformers"),
)

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("RCUTILS_COLORIZED_OUTPUT", "0")
os.environ["THERMAL_POSE_BODIES"] = str(BODIES)
# Ray's workers yield to everything else unless told not to: on a busy machine they never get on.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: `make test` hands them out whole."""
    items[:] = longest_files_first(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile and build what the collected tests need; no test's time limit runs yet."""
    if not session.config.option.collectonly:
        prepare({mark.name for item in session.items for mark in item.iter_markers()})


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Under `colcon test`, skip a module that needs an absent optional package, with the reason.

    `make test` installs everything, so there an absent package is an error.
    """
    report = yield
    if os.environ.get(SKIP_VARIABLE) and isinstance(collector, pytest.Module) and report.failed:
        missing = re.search(r"No module named '(\w+)", str(report.longrepr))
        if missing and missing[1] in OPTIONAL:
            reason = f"Skipped: '{missing[1]}' is not installed (requirements/test.txt)"
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), 1, reason)
    return report


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A ROS domain that no other test process uses at the same time."""
    from support.domains import free_domain

    with free_domain() as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        yield domain


@pytest.fixture
def ros(ros_domain: int) -> Iterator[int]:
    """An initialised rclpy context in a domain of its own."""
    import rclpy

    rclpy.init(args=[])
    yield ros_domain
    rclpy.try_shutdown()
