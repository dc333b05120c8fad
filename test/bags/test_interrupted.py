# SPDX-License-Identifier: Apache-2.0
"""Writers and repairs that are killed, and repairs that meet."""

import fcntl
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support import faults
from support.foreign_bags import (
    images,
    log_times,
    write_bag,
    write_db3,
    write_mcap,
    write_split,
)
from support.trials import STEP_NS

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.repair import repair
from thermal_pose.errors import StorageError

ENDLESS_WRITER = """
import sys, time
import numpy as np
from thermal_pose.bags import schema
from thermal_pose.messages.images import thermal_message
from thermal_pose.bags.writer import BagWriter
from thermal_pose.types import ThermalFrame
bag = BagWriter(sys.argv[1])
image = np.full((60, 80), 29500, np.uint16)
for number in range(100_000):
    stamp_ns = number * 125_000_000
    bag.write(schema.THERMAL_IMAGE, stamp_ns,
              thermal_message(schema.message, ThermalFrame(stamp_ns, 'thermal', image)))
    print(number, flush=True)
    time.sleep(0.002)
"""


STEPS = (
    (Path, "replace"),
    (Path, "unlink"),
    (os, "link"),
    (os, "fsync"),
)


@pytest.mark.faults
def test_a_repair_killed_at_any_step_hides_nothing(tmp_path: Path) -> None:
    """The process dies before its n-th change of the folder, for every n."""
    kinds = {
        "folder": lambda path: write_bag(path, images(12)),
        "split": lambda path: write_split(path, [images(12)[:5], images(12)[5:]]),
        "file": lambda path: write_mcap(path.with_suffix(".mcap"), images(12)),
        "sqlite": lambda path: write_db3(path, images(12)),
    }
    tried = 0
    for kind, write in kinds.items():
        for step in itertools.count(1):
            path = write(tmp_path / f"{kind}{step}" / "trial")
            damage(path)
            originals = contents(path)
            ended = killed_at_step(step, path)
            tried += 1
            result = repair(path)
            assert result.messages == 12, (kind, step)
            assert log_times(result.path) == [message[2] for message in images(12)], (kind, step)
            assert originals <= contents(path), (kind, step)
            if not ended:
                break
        assert step > 3
    faults.record(
        "repair killed at each of its steps",
        tried,
        "the next repair gives every message; the damaged originals are kept",
    )


def damage(path: Path) -> None:
    """Damage that costs no message: the metadata, or the end of a file."""
    if path.is_dir():
        (path / "metadata.yaml").unlink()
    else:
        path.write_bytes(path.read_bytes()[:-30])


def contents(path: Path) -> set[bytes]:
    folder = path if path.is_dir() else path.parent
    return {file.read_bytes() for file in folder.iterdir() if file.is_file()}


def killed_at_step(step: int, path: Path) -> bool:
    """Repair in a child that dies before its n-th step; False if it had fewer."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = [step]
    for owner, name in STEPS:
        call = getattr(owner, name)

        def counted(*args: object, _call: Any = call, **kwargs: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            return _call(*args, **kwargs)

        setattr(owner, name, counted)
    repair(path)
    os._exit(0)


def test_two_repairs_do_not_meet(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "trial", images(5))
    (path / "metadata.yaml").unlink()
    handle = os.open(path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(StorageError, match="another repair is at work"):
            repair(path)
    finally:
        os.close(handle)
    assert repair(path).messages == 5


def test_a_killed_writer_loses_at_most_its_last_second(tmp_path: Path) -> None:
    path = tmp_path / "trial"
    command = [sys.executable, "-c", ENDLESS_WRITER, str(path)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, Path(__file__).parents[1:3])),
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        written = 0
        deadline_s = time.monotonic() + 30
        for line in writer.stdout:
            written = int(line) + 1
            if written >= 100 or time.monotonic() > deadline_s:
                break
        writer.send_signal(signal.SIGKILL)
        written = max([written, *(int(line) + 1 for line in writer.stdout)])
    assert repair(path).messages >= written - 1e9 / STEP_NS
    with BagReader(path) as bag:
        stamps = [frame.stamp_ns for frame in bag.thermal_frames(schema.THERMAL_IMAGE)]
    assert stamps == [number * STEP_NS for number in range(len(stamps))]
