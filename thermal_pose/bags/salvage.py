# SPDX-License-Identifier: Apache-2.0
"""Reads what a damaged storage file still holds: whole chunks of MCAP, readable rows of SQLite."""

import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mcap.exceptions import McapError
from mcap.records import Channel, Chunk, Message, Schema
from mcap.stream_reader import StreamReader, breakup_chunk

from thermal_pose.bags import schema
from thermal_pose.bags.inflate import (
    MAX_CHUNK_BYTES,
    InflationError,
    check_inflated,
    inflate,
    inflate_file,
    inflate_message,
    inflated_limit,
)
from thermal_pose.bags.writer import RecordedType
from thermal_pose.errors import BagCorruptError

_MAGIC: Final = b"\x89MCAP0\r\n"
_BROKEN: Final = (
    McapError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    struct.error,
)
#: Rows of a damaged database that are tried beyond its last readable one.
_MAX_UNREADABLE_ROWS: Final = 10_000


@dataclass(frozen=True)
class SavedMessage:
    """One readable message of a damaged file."""

    topic: str
    recorded: RecordedType
    log_ns: int
    cdr: bytes


def readable_messages(file: Path) -> Iterator[SavedMessage]:
    """Yield every message that can still be read, of any type, known here or not.

    Chunks with a wrong checksum are skipped, and so is everything behind the first record that is
    cut off.

    Parameters
    ----------
    file : .mcap or .db3, or either compressed as a whole (.zstd).

    Raises
    ------
    BagCorruptError
        It is neither, or inflates to more than a recording of its size can hold.
    OSError
        It cannot be read, or the disk for temporary files is full.
    """
    with tempfile.TemporaryDirectory(prefix="thermal_pose-") as scratch:
        if file.suffix == ".zstd":
            packed, file = file, Path(scratch) / file.stem
            inflate_file(packed, file)
            if file.stat().st_size < len(_MAGIC):
                raise BagCorruptError(f"{packed}: its compressed data is damaged from the start")
        found = _sqlite(file, Path(scratch)) if file.suffix == ".db3" else _mcap(file)
        for message in found:
            try:
                yield replace(message, cdr=inflate_message(message.cdr))
            except InflationError:
                continue


def _mcap(file: Path) -> Iterator[SavedMessage]:
    schemas: dict[int, Schema] = {}
    topics: dict[int, tuple[str, RecordedType]] = {}
    for record in _sound_records(file):
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel):
            if record.schema_id in schemas:
                found = schemas[record.schema_id]
                recorded = RecordedType(found.name, found.encoding, found.data, record.metadata)
                topics[record.id] = (record.topic, recorded)
        elif isinstance(record, Message) and record.channel_id in topics:
            yield SavedMessage(*topics[record.channel_id], record.log_time, record.data)


def _sound_records(file: Path) -> Iterator[object]:
    limit, inflated = inflated_limit(file.stat().st_size), 0
    with file.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise BagCorruptError(f"{file} is not an MCAP file")
        stream.seek(0)
        reader = StreamReader(
            stream, emit_chunks=True, validate_crcs=False, record_size_limit=MAX_CHUNK_BYTES
        )
        records = reader.records
        while (record := _next_record(records)) is not None:
            if isinstance(record, Chunk):
                inflated += record.uncompressed_size if record.compression else 0
                check_inflated(file, inflated, limit)
                yield from _chunk_records(record)
            else:
                yield record


def _next_record(records: Iterator[object]) -> object | None:
    """The next record; None at the end and at the first one that is not whole."""
    try:
        return next(records, None)
    except _BROKEN:
        return None


def _chunk_records(chunk: Chunk) -> Sequence[object]:
    """The records of a chunk; none if it is damaged."""
    try:
        data = inflate(chunk.data, chunk.compression, chunk.uncompressed_size)
        return breakup_chunk(replace(chunk, data=data, compression=""), validate_crc=True)
    except _BROKEN:
        return ()


def _sqlite(file: Path, scratch: Path) -> Iterator[SavedMessage]:
    """Rows of a copy, so that the journal of a killed recorder can be applied to it."""
    copy = scratch / "copy.db3"
    for suffix in ("", "-wal", "-journal"):
        part = file.with_name(file.name + suffix)
        if part.exists():
            shutil.copyfile(part, copy.with_name(copy.name + suffix))
    try:
        with closing(sqlite3.connect(copy)) as database:
            topics = _sqlite_topics(database)
            for number in _row_numbers(database):
                row = _row(database, number)
                if row is not None and row[0] in topics:
                    yield SavedMessage(*topics[row[0]], row[1], row[2])
    except sqlite3.Error as error:
        raise BagCorruptError(f"{file} is not a readable SQLite recording: {error}") from error


def _sqlite_topics(database: sqlite3.Connection) -> dict[int, tuple[str, RecordedType]]:
    columns = {row[1] for row in database.execute("PRAGMA table_info(topics)")}
    qos = "offered_qos_profiles" if "offered_qos_profiles" in columns else "''"
    digest = "type_description_hash" if "type_description_hash" in columns else "''"
    definitions = _definitions(database)
    topics = {}
    rows = database.execute(f"SELECT id, name, type, {qos}, {digest} FROM topics")
    for number, name, type_name, profiles, type_hash in rows:
        encoding, text = definitions.get(type_name) or _known_definition(type_name)
        channel = {"offered_qos_profiles": profiles or "", "topic_type_hash": type_hash or ""}
        topics[number] = (name, RecordedType(type_name, encoding, text, channel))
    return topics


def _definitions(database: sqlite3.Connection) -> dict[str, tuple[str, bytes]]:
    try:
        rows = database.execute(
            "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
        ).fetchall()
    except sqlite3.Error:
        return {}
    return {name: (encoding, text.encode()) for name, encoding, text in rows if text}


def _known_definition(type_name: str) -> tuple[str, bytes]:
    """Encoding and text of a type that ROS 2 or this package has; empty for any other."""
    if type_name in schema.typestore().types:
        return "ros2msg", schema.schema_text(type_name).encode()
    return "", b""


def _row_numbers(database: sqlite3.Connection) -> Iterator[int]:
    try:
        (last,) = database.execute("SELECT max(id) FROM messages").fetchone()
        yield from range(1, (last or 0) + 1)
    except sqlite3.Error:
        # The page with the last row is damaged: try until nothing is found any more.
        number = unreadable = 0
        while unreadable < _MAX_UNREADABLE_ROWS:
            number += 1
            unreadable = 0 if _row(database, number) is not None else unreadable + 1
            yield number


def _row(database: sqlite3.Connection, number: int) -> tuple[int, int, bytes] | None:
    try:
        row: tuple[int, int, bytes] | None = database.execute(
            "SELECT topic_id, timestamp, data FROM messages WHERE id = ?", (number,)
        ).fetchone()
    except sqlite3.Error:
        return None
    return row if row is not None and isinstance(row[2], bytes) and row[1] >= 0 else None
