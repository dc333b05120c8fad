# SPDX-License-Identifier: Apache-2.0
"""Hands out ROS domains, one holder at a time on this machine, by file locks."""

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Ports of domains up to 101 lie below the ephemeral range on Linux.
_DOMAINS = range(20, 100)


@contextlib.contextmanager
def free_domain() -> Iterator[int]:
    """Yield a domain id that no other holder has; RuntimeError where all are taken."""
    folder = Path(tempfile.gettempdir()) / "thermal_pose_ros_domains"
    folder.mkdir(exist_ok=True)
    for domain in _DOMAINS:
        with (folder / str(domain)).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            yield domain
            return
    raise RuntimeError(f"all ROS domains {_DOMAINS} are taken")
