# SPDX-License-Identifier: Apache-2.0
"""Completes a recording whose recorder was killed, or saves what damaged files still hold.

Every readable message of every storage file is copied into one new MCAP file, with its type as
recorded. The new file takes effect in one step: for a folder, when `metadata.yaml` names it; for a
single file, when it takes the file's name. A kill at any moment leaves either the old files or the
new one to be read. The old files stay as `*.damaged`; nothing that has such a name is overwritten.
Success is judged by reading the result from end to end and counting.
"""

import fcntl
import heapq
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from thermal_pose.bags.metadata import (
    METADATA_NAME,
    REPAIRED,
    REPLACED_FILES,
    Metadata,
    read_metadata,
    storage_files,
)
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.salvage import SavedMessage, readable_messages
from thermal_pose.bags.writer import BagWriter
from thermal_pose.errors import BagCorruptError, BagError, BagNotFoundError, StorageError
from thermal_pose.files import sync_folder

_SCRATCH: Final = ".repair-"
#: Suffixes of the files that SQLite keeps beside an open database.
_JOURNALS: Final = ("-wal", "-journal", "-shm")


@dataclass(frozen=True)
class RepairResult:
    """The outcome of a repair.

    Attributes
    ----------
    path : the recording now.
    was_whole : there was nothing to do.
    messages : number in the recording now.
    promised : number that the damaged recording promised; None if it promised nothing.
    damaged_paths : the old files, unchanged.
    """

    path: Path
    was_whole: bool
    messages: int
    promised: int | None = None
    damaged_paths: tuple[Path, ...] = ()


def repair(path: Path) -> RepairResult:
    """Make a recording whole.

    Parameters
    ----------
    path : folder of the recording, or one of its files, or a single .mcap or .db3 file.

    Raises
    ------
    BagNotFoundError
        Nothing is at the path.
    BagCorruptError
        It holds no storage file, or not one readable message.
    StorageError
        The folder cannot be written.
    """
    if not path.exists():
        raise BagNotFoundError(f"no recording at {path}")
    path = _recording_of(path)
    if (count := _count_if_whole(path)) is not None:
        _set_replaced_files_aside(path)
        return RepairResult(path, True, count)
    try:
        with _only_repair(path if path.is_dir() else path.parent):
            return _repair_folder(path) if path.is_dir() else _repair_file(path)
    except OSError as error:
        raise StorageError(f"cannot repair {path}: {error.strerror or error}") from error


@contextmanager
def _only_repair(folder: Path) -> Iterator[None]:
    """Hold the folder against a second repair, and clear what a killed one left."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(f"another repair is at work in {folder}") from None
        for left in folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def _recording_of(path: Path) -> Path:
    """The folder that a storage file belongs to, or the path itself."""
    folder = path.parent
    if path.is_dir():
        return path
    named = (folder / METADATA_NAME).exists() or path.name.startswith(f"{folder.resolve().name}_")
    return folder if named and path in storage_files(folder) else path


def _count_if_whole(path: Path) -> int | None:
    """Number of messages, all of them read; None if the recording is not whole."""
    try:
        with BagReader(path) as bag:
            return sum(1 for _ in bag.raw_messages())
    except BagError:
        return None


def _repair_folder(path: Path) -> RepairResult:
    old = _old_metadata(path)
    sources = _sources(path, old)
    fresh = _new_name(path, {*old.files, *(source.name for source in sources)})
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=path) as scratch:
        written = Path(scratch) / path.name
        custom = {**old.custom_data, "repaired": "true"}
        custom[REPLACED_FILES] = "/".join(source.name for source in sources)
        _rewrite(sources, written, fresh.name, custom)
        (written / fresh.name).replace(fresh)
        sync_folder(path)
        (written / METADATA_NAME).replace(path / METADATA_NAME)
        sync_folder(path)
    damaged = tuple(_set_aside(source) for source in sources)
    return _judged(path, old, damaged)


def _repair_file(path: Path) -> RepairResult:
    fresh = path.with_name(path.name.removesuffix(".zstd")).with_suffix(".mcap")
    if fresh != path and fresh.exists():
        raise StorageError(
            f"{fresh} already exists and is not overwritten: move it and repair again"
        )
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=path.parent) as scratch:
        written = Path(scratch) / path.stem
        _rewrite([path], written, fresh.name, {})
        damaged = _set_aside(path, keep=True)
        (written / fresh.name).replace(fresh)
        if fresh != path:
            path.unlink()
        sync_folder(path.parent)
    return _judged(fresh, Metadata((path.name,)), (damaged,))


def _judged(path: Path, old: Metadata, damaged: tuple[Path, ...]) -> RepairResult:
    count = _count_if_whole(path)
    if count is None:
        raise BagCorruptError(
            f"{path} is damaged beyond repair; the original is {', '.join(map(str, damaged))}"
        )
    promised = sum(old.counts.values()) or None
    return RepairResult(path, False, count, promised, damaged)


def _old_metadata(path: Path) -> Metadata:
    try:
        return read_metadata(path)
    except BagCorruptError:
        return Metadata(())


def _sources(path: Path, old: Metadata) -> list[Path]:
    """The files to copy: those in use and those that the metadata does not name yet."""
    replaced = set(old.custom_data.get(REPLACED_FILES, "").split("/"))
    files = storage_files(path)
    sources = [
        file
        for file in files
        if file.name in old.files or (file.name not in replaced and REPAIRED not in file.name)
    ]
    if not old.files and not sources:
        sources = files  # an earlier repair, whose metadata is lost
    if not sources:
        raise BagCorruptError(f"{path}: expected a folder with .mcap or .db3 files, found none")
    return sources


def _new_name(path: Path, taken: set[str]) -> Path:
    """A name that no file in use has."""
    names = (f"{path.name}{REPAIRED}{number}.mcap" for number in itertools.count())
    return path / next(name for name in names if name not in taken)


def _rewrite(sources: list[Path], folder: Path, file_name: str, custom: dict[str, str]) -> None:
    messages = _in_log_order(sources)
    first = next(messages, None)
    if first is None:
        names = ", ".join(str(source) for source in sources)
        raise BagCorruptError(f"{names}: not one whole message can be read")
    private = all(source.stat().st_mode & 0o077 == 0 for source in sources)
    with BagWriter(
        folder, sync_s=0, file_name=file_name, private=private, custom_data=custom
    ) as writer:
        for message in itertools.chain([first], messages):
            writer.add_recorded_topic(message.topic, message.recorded)
            writer.write_raw(message.topic, message.log_ns, message.cdr)


def _in_log_order(sources: list[Path]) -> Iterator[SavedMessage]:
    """Messages of all files; files that overlap in time are merged."""
    readable: list[Iterator[SavedMessage]] = []
    refused: list[BagCorruptError] = []
    for source in sources:
        messages = readable_messages(source)
        try:
            readable.append(itertools.chain([next(messages)], messages))
        except StopIteration:
            continue
        except BagCorruptError as error:
            refused.append(error)
    if refused and not readable:
        raise refused[0]
    return heapq.merge(*readable, key=lambda message: message.log_ns)


def _set_replaced_files_aside(path: Path) -> None:
    """Finish a repair that was killed after its last step that matters."""
    if not path.is_dir():
        return
    metadata = _old_metadata(path)
    replaced = metadata.custom_data.get(REPLACED_FILES, "").split("/")
    for file in storage_files(path):
        if file.name in replaced and file.name not in metadata.files:
            with suppress(OSError):
                _set_aside(file)


def _set_aside(file: Path, keep: bool = False) -> Path:
    """Rename a file to `*.damaged`, or with `keep` add that name; return it."""
    numbers = itertools.chain([""], (f"-{n}" for n in itertools.count(2)))
    for number in numbers:
        target = file.with_name(f"{file.name}.damaged{number}")
        try:
            # Unlike a rename, a link never replaces an existing file.
            os.link(file, target)
        except FileExistsError:
            continue
        except OSError:
            if target.exists():
                continue
            shutil.copy2(file, target)  # a file system without hard links
        for journal in _JOURNALS:
            if (left := file.with_name(file.name + journal)).exists():
                left.replace(target.with_name(target.name + journal))
        if not keep:
            file.unlink()
        return target
    raise AssertionError("unreachable")
