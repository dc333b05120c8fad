# SPDX-License-Identifier: Apache-2.0
"""The storage files of one recording, opened together: MCAP or SQLite, split, compressed, or alone.

`rosbags` reads each file; what belongs to the recording as a whole is done here. It drops topics
whose QoS differs between `metadata.yaml` and the file, and chunks without a message index, both
silently; topics are therefore matched by name only, and every chunk is read.
"""

import struct
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import apsw
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader, ReaderError, storage_mcap

from thermal_pose.bags.inflate import (
    MAX_CHUNK_BYTES,
    MAX_HELD_BYTES,
    InflationError,
    check_inflated,
    inflate,
    inflate_file,
    inflate_message,
    inflated_limit,
)
from thermal_pose.bags.metadata import (
    METADATA_NAME,
    Metadata,
    read_metadata,
    storage_files,
    unnamed_files,
)
from thermal_pose.errors import BagCorruptError

#: Exceptions of the libraries on damaged files.
UNREADABLE: Final = (
    ReaderError,
    apsw.Error,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    AssertionError,
    MemoryError,
    struct.error,
)

# `rosbags` hands the declared size to these functions and does not use it; ours keep to it.
storage_mcap.DECOMPRESSORS.update(
    zstd=lambda data, size: inflate(data, "zstd", size),
    lz4=lambda data, size: inflate(data, "lz4", size),
)


@dataclass(frozen=True)
class StoredTopic:
    """One recorded topic; `count` is the number of messages that the recording promises."""

    name: str
    type_name: str
    count: int
    digest: str


class Storage:
    """All files of one recording.

    Parameters
    ----------
    path : a rosbag2 folder with `metadata.yaml`, or a single .mcap or .db3 file.

    Raises
    ------
    BagCorruptError
        It was not finished, is damaged, inflates beyond all measure, or is not a recording.
    """

    def __init__(self, path: Path) -> None:
        self._stack = ExitStack()
        self._readers: list[Reader] = []
        try:
            self._open(path)
        except UNREADABLE as error:
            self.close()
            raise_corrupt(path, error)
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path) -> None:
        folder = path if path.is_dir() else None
        self.metadata = read_metadata(path) if folder else Metadata((path.name,))
        if folder:
            _check_files(path, self.metadata)
        for name in self.metadata.files:
            file = path / name if folder else path
            self._readers.append(self._reader(file))
        times = [(r.start_time, r.end_time - 1) for r in self._readers if r.message_count]
        self.start_ns = min((start for start, _ in times), default=0)
        self.end_ns = max((end for _, end in times), default=0)
        self.topics = self._topics()

    def _reader(self, file: Path) -> Reader:
        if file.stat().st_size == 0:
            raise BagCorruptError(f"{file} is empty")
        if self.metadata.compression_mode == "file":
            file = self._inflated(file)
        if file.suffix == ".db3":
            file = self._plain_sqlite(file)
        reader = Reader(file)
        reader.open()
        self._stack.callback(reader.close)
        if isinstance(reader.storage, storage_mcap.McapReader):
            _check_chunks(file, reader.storage.chunks)
            _read_every_chunk(reader.storage)
        return reader

    def _inflated(self, file: Path) -> Path:
        target = self._scratch() / file.stem
        if not inflate_file(file, target):
            raise InflationError("its compressed data is damaged or cut off")
        return target

    def _plain_sqlite(self, file: Path) -> Path:
        """A path that SQLite's addresses can hold: without '#', '?' and '%'."""
        for journal in (f"{file.name}-wal", f"{file.name}-journal"):
            pending = file.with_name(journal)
            if pending.exists() and pending.stat().st_size:
                raise InflationError(f"it was not finished: {journal} is left")
        if not any(sign in str(file) for sign in "#?%"):
            return file
        link = self._scratch() / "recording.db3"
        link.symlink_to(file.resolve())
        return link

    def _scratch(self) -> Path:
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="thermal_pose-")))

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        self._readers.clear()
        self._stack.close()

    def _topics(self) -> dict[str, StoredTopic]:
        found: dict[str, StoredTopic] = {}
        for reader in self._readers:
            for connection in reader.connections:
                name = connection.topic
                before = found.get(name)
                found[name] = StoredTopic(
                    name,
                    before.type_name if before else connection.msgtype,
                    connection.msgcount + (before.count if before else 0),
                    self.metadata.digests.get(name) or _digest(reader, connection),
                )
        for name, count in self.metadata.counts.items():
            if name in found and found[name].count < count:
                topic = found[name]
                found[name] = StoredTopic(name, topic.type_name, count, topic.digest)
        return {name: found[name] for name in sorted(found)}

    def messages(
        self,
        topics: Collection[str] | None = None,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> Iterator[tuple[str, str, int, bytes]]:
        """Yield (topic, type, log time in ns, serialised message), file by file in log order.

        Raises
        ------
        Exception
            One of `UNREADABLE` where a file is damaged.
        """
        for reader in self._readers:
            chosen = [c for c in reader.connections if topics is None or c.topic in topics]
            if not chosen:
                continue
            for connection, log_ns, data in reader.messages(chosen, start_ns, stop_ns):
                yield connection.topic, connection.msgtype, log_ns, inflate_message(bytes(data))


def raise_corrupt(path: Path, error: Exception) -> NoReturn:
    """Raise a `BagCorruptError` with the library's reason and what to do."""
    detail = str(error).rstrip(".") or type(error).__name__
    raise BagCorruptError(
        f"{path} is truncated, damaged or not a ROS 2 recording ({detail}); "
        f"`thermal-pose repair {path}` saves what can be read"
    ) from error


def open_storage(path: Path) -> Storage:
    """Open a recording.

    Raises
    ------
    BagCorruptError
        As `Storage`; also for a folder without `metadata.yaml`.
    """
    if path.is_dir() and not (path / METADATA_NAME).exists():
        if storage_files(path):
            raise BagCorruptError(
                f"{path} was not finished (it has no metadata.yaml): "
                f"run `thermal-pose repair {path}`"
            )
        raise BagCorruptError(f"{path} is a folder without a recording in it")
    if path.is_file() and path.stat().st_size == 0:
        raise BagCorruptError(f"{path} is empty")
    return Storage(path)


def _check_files(folder: Path, metadata: Metadata) -> None:
    missing = [name for name in metadata.files if not (folder / name).is_file()]
    if missing:
        raise InflationError(f"missing: {', '.join(missing)}")
    if unnamed := unnamed_files(folder, metadata):
        raise InflationError(f"metadata.yaml does not name {', '.join(unnamed)}")


def _check_chunks(file: Path, chunks: list[Any]) -> None:
    """Refuse chunks that are too large, each, together, or held at the same time."""
    sizes = [chunk.uncompressed_size for chunk in chunks if chunk.compression]
    if max(sizes, default=0) > MAX_CHUNK_BYTES:
        raise BagCorruptError(
            f"{file} declares a chunk of {max(sizes) / 1e6:.0f} MB; at most "
            f"{MAX_CHUNK_BYTES / 1e6:.0f} MB are inflated"
        )
    check_inflated(file, sum(sizes), inflated_limit(file.stat().st_size))
    changes = [
        change
        for chunk in chunks
        for change in (
            (chunk.message_start_time, 0, chunk.uncompressed_size),
            (chunk.message_end_time, 1, -chunk.uncompressed_size),
        )
    ]
    held = 0
    for _, _, change in sorted(changes):
        held += change
        if held > MAX_HELD_BYTES:
            raise BagCorruptError(
                f"{file} has chunks of more than {MAX_HELD_BYTES / 1e6:.0f} MB at the same time"
            )


def _read_every_chunk(storage: storage_mcap.McapReader) -> None:
    """Make the library read chunks without a message index, and count uncounted ones."""
    uncounted = False
    for chunk in storage.chunks:
        if not chunk.channel_count:
            chunk.channel_count.update(dict.fromkeys(storage.channels, 1))
            uncounted = True
    statistics = storage.statistics
    if not uncounted or (statistics and sum(statistics.channel_message_counts.values())):
        return
    counts: dict[int, int] = {}
    times = []
    for connection, log_ns, _ in storage.messages(storage.connections):
        counts[connection.id] = counts.get(connection.id, 0) + 1
        times.append(log_ns)
    storage.connections = [c._replace(msgcount=counts.get(c.id, 0)) for c in storage.connections]
    storage.metadata = storage.metadata._replace(
        message_count=len(times),
        start_time=min(times, default=0),
        end_time=max(times, default=0) + 1,
    )


def _digest(reader: Reader, connection: Connection) -> str:
    """The type hash that the file itself notes; '' if there is none."""
    if connection.digest or not isinstance(reader.storage, storage_mcap.McapReader):
        return connection.digest
    channel = reader.storage.channels.get(connection.id)
    return channel_metadata(channel.metadata).get("topic_type_hash", "") if channel else ""


def channel_metadata(raw: bytes) -> dict[str, str]:
    """Return the pairs that an MCAP channel carries, from their serialised form."""
    texts = []
    place = 0
    while place + 4 <= len(raw):
        (length,) = struct.unpack_from("<I", raw, place)
        texts.append(raw[place + 4 : place + 4 + length].decode(errors="replace"))
        place += 4 + length
    return dict(zip(texts[::2], texts[1::2], strict=False))
