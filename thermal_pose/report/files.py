# SPDX-License-Identifier: Apache-2.0
"""Finds and deletes report folders of a person: the files that outlive the store's rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from thermal_pose.errors import StorageError
from thermal_pose.report.write import ReportPaths


@dataclass(frozen=True)
class FoundReport:
    """A report on disk, with what its JSON says of whose and when it is."""

    paths: ReportPaths
    subject_id: str
    trial_id: str
    origin_ns: int

    @property
    def folder(self) -> Path:
        """The folder that holds the report."""
        return self.paths.json.parent


def find_reports(root: Path) -> Iterator[FoundReport]:
    """Yield every report at or below a folder, in order of the paths.

    Raises
    ------
    StorageError
        When the folder is missing, or a `report.json` in it cannot be read: whose report it
        is, is then unknown, which a deletion must not pass over.
    """
    if not root.is_dir():
        raise StorageError(f"{root} is no folder of reports")
    for path in sorted(root.rglob("report.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            yield FoundReport(
                ReportPaths.below(path.parent),
                document["subject_id"],
                document["trial_id"],
                int(document["origin_ns"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{path} is no readable report: {error}") from error


def delete_report(report: FoundReport) -> int:
    """Delete a report's files, and its folder if nothing else is in it; return how many.

    Raises
    ------
    StorageError
        When a file cannot be deleted.
    """
    count = 0
    try:
        # The JSON goes last: what says whose report it is stays until all else is gone.
        for name in reversed([field.name for field in fields(ReportPaths)]):
            path: Path = getattr(report.paths, name)
            if path.exists():
                path.unlink()
                count += 1
        if not any(report.folder.iterdir()):
            report.folder.rmdir()
    except OSError as error:
        raise StorageError(f"cannot delete the report in {report.folder}: {error}") from error
    return count
