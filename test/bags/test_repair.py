# SPDX-License-Identifier: Apache-2.0
"""Repair: killed writers, cut files, flipped bits; judged by opening and counting."""

import contextlib
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
import yaml
from rosbags.rosbag2 import Reader
from support import faults
from support.foreign_bags import (
    START_NS,
    images,
    log_times,
    profile,
    write_bag,
    write_db3,
    write_mcap,
    write_split,
)
from support.trials import STEP_NS, write_trial

from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.repair import repair
from thermal_pose.bags.writer import BagWriter
from thermal_pose.errors import BagCorruptError, BagError, BagNotFoundError


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
    assert [path.name for path in result.damaged_paths] == ["trial_0.mcap.damaged"]
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
        assert bag.custom_data == {
            "subject_id": "S01",
            "repaired": "true",
            "repaired_from": "trial_0.mcap",
        }


@pytest.mark.parametrize("metadata", [True, False])
def test_split_recordings_become_one_file(tmp_path: Path, metadata: bool) -> None:
    recorded = images(30)
    path = write_split(
        tmp_path / "trial", [recorded[:12], recorded[12:20], recorded[20:]], metadata
    )
    middle = path / "trial_1.mcap"
    middle.write_bytes(middle.read_bytes()[:-100])
    with pytest.raises(BagCorruptError, match=f"run `thermal-pose repair|repair {path}`"):
        BagReader(path)
    result = repair(path)
    assert (result.messages, result.promised) == (30, 30 if metadata else None)
    assert [file.name for file in result.damaged_paths] == [
        f"trial_{n}.mcap.damaged" for n in range(3)
    ]
    assert log_times(path) == [message[2] for message in recorded]


@pytest.mark.parametrize("given", ["the folder", "its file"])
def test_a_file_of_a_recording_repairs_the_recording(tmp_path: Path, given: str) -> None:
    path = write_bag(tmp_path / "trial", images(30))
    file = path / "trial_0.mcap"
    file.write_bytes(file.read_bytes()[:250_000])
    result = repair(path if given == "the folder" else file)
    assert result.path == path
    assert 20 <= result.messages < 30
    assert len(log_times(path)) == result.messages


def test_a_single_file_stays_a_single_file(tmp_path: Path) -> None:
    file = write_mcap(tmp_path / "from_a_stick.mcap", images(30))
    before = file.read_bytes()[:200_000]
    file.write_bytes(before)
    with pytest.raises(BagCorruptError, match=f"`thermal-pose repair {file}`"):
        BagReader(file)
    result = repair(file)
    assert result.path == file
    assert len(log_times(file)) == result.messages > 10
    assert (tmp_path / "from_a_stick.mcap.damaged").read_bytes() == before
    assert repair(file).was_whole
    assert len(list(tmp_path.iterdir())) == 2


def test_sqlite_without_metadata_and_alone(tmp_path: Path) -> None:
    path = write_db3(tmp_path / "trial", images(30))
    shutil.copy(path / "trial.db3", tmp_path / "alone.db3")
    (path / "metadata.yaml").unlink()
    with pytest.raises(BagCorruptError, match=f"not finished.*repair {path}`"):
        BagReader(path)
    assert repair(path).messages == 30
    assert repair(tmp_path / "alone.db3").was_whole
    damaged = bytearray((tmp_path / "alone.db3").read_bytes())
    damaged[200_000:201_000] = bytes(1000)
    (tmp_path / "alone.db3").write_bytes(damaged)
    with contextlib.suppress(BagCorruptError), BagReader(tmp_path / "alone.db3") as bag:
        list(bag.messages())
    damaged[100:5000] = bytes(4900)
    (tmp_path / "alone.db3").write_bytes(damaged)
    with pytest.raises(BagCorruptError, match=f"repair {tmp_path / 'alone.db3'}`"):
        log_times(tmp_path / "alone.db3")


def test_the_journal_of_a_killed_sqlite_recorder_is_used(tmp_path: Path) -> None:
    path = write_db3(tmp_path / "trial", images(20))
    file = path / "trial.db3"
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    for message in images(30)[20:]:
        row = (1, *message[2:])
        writer.execute("INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)", row)
        writer.commit()
    # A kill leaves the files as they are now; closing would tidy up.
    for suffix in ("", "-wal"):
        shutil.copy(path / f"trial.db3{suffix}", tmp_path / f"copy.db3{suffix}")
    writer.close()
    with pytest.raises(BagCorruptError, match=r"not finished: copy\.db3-wal is left"):
        BagReader(tmp_path / "copy.db3")
    result = repair(tmp_path / "copy.db3")
    assert (result.path, result.messages) == (tmp_path / "copy.mcap", 30)
    assert log_times(tmp_path / "copy.mcap") == [message[2] for message in images(30)]


def test_types_that_are_not_known_here_are_kept_with_their_definition(tmp_path: Path) -> None:
    foreign = [("/status", "acme_msgs/msg/Status", START_NS, b"\0\1\0\0*\0\0\0")]
    path = write_bag(
        tmp_path / "trial",
        [*foreign, *images(5)],
        definitions={"acme_msgs/msg/Status": "uint32 x"},
        qos=[profile("best_effort")],
    )
    (path / "metadata.yaml").unlink()
    assert repair(path).messages == 6
    with Reader(path) as bag:
        status, thermal = sorted(bag.connections, key=lambda c: c.topic)
        assert (status.topic, status.msgtype, status.msgcount) == (
            "/status",
            "acme_msgs/msg/Status",
            1,
        )
        assert status.msgdef.data == "uint32 x"
        assert [q.reliability.name for q in thermal.ext.offered_qos_profiles] == ["BEST_EFFORT"]
        assert [bytes(data) for _, _, data in bag.messages([status])] == [foreign[0][3]]


def test_policies_that_were_noted_as_numbers_get_their_names(tmp_path: Path) -> None:
    old = {**profile(), "history": 1, "reliability": 2, "durability": 2, "liveliness": 1}
    path = write_bag(tmp_path / "trial", images(5), qos=[old], version=8)
    (path / "metadata.yaml").unlink()
    repair(path)
    topic = yaml.safe_load((path / "metadata.yaml").read_text())["rosbag2_bagfile_information"][
        "topics_with_message_count"
    ][0]["topic_metadata"]
    assert topic["offered_qos_profiles"] == [profile("best_effort")]


def test_a_second_repair_keeps_the_first_original(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "trial", images(30))
    originals = []
    for _ in range(3):
        file = max(path.glob("*.mcap"), key=lambda found: found.stat().st_mtime_ns)
        file.write_bytes(file.read_bytes()[:-200])
        originals.append(file.read_bytes())
        assert repair(path).messages > 20
    kept = [file.read_bytes() for file in path.glob("*.damaged*")]
    assert sorted(map(len, kept)) == sorted(map(len, originals))
    assert all(original in kept for original in originals)


def test_names_of_kept_files_are_never_reused(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "trial", images(30))
    (path / "trial_0.mcap.damaged").write_bytes(b"someone's only copy")
    (path / "metadata.yaml").unlink()
    assert [file.name for file in repair(path).damaged_paths] == ["trial_0.mcap.damaged-2"]
    assert (path / "trial_0.mcap.damaged").read_bytes() == b"someone's only copy"


def test_an_earlier_repair_whose_metadata_is_lost_is_found_again(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "trial", images(30))
    (path / "metadata.yaml").unlink()
    repair(path)
    (path / "metadata.yaml").unlink()
    assert repair(path).messages == 30
    assert log_times(path) == [message[2] for message in images(30)]


def test_a_private_recording_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "trial"
    umask = os.umask(0o022)
    try:
        with BagWriter(path, private=True) as bag:
            bag.add_topic("/clock")
            bag.write_raw("/clock", 1, b"\0\1\0\0" + bytes(8))
        modes = {file.name: file.stat().st_mode & 0o777 for file in (path, *path.iterdir())}
        assert modes == {"trial": 0o700, "trial_0.mcap": 0o600, "metadata.yaml": 0o600}
        (path / "metadata.yaml").unlink()
        assert repair(path).messages == 1
    finally:
        os.umask(umask)
    assert all(file.stat().st_mode & 0o077 == 0 for file in (path, *path.iterdir()))


def test_lost_metadata_is_written_again(tmp_path: Path) -> None:
    write_trial(tmp_path / "trial")
    (tmp_path / "trial" / "metadata.yaml").unlink()
    assert repair(tmp_path / "trial").messages == 48


def test_what_cannot_be_repaired_says_so(tmp_path: Path) -> None:
    with pytest.raises(BagNotFoundError):
        repair(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagCorruptError, match=r"expected a folder with \.mcap or \.db3"):
        repair(tmp_path / "empty")
    (tmp_path / "empty" / "empty_0.mcap").write_bytes(bytes(1000))
    with pytest.raises(BagCorruptError, match="not an MCAP"):
        repair(tmp_path / "empty")
