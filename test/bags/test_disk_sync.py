# SPDX-License-Identifier: Apache-2.0
"""Power cuts: only what was flushed to the disk counts, and that is never older than promised."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import faults
from support.trials import thermal_frame
from support.waiting import wait_for

from thermal_pose.bags import schema
from thermal_pose.bags.disk_sync import DiskSync
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.repair import repair
from thermal_pose.bags.writer import BagWriter
from thermal_pose.errors import StorageError
from thermal_pose.messages.images import thermal_message


class Disk:
    """What would be on the disk after a power cut: each file as it was at its last flush."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, delay_s: float = 0.0) -> None:
        self.contents: dict[Path, bytes] = {}
        self.flushes = 0
        self._delay_s = delay_s
        fsync, fdatasync = os.fsync, os.fdatasync
        monkeypatch.setattr(os, "fsync", lambda handle: self._flush(fsync, handle))
        monkeypatch.setattr(os, "fdatasync", lambda handle: self._flush(fdatasync, handle))

    def _flush(self, call: Callable[[int], None], handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        content = path.read_bytes() if path.is_file() else None
        time.sleep(self._delay_s)
        call(handle)
        if content is not None:
            self.contents[path] = content
            self.flushes += 1


@pytest.mark.faults
def test_a_power_cut_costs_a_recording_little_more_than_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real time at 8 Hz, cut after each second; what is on the disk is repaired and counted."""
    seconds = faults.times(few=4, full=40)
    disk = Disk(monkeypatch)
    worst = 0
    with BagWriter(tmp_path / "trial") as writer:
        begin_s = time.monotonic()
        for index in range(8 * seconds):
            frame = thermal_frame(index)
            message = thermal_message(schema.message, frame)
            writer.write(schema.THERMAL_IMAGE, frame.stamp_ns, message)
            time.sleep(max(0.0, begin_s + (index + 1) / 8 - time.monotonic()))
            if index >= 16 and index % 8 == 0:
                cut = tmp_path / f"cut{index}" / "trial_0.mcap"
                cut.parent.mkdir()
                cut.write_bytes(disk.contents[writer.file_path])
                kept = repair(cut).messages
                worst = max(worst, index + 1 - kept)
    # A second between flushes, half a second in a chunk that is still open, and one image.
    assert worst <= 8 + 4 + 4
    assert repair(tmp_path / "trial").messages == 8 * seconds
    faults.record(
        "power cut while recording (every second of a recording in real time)",
        seconds - 2,
        f"at most {worst} of the last images lost at 8 Hz, the others repaired",
    )


def test_a_finished_recording_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    with BagWriter(tmp_path / "trial") as writer:
        frame = thermal_frame(0)
        writer.write(schema.THERMAL_IMAGE, 1, thermal_message(schema.message, frame))
    assert disk.contents[writer.file_path] == writer.file_path.read_bytes()
    metadata = (tmp_path / "trial" / "metadata.yaml").read_bytes()
    assert metadata in disk.contents.values()


def test_a_slow_disk_does_not_hold_up_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, delay_s=0.5)
    writer = BagWriter(tmp_path / "trial", sync_s=0.01)
    try:
        wait_for(lambda: disk.flushes == 0)
        begin_s = time.monotonic()
        for index in range(50):
            frame = thermal_frame(index)
            message = thermal_message(schema.message, frame)
            writer.write(schema.THERMAL_IMAGE, frame.stamp_ns, message)
            writer.flush()
        # Fifty flushes of half a second each would have taken 25 s.
        assert disk.flushes < (time.monotonic() - begin_s) / 0.5 + 1
        wait_for(lambda: disk.flushes >= 1)
    finally:
        writer.close()
    with BagReader(tmp_path / "trial") as bag:
        assert len(list(bag.thermal_frames())) == 50


def test_a_disk_that_fails_later_is_told_to_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def fail(_: int) -> None:
        failed.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    writer = BagWriter(tmp_path / "trial")
    writer.flush()
    assert failed.wait(10.0)
    wait_for(lambda: writer._sync._error is not None)
    with pytest.raises(StorageError, match=r"cannot write to .*trial: Input/output error"):
        writer.flush()
    with pytest.raises(StorageError):
        writer.abort()


def test_nothing_is_flushed_if_nothing_is_new_or_if_it_is_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    with (tmp_path / "x").open("wb") as stream:
        off = DiskSync(stream.fileno(), 0.0)
        off.request()
        off.stop()
        sync = DiskSync(stream.fileno(), 0.01)
        sync.request()
        wait_for(lambda: disk.flushes == 1)
        sync.stop()
        sync.abandon()
    assert disk.flushes == 1
