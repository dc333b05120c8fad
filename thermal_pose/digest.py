# SPDX-License-Identifier: Apache-2.0
"""SHA-256 digests of files, and short keys made from them."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def short_key(content: str | bytes, digits: int = 16) -> str:
    """Return the first hex digits of the SHA-256 of a text (UTF-8) or of bytes.

    >>> short_key("", 8)
    'e3b0c442'
    """
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:digits]
