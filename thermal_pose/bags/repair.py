# SPDX-License-Identifier: Apache-2.0
"""Completing a recording whose writer was killed, or saving what a damaged file still holds.

All whole chunks with a right checksum are read and written anew, with index and metadata. The
damaged file is kept beside the new one under `*.damaged`. Success is judged by opening the result
and counting.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from mcap.exceptions import McapError
from mcap.records import Channel, Chunk, Message, Schema
from mcap.stream_reader import StreamReader, breakup_chunk

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.writer import METADATA_NAME, BagWriter
from thermal_pose.errors import (
    BagCorruptError,
    BagError,
    BagNotFoundError,
    BagSchemaError,
    StorageError,
)

_MAGIC: Final = b"\x89MCAP0\r\n"
#: A larger record is a damaged length: half a second of anything we record is far smaller.
_MAX_RECORD_BYTES: Final = 256 * 1024 * 1024
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


@dataclass(frozen=True)
class RepairResult:
    """What a repair did.

    Attributes
    ----------
    was_whole : nothing had to be done.
    messages : in the recording now.
    damaged_path : the file as it was; None where nothing was changed.
    """

    path: Path
    was_whole: bool
    messages: int
    damaged_path: Path | None = None


def repair(path: Path) -> RepairResult:
    """Make a recording whole.

    Parameters
    ----------
    path : folder of the recording.

    Raises
    ------
    BagNotFoundError
        Nothing is there.
    BagCorruptError
        There is no MCAP file in it, or not one whole message.
    StorageError
        The folder cannot be written.
    """
    if not path.exists():
        raise BagNotFoundError(f"there is no recording at {path}")
    if (count := _count_if_whole(path)) is not None:
        return RepairResult(path, True, count)
    file = _find_file(path)
    damaged = file.with_suffix(file.suffix + ".damaged")
    fresh = path / ".repair" / path.name
    try:
        _remove(fresh)
        _rewrite(file, fresh)
        file.replace(damaged)
        (fresh / f"{path.name}_0.mcap").replace(path / f"{path.name}_0.mcap")
        (fresh / METADATA_NAME).replace(path / METADATA_NAME)
    except OSError as error:
        raise StorageError(f"cannot repair {path}: {error.strerror}") from error
    finally:
        _remove(fresh)
    count = _count_if_whole(path)
    if count is None:
        raise BagCorruptError(f"{path} is damaged beyond repair; the original is {damaged.name}")
    return RepairResult(path, False, count, damaged)


def _count_if_whole(path: Path) -> int | None:
    """Number of messages, all of them read; None where the recording is not whole."""
    try:
        with BagReader(path) as bag:
            return sum(1 for _ in bag.raw_messages())
    except BagError:
        return None


def _find_file(path: Path) -> Path:
    files = sorted(path.glob("*.mcap")) if path.is_dir() else []
    if len(files) != 1:
        raise BagCorruptError(f"{path}: expected a folder with one .mcap file, got {len(files)}")
    return files[0]


def _remove(folder: Path) -> None:
    """Remove our own scratch folder, which holds nothing but a recording."""
    if folder.is_dir():
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()
    if folder.parent.name == ".repair" and folder.parent.is_dir():
        folder.parent.rmdir()


def _rewrite(file: Path, fresh: Path) -> None:
    messages = readable_messages(file)
    first = next(messages, None)
    if first is None:
        raise BagCorruptError(f"{file} holds not one whole message")
    with BagWriter(fresh, custom_data=_custom_data(file)) as writer:
        for type_name, topic, message in _chain(first, messages):
            writer.add_topic(topic, type_name)
            writer.write_raw(topic, message.log_time, message.data)


Readable = tuple[str, str, Message]


def _chain(first: Readable, rest: Iterator[Readable]) -> Iterator[Readable]:
    yield first
    yield from rest


def readable_messages(file: Path) -> Iterator[Readable]:
    """(type, topic, message) of all sound chunks of an MCAP file.

    A chunk with a wrong checksum is left out, and so is all that follows the first record that
    is cut off. Messages of types that are not known here are left out too.

    Raises
    ------
    BagCorruptError
        It is no MCAP file.
    BagSchemaError
        It was recorded with other definitions of our messages.
    """
    types: dict[int, str] = {}
    topics: dict[int, tuple[str, str]] = {}
    for record in _sound_records(file):
        if isinstance(record, Schema):
            types[record.id] = record.name
        elif isinstance(record, Channel):
            type_name = types.get(record.schema_id, "")
            if type_name in schema.typestore().types:
                _check_definition(file, record, type_name)
                topics[record.id] = (type_name, record.topic)
        elif isinstance(record, Message) and record.channel_id in topics:
            yield (*topics[record.channel_id], record)


def _check_definition(file: Path, channel: Channel, type_name: str) -> None:
    recorded = channel.metadata.get("topic_type_hash")
    if recorded and recorded != schema.type_hash(type_name):
        raise BagSchemaError(
            f"{file}: {channel.topic} was recorded with another definition of {type_name}"
        )


def _sound_records(file: Path) -> Iterator[object]:
    with file.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise BagCorruptError(f"{file} is no MCAP file")
        stream.seek(0)
        reader = StreamReader(
            stream, emit_chunks=True, validate_crcs=False, record_size_limit=_MAX_RECORD_BYTES
        )
        records = reader.records
        while (record := _next_record(records)) is not None:
            if isinstance(record, Chunk):
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
    """The records of a chunk; none where it is damaged."""
    try:
        return breakup_chunk(chunk, validate_crc=True)
    except _BROKEN:
        return ()


def _custom_data(file: Path) -> dict[str, str]:
    """Custom data of the metadata that was there, if any could be read."""
    try:
        content = yaml.safe_load((file.parent / METADATA_NAME).read_text(encoding="utf-8"))
        data = content["rosbag2_bagfile_information"]["custom_data"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return {"repaired": "true"}
    return {**{str(key): str(value) for key, value in (data or {}).items()}, "repaired": "true"}
