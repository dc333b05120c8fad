# SPDX-License-Identifier: Apache-2.0
"""Durable writing: whole or not at all, flushed, private on request, safe beside other writers."""

import errno
import os
import signal
import stat
import sys
import threading
from pathlib import Path

import pytest
from support.waiting import wait_for

from thermal_pose.errors import StorageError
from thermal_pose.files import parts_of, whole_file, write_whole


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_text_and_bytes_are_written_and_replace_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    write_whole(path, "12 °C")
    assert path.read_bytes() == "12 °C".encode()
    write_whole(path, b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


def test_a_block_that_raises_leaves_the_earlier_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "before")
    with pytest.raises(ZeroDivisionError), whole_file(path) as stream:
        stream.write(b"half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_file_and_folder_are_flushed_before_and_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(handle: int) -> None:
        steps.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    def note_replace(part: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(part, target)

    monkeypatch.setattr("thermal_pose.files.os.fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    write_whole(tmp_path / "new" / "a.txt", "text")
    # The new folder's name, the content, then the file's name.
    assert steps[0] == str(tmp_path)
    assert steps[1].startswith(str(tmp_path / "new" / ".a.txt."))
    assert steps[2:] == ["rename", str(tmp_path / "new")]


def test_private_files_are_for_the_owner_only_also_over_a_public_one(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        path = tmp_path / "reports" / "a.txt"
        write_whole(path, "private", private=True)
        assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
        write_whole(tmp_path / "b.txt", "public")
        assert mode_of(tmp_path / "b.txt") == 0o644
        write_whole(tmp_path / "b.txt", "private", private=True)
        assert mode_of(tmp_path / "b.txt") == 0o600
    finally:
        os.umask(umask)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_is_one_error_and_the_earlier_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "before")

    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("thermal_pose.files.os.fsync", fail)
    with pytest.raises(StorageError, match=rf"cannot write .*a\.txt: {os.strerror(code)}"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_or_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="folder: Is a directory"):
        write_whole(tmp_path / "folder", "text")
    write_whole(tmp_path / "file", "text")
    with pytest.raises(StorageError, match=r"cannot write .*file/a\.txt: .*file is not a folder"):
        write_whole(tmp_path / "file" / "a.txt", "text")


def test_links_are_followed_and_devices_written_directly(tmp_path: Path) -> None:
    write_whole(tmp_path / "real.txt", "old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_whole(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    write_whole(Path("/dev/null"), "gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_what_a_killed_writer_left_is_found_and_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    child = os.fork()
    if child == 0:
        with whole_file(path) as stream:
            stream.write(b"half")
            stream.flush()
            signal.pause()
        os._exit(0)
    wait_for(lambda: len(parts_of(path)) == 1, timeout_s=30.0)
    wait_for(lambda: parts_of(path)[0].stat().st_size == 4, timeout_s=30.0)
    # While the other one writes, its part is left alone.
    write_whole(path, "mine")
    assert len(parts_of(path)) == 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert path.read_text() == "mine"
    write_whole(path, "again")
    assert parts_of(path) == []
    assert path.read_text() == "again"


def test_other_files_are_not_taken_for_parts(tmp_path: Path) -> None:
    for name in (".a.txt.part", ".a.txt.0123abcd.part", ".a.txt.b.0123abcd.part", "a.txt.part"):
        (tmp_path / name).touch()
    assert [part.name for part in parts_of(tmp_path / "a.txt")] == [
        ".a.txt.0123abcd.part",
        ".a.txt.part",
    ]
    assert parts_of(tmp_path / "missing" / "a.txt") == []


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    failed: list[BaseException] = []

    def write(letter: str) -> None:
        try:
            for _ in range(20):
                write_whole(path, letter * 10_000)
        except BaseException as error:
            failed.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failed == []
    content = path.read_text()
    assert content == content[0] * 10_000
    assert list(tmp_path.iterdir()) == [path]
