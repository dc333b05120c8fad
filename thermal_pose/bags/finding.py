# SPDX-License-Identifier: Apache-2.0
"""Finds the recordings below a folder, and names them."""

import os
from pathlib import Path

from thermal_pose.bags.metadata import METADATA_NAME, STORAGE_SUFFIXES, storage_files
from thermal_pose.errors import BagNotFoundError


def recordings_below(path: Path) -> list[Path]:
    """Return the recordings at or below a path, in order: rosbag2 folders and single files.

    A folder whose files are the numbered parts of one recording is that recording, also if its
    recorder was killed before it wrote `metadata.yaml`.

    Raises
    ------
    BagNotFoundError
        Nothing is at the path, or no recording below it.
    """
    if not path.exists():
        raise BagNotFoundError(f"no recording at {path}")
    if path.is_file() or is_recording(path):
        return [path]
    found: list[Path] = []
    for place, folders, _ in os.walk(path, followlinks=False):
        folder = Path(place)
        if folder != path and is_recording(folder):
            found.append(folder)
            folders.clear()
        else:
            found.extend(storage_files(folder))
    if not found:
        raise BagNotFoundError(f"no recording below {path}")
    return sorted(found)


def is_recording(folder: Path) -> bool:
    """Return whether a folder is one recording, whole or not."""
    if (folder / METADATA_NAME).exists():
        return True
    names = [_stem(file) for file in storage_files(folder)]
    parts = [name.rpartition("_") for name in names]
    if not names or not all(number.isdigit() and stem for stem, _, number in parts):
        return False
    stems = {stem for stem, _, _ in parts}
    return len(stems) == 1 and (len(names) > 1 or stems == {folder.resolve().name})


def recording_name(path: Path) -> str:
    """Return a recording's name: its folder's, or its file's without the ending.

    Dots belong to the name: 'P01_2024.05.01' and 'P01_2024.05.02' are two recordings.

    >>> recording_name(Path("visits/P01_2024.05.01"))
    'P01_2024.05.01'
    >>> recording_name(Path("visits/walk.mcap"))
    'walk'
    """
    # Not `resolve`: a link has a name of its own.
    path = Path(os.path.abspath(path))  # noqa: PTH100
    return path.name if path.is_dir() else _stem(path)


def _stem(path: Path) -> str:
    for suffix in sorted(STORAGE_SUFFIXES, key=len, reverse=True):
        if path.name.endswith(suffix):
            return path.name.removesuffix(suffix)
    return path.name
