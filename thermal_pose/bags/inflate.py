# SPDX-License-Identifier: Apache-2.0
"""Decompression with a limit that is known before anything is inflated.

A few KiB of zstd or lz4 can inflate to many GiB. Chunks and messages are inflated to at most the
size they declare, which itself is limited; whole recordings to a multiple of their size on disk.
"""

import sys
from pathlib import Path
from typing import Any, Final

import lz4.frame

from thermal_pose.errors import BagCorruptError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Largest chunk or message. rosbag2 closes a chunk at 0.8 MB; an uncompressed 4K image has 25 MB.
MAX_CHUNK_BYTES: Final = 256 * 1024 * 1024
#: Largest total of the chunks that overlap in time, because they are held at the same time.
MAX_HELD_BYTES: Final = 1024 * 1024 * 1024
#: A recording may inflate to this many times its size on disk (images: 2 to 50 times)...
_MAX_RATIO: Final = 500
#: ... and always to this size.
_ALWAYS_BYTES: Final = 256 * 1024 * 1024
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"

#: Little at a time, because the library drops what it has inflated when it meets damage.
_READ_BYTES: Final = 64 * 1024
_WRITE_BYTES: Final = 1024 * 1024
#: Exceptions of the libraries on damaged data.
_DAMAGED: Final = (zstd.ZstdError, RuntimeError, EOFError)


class InflationError(ValueError):
    """Compressed data that is damaged, or that inflates to more than is allowed."""


def inflate(data: bytes, compression: str, limit: int, *, exact: bool = True) -> bytes:
    """Return decompressed data.

    Parameters
    ----------
    compression : 'zstd', 'lz4' or '' for none.
    limit : bytes that the result may have, and must have if `exact`.

    Raises
    ------
    InflationError
        The data is damaged, of another compression, or inflates beyond the limit.
    """
    if not compression:
        return data
    if limit > MAX_CHUNK_BYTES:
        raise InflationError(
            f"a chunk declares {limit / 1e6:.0f} MB; at most {MAX_CHUNK_BYTES / 1e6:.0f} MB "
            "are inflated"
        )
    found = bytearray()
    try:
        while data and len(found) <= limit:
            inflater = _inflater(compression)
            found += inflater.decompress(data, max_length=limit - len(found) + 1)
            if len(found) > limit:
                raise InflationError(f"compressed data inflates beyond its {limit} bytes")
            if not inflater.eof:
                raise InflationError("compressed data is cut off")
            data = inflater.unused_data or b""
    except _DAMAGED as error:
        raise InflationError(f"compressed data is damaged: {error}") from error
    if exact and len(found) != limit:
        raise InflationError(f"compressed data: expected {limit} bytes, got {len(found)}")
    return bytes(found)


def inflate_message(data: bytes) -> bytes:
    """Return a message inflated if it was compressed on its own, else unchanged.

    A serialised message starts with a zero byte, so zstd's magic number tells them apart.
    """
    if data[:4] != ZSTD_MAGIC:
        return data
    return inflate(data, "zstd", MAX_CHUNK_BYTES, exact=False)


def inflate_file(source: Path, target: Path) -> bool:
    """Inflate a zstd file; return whether it was whole.

    Of a damaged file, everything before the damage is written.

    Raises
    ------
    BagCorruptError
        It inflates to more than a recording of its size can hold.
    OSError
        A file cannot be read or written.
    """
    limit, written = inflated_limit(source.stat().st_size), 0
    with source.open("rb") as packed, target.open("wb") as out:
        inflater = zstd.ZstdDecompressor()
        data = packed.read(_READ_BYTES)
        while data or not inflater.needs_input:
            try:
                part = inflater.decompress(data, max_length=_WRITE_BYTES)
            except _DAMAGED:
                return False
            written += len(part)
            check_inflated(source, written, limit)
            out.write(part)
            data = b""
            if inflater.eof:
                data = inflater.unused_data or packed.read(_READ_BYTES)
                if not data:
                    return True
                inflater = zstd.ZstdDecompressor()
            elif inflater.needs_input:
                data = packed.read(_READ_BYTES)
    return False


def inflated_limit(stored_bytes: int) -> int:
    """Bytes that a recording of this size on disk may inflate to."""
    return _ALWAYS_BYTES + _MAX_RATIO * stored_bytes


def check_inflated(path: Path, inflated_bytes: int, limit: int) -> None:
    """Refuse a recording that inflates beyond `limit`.

    Raises
    ------
    BagCorruptError
        It does.
    """
    if inflated_bytes > limit:
        raise BagCorruptError(
            f"{path} inflates to more than {limit / 1e6:.0f} MB: not a recording, not read"
        )


def _inflater(compression: str) -> Any:
    if compression == "zstd":
        return zstd.ZstdDecompressor()
    if compression == "lz4":
        return lz4.frame.LZ4FrameDecompressor()
    raise InflationError(f"unknown compression '{compression}': expected zstd or lz4")
