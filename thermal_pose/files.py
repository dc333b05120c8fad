# SPDX-License-Identifier: Apache-2.0
"""Durable writing: a file appears whole or not at all, and survives a power cut once written.

The content goes to a temporary file beside the target, is flushed to the disk, and then takes
the target's name in one step. The folder is flushed as well, because the new name lives there.
Every process uses a temporary name of its own, so several may write the same file: the last one
wins and none of them mixes with another.
"""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from thermal_pose.errors import StorageError

#: Ending of the temporary names.
PART_SUFFIX: Final = ".part"
#: Some network and user-space file systems refuse to flush a folder or to lock a file.
_NOT_SUPPORTED: Final = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EBADF)


def write_whole(path: Path, content: bytes | str, *, private: bool = False) -> None:
    """Write a file durably, as a whole or not at all.

    Parameters
    ----------
    path : file to write or replace; its folder is created if it is missing.
    content : text is written as UTF-8.
    private : let only the owner read it (mode 0600; created folders 0700).

    Raises
    ------
    StorageError
        The disk is full, the folder is read-only, or the path cannot be a file. An earlier file
        at the path is left unchanged.
    """
    with whole_file(path, private=private) as stream:
        # File names may hold bytes that are not UTF-8; they come here as lone surrogates.
        stream.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)


def claim_whole(path: Path, content: bytes | str, *, private: bool = False) -> bool:
    """Write a file as `write_whole` does if the name is free; return whether it was.

    Of several processes that claim the same name at the same time, exactly one succeeds.

    Raises
    ------
    StorageError
        As in `write_whole`.
    """
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    try:
        make_folder(path.parent, private=private)
        with _part_of(path, 0o600 if private else 0o666) as (part, stream):
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            try:
                os.link(part, path)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in (*_NOT_SUPPORTED, errno.EPERM, errno.EMLINK):
                    raise
                # A file system without hard links: take the name first.
                try:
                    path.open("xb").close()
                except FileExistsError:
                    return False
                part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    return True


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Yield a binary stream whose content becomes the file when the block ends.

    If the block raises, the target is unchanged and the temporary file is removed. A link is
    followed. A device or pipe such as `/dev/stdout` is written directly.

    Parameters
    ----------
    path, private : as in `write_whole`.

    Raises
    ------
    StorageError
        As in `write_whole`; also for an `OSError` that the block raises.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        make_folder(target.parent, private=private)
        _remove_abandoned_parts(target)
        with _part_of(target, 0o600 if private else 0o666) as (part, stream):
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            part.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def make_folder(folder: Path, *, private: bool = False) -> None:
    """Create a folder and its missing parents durably; an existing folder is left unchanged.

    Raises
    ------
    OSError
        It cannot be created, or a file has its name.
    """
    if folder.is_dir():
        return
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder", folder)
    make_folder(folder.parent, private=private)
    folder.mkdir(mode=0o700 if private else 0o777, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk, so that new and removed names last.

    Raises
    ------
    OSError
        The disk reports an error.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    finally:
        os.close(handle)


def parts_of(path: Path) -> list[Path]:
    """Return the temporary files of `path` that are being written or were left by a kill."""
    start, end = f".{path.name}.", PART_SUFFIX
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [
        path.parent / name
        for name in names
        if name == f".{path.name}{end}" or (name.startswith(start) and _is_part(name[len(start) :]))
    ]


def _is_part(rest: str) -> bool:
    token, dot, suffix = rest.partition(".")
    return f"{dot}{suffix}" == PART_SUFFIX and len(token) == 8


@contextmanager
def _part_of(target: Path, mode: int) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a new, locked temporary file beside the target; remove it unless it was renamed."""
    part, stream = _open_part(target, mode)
    try:
        with stream:
            yield part, stream
    finally:
        part.unlink(missing_ok=True)


def _open_part(target: Path, mode: int) -> tuple[Path, BinaryIO]:
    while True:
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}{PART_SUFFIX}")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        stream = os.fdopen(handle, "wb")
        _lock(stream, fcntl.LOCK_EX)
        # Between creation and lock, another writer may have taken the file for an abandoned one.
        if part.exists():
            return part, stream
        stream.close()


def _remove_abandoned_parts(target: Path) -> None:
    """Remove unlocked parts that killed writers of the same file left behind."""
    for part in parts_of(target):
        try:
            with part.open("rb") as stream:
                if _lock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    part.unlink(missing_ok=True)
        except OSError:
            # Removed meanwhile, or owned by another user: writing can go on.
            continue


def _lock(stream: BinaryIO, how: int) -> bool:
    try:
        fcntl.flock(stream, how)
    except OSError as error:
        if error.errno in (*_NOT_SUPPORTED, errno.EWOULDBLOCK):
            return False
        raise
    return True
