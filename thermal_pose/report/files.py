# SPDX-License-Identifier: Apache-2.0
"""Finds and deletes what a folder holds about a person: reports, results, history pages, leftovers.

A report belongs to the person that its JSON names. Files without a readable JSON, such as those of
a killed writer, belong to the person whose id is found in one of them.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from thermal_pose.errors import StorageError
from thermal_pose.files import PART_SUFFIX, sync_folder
from thermal_pose.report.write import ReportPaths

#: Names of a report's files.
_REPORT_NAMES: Final = tuple(path.name for path in vars(ReportPaths.below(Path())).values())


@dataclass(frozen=True)
class FoundReport:
    """A report, or a single result, on disk.

    Attributes
    ----------
    json : its JSON document.
    files : all files that belong to it, the JSON last.
    subject_id, trial_id, origin_ns : whose and when it is.
    """

    json: Path
    files: tuple[Path, ...]
    subject_id: str
    trial_id: str
    origin_ns: int

    @property
    def folder(self) -> Path:
        """The folder that holds the report."""
        return self.json.parent


@dataclass(frozen=True)
class Unnamed:
    """Files in one folder that no readable JSON attributes to a person."""

    folder: Path
    files: tuple[Path, ...]

    def is_of(self, subject_id: str) -> bool:
        """Return whether one of the files names the person."""
        return any(_names(file, subject_id) for file in self.files)

    @property
    def empty(self) -> bool:
        """Whether no file holds anything, as a power cut may leave them."""
        return all(file.stat().st_size == 0 for file in self.files)


def find_reports(root: Path) -> list[FoundReport]:
    """Return every report and single result at or below a folder, in order of the paths.

    Linked folders are searched, too. What cannot be attributed is in `find_unnamed`.

    Raises
    ------
    StorageError
        The folder is missing or cannot be read.
    """
    return [report for folder, names in _walk(root) for report in _reports_in(folder, names)]


def find_unnamed(root: Path) -> list[Unnamed]:
    """Return the report files at or below a folder that no readable JSON attributes to a person.

    Raises
    ------
    StorageError
        The folder is missing or cannot be read.
    """
    found = []
    for folder, names in _walk(root):
        named = {file for report in _reports_in(folder, names) for file in report.files}
        files = [folder / name for name in names if _is_report_file(name) or _is_leftover(name)]
        rest = tuple(file for file in files if file not in named)
        if rest:
            found.append(Unnamed(folder, rest))
    return found


def find_pages(root: Path, subject_id: str) -> list[Path]:
    """Return all other pages about a person at or below a folder: histories, copies of reports.

    Raises
    ------
    StorageError
        The folder is missing or cannot be read.
    """
    return [
        folder / name
        for folder, names in _walk(root)
        for name in names
        if name.endswith(".html")
        and not _is_report_file(name)
        and _names(folder / name, subject_id)
    ]


def delete_files(files: tuple[Path, ...], root: Path) -> dict[Path, str]:
    """Delete files, and the folders below `root` that become empty; return what could not be.

    Every file is tried, in order. The last one, which says whose the others are, stays if one of
    them stays.

    Returns
    -------
    left : reason by file.
    """
    left: dict[Path, str] = {}
    for number, file in enumerate(files, 1):
        if left and number == len(files):
            left[file] = "kept, because it says whose the others are"
            break
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            left[file] = error.strerror or str(error)
    for folder in {file.parent for file in files}:
        _remove_empty(folder, root)
    return left


def _remove_empty(folder: Path, root: Path) -> None:
    try:
        while root in folder.parents and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
        sync_folder(folder)
    except OSError:
        # Read-only or already gone: the files themselves are accounted for.
        return


def _walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield (folder, names of files) of a tree, following links, each folder once."""
    if not root.is_dir():
        raise StorageError(f"{root} is not a folder of reports")
    seen: set[str] = set()
    unreadable: list[OSError] = []
    for place, folders, names in os.walk(root, followlinks=True, onerror=unreadable.append):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield Path(place), sorted(names)
    if unreadable:
        raise StorageError(f"{unreadable[0].filename} cannot be read: {unreadable[0].strerror}")


def _reports_in(folder: Path, names: list[str]) -> Iterator[FoundReport]:
    for name in names:
        if not name.endswith(".json") or name.startswith("."):
            continue
        path = folder / name
        identity = _identity(path)
        if identity is None:
            continue
        files: tuple[Path, ...] = (path,)
        if name == "report.json":
            siblings = [n for n in names if _is_report_file(n) or _is_part(n)]
            files = (*(folder / n for n in siblings if n != name), path)
        yield FoundReport(path, files, *identity)


def _identity(path: Path) -> tuple[str, str, int] | None:
    """Subject, trial and first stamp of a result's document; None for any other file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return str(document["subject_id"]), str(document["trial_id"]), int(document["origin_ns"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_report_file(name: str) -> bool:
    return name in _REPORT_NAMES


def _is_part(name: str) -> bool:
    """Whether a killed writer of a report file left it."""
    return _is_leftover(name) and name.startswith(tuple(f".{n}." for n in _REPORT_NAMES))


def _is_leftover(name: str) -> bool:
    """Whether a killed writer left it."""
    return name.startswith(".") and name.endswith(PART_SUFFIX)


def _names(path: Path, subject_id: str) -> bool:
    """Whether a JSON, CSV or HTML file, also the first part of one, is about a person."""
    who = re.escape(subject_id.encode())
    about = rb'"subject_id": ?"%b"|<title>[^<,]*, %b[,<]|^%b,' % (who, who, who)
    try:
        return re.search(about, path.read_bytes(), re.MULTILINE) is not None
    except OSError:
        return False


__all__ = ["FoundReport", "Unnamed", "delete_files", "find_pages", "find_reports", "find_unnamed"]
