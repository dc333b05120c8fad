# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions, never for guesses."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], timeout_s: float = 30.0, what: str = "") -> None:
    """Return once `condition` holds; AssertionError after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {what or condition}"
        time.sleep(0.01)


def spin_for(executor: object, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Spin an executor until `condition` holds; AssertionError after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {condition}"
        executor.spin_once(timeout_sec=0.02)  # type: ignore[attr-defined]
