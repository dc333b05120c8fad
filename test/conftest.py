# SPDX-License-Identifier: Apache-2.0
"""Every test that starts ROS gets a domain of its own and stays on this machine.

What first use would compile or build is prepared before the first test (`support/prepare.py`).
"""

import os
from collections.abc import Iterator

import pytest
from support.prepare import BODIES, prepare

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("RCUTILS_COLORIZED_OUTPUT", "0")
os.environ["THERMAL_POSE_BODIES"] = str(BODIES)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile and build what the collected tests need; no test's time limit runs yet."""
    if not session.config.option.collectonly:
        prepare({mark.name for item in session.items for mark in item.iter_markers()})


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
