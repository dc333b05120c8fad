# SPDX-License-Identifier: Apache-2.0
"""Repair: killed writers, cut files, flipped bits; judged by opening and counting."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import faults
from support.trials import STEP_NS, write_trial

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.repair import repair
from thermal_pose.errors import BagCorruptError, BagError, BagNotFoundError

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


def test_a_whole_recording_is_left_alone(tmp_path: Path) -> None:
    write_trial(tmp_path / "trial")
    before = (tmp_path / "trial" / "trial_0.mcap").read_bytes()
    result = repair(tmp_path / "trial")
    assert result.was_whole
    assert result.messages == 48
    assert (tmp_path / "trial" / "trial_0.mcap").read_bytes() == before


@pytest.mark.parametrize("share", [0.95, 0.6, 0.3])
def test_a_cut_recording_keeps_all_but_its_last_half_second(tmp_path: Path, share: float) -> None:
    write_trial(tmp_path / "trial")
    mcap = tmp_path / "trial" / "trial_0.mcap"
    data = mcap.read_bytes()
    mcap.write_bytes(data[: round(share * len(data))])
    (tmp_path / "trial" / "metadata.yaml").unlink()
    result = repair(tmp_path / "trial")
    assert not result.was_whole
    assert result.damaged_path is not None
    assert result.damaged_path.exists()
    with BagReader(tmp_path / "trial") as bag:
        frames = list(bag.thermal_frames())
        assert bag.message_count == result.messages
    expected = 24 * share - 0.5e9 / STEP_NS - 1
    assert len(frames) >= expected
    assert len(list((tmp_path / "trial").iterdir())) == 3


@pytest.mark.faults
def test_damage_at_any_byte_is_repaired_or_one_clear_error(tmp_path: Path) -> None:
    """Cut anywhere, or some bytes wrong, with its metadata or without."""
    count, rng, repaired = faults.times(few=40, full=1000), random.Random(1), 0
    write_trial(tmp_path / "trial", 10)
    data = (tmp_path / "trial" / "trial_0.mcap").read_bytes()
    metadata = (tmp_path / "trial" / "metadata.yaml").read_bytes()
    for number in range(count):
        path = tmp_path / str(number)
        path.mkdir()
        damaged = bytearray(data)
        if number % 2:
            del damaged[rng.randrange(len(data)) :]
        else:
            for _ in range(rng.randint(1, 6)):
                place = rng.choice([rng.randrange(400), len(data) - 1 - rng.randrange(2500)])
                damaged[place if number % 4 else rng.randrange(len(data))] = rng.randrange(256)
        (path / f"{number}_0.mcap").write_bytes(damaged)
        if number % 3:
            text = metadata.replace(b"trial_0", f"{number}_0".encode())
            (path / "metadata.yaml").write_bytes(text)
        with contextlib.suppress(BagError), BagReader(path) as bag:
            list(bag.messages())
        with contextlib.suppress(BagError):
            kept = repair(path).messages
            with BagReader(path) as bag:
                assert sum(1 for _ in bag.messages()) == kept
            repaired += 1
        shutil.rmtree(path)
    assert repaired > count / 3
    faults.record(
        "recording cut at any byte, or with wrong bytes",
        count,
        f"{repaired} repaired, the rest refused in one sentence; none crashed a reader",
    )


def test_a_flipped_bit_costs_one_chunk_only(tmp_path: Path) -> None:
    write_trial(tmp_path / "trial")
    mcap = tmp_path / "trial" / "trial_0.mcap"
    data = bytearray(mcap.read_bytes())
    data[len(data) // 2] ^= 1
    mcap.write_bytes(data)
    result = repair(tmp_path / "trial")
    assert 48 - 12 <= result.messages < 48
    with BagReader(tmp_path / "trial") as bag:
        assert bag.custom_data == {"subject_id": "S01", "repaired": "true"}


def test_lost_metadata_is_written_again(tmp_path: Path) -> None:
    write_trial(tmp_path / "trial")
    (tmp_path / "trial" / "metadata.yaml").unlink()
    assert repair(tmp_path / "trial").messages == 48


def test_what_cannot_be_repaired_says_so(tmp_path: Path) -> None:
    with pytest.raises(BagNotFoundError):
        repair(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagCorruptError, match=r"expected a folder with one \.mcap"):
        repair(tmp_path / "empty")
    (tmp_path / "empty" / "empty_0.mcap").write_bytes(bytes(1000))
    with pytest.raises(BagCorruptError, match="no MCAP"):
        repair(tmp_path / "empty")


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
