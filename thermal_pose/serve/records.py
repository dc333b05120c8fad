# SPDX-License-Identifier: Apache-2.0
"""Reports and histories that the page shows: read from a folder and a store, by name only.

A report is looked up in the folder's own listing, never by joining a path that a request gave, so
that no request can name a file outside.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from thermal_pose.clinical.catalogue import movement_test
from thermal_pose.errors import StorageError
from thermal_pose.language import ENGLISH, speaking
from thermal_pose.report.text import REASON_NAMES
from thermal_pose.store.results import ResultsStore
from thermal_pose.subject_id import check_subject_id

_FOLDER: Final = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{9}Z(-[0-9]{1,4})?", re.ASCII)
#: Names of the reasons of a refusal, for people.
_REASONS: Final = {str(reason): name for reason, name in REASON_NAMES.items()}
#: How many of the newest reports are listed.
MAX_LISTED: Final = 30


class Records:
    """The results that one server may show.

    Parameters
    ----------
    reports : folder below which `tug_analyzer` writes (its `report_dir`); None for none.
    store : results store to add to and to read histories from; None for none.
    """

    def __init__(self, reports: Path | None, store: Path | None) -> None:
        self._reports = None if reports is None else reports.resolve()
        self._store = store

    def report_name(self, folder: str) -> str:
        """Return the name under which a report written to `folder` is served; '' for none."""
        if self._reports is None or not folder:
            return ""
        path = Path(folder).resolve()
        good = path.parent == self._reports and _FOLDER.fullmatch(path.name)
        return path.name if good else ""

    def page(self, name: str) -> Path | None:
        """Return a report's page; None if there is none of that name."""
        return self._file(name, "report.html")

    def recent(self) -> list[dict[str, Any]]:
        """Return what the page lists of the newest reports, newest first."""
        rows: list[dict[str, Any]] = []
        for name in sorted(self._folders(), reverse=True):
            if len(rows) >= MAX_LISTED:
                break
            path = self._file(name, "report.json")
            row = None if path is None else _listed(path, name)
            if row is not None:
                rows.append(row)
        return rows

    def add(self, document: dict[str, Any]) -> str:
        """Keep a result in the store; return why that failed, or ''."""
        if self._store is None or not document.get("subject_id"):
            return ""
        try:
            with ResultsStore(self._store) as store:
                store.add(document)
        except (StorageError, ValueError) as error:
            return f"The result was not kept: {error}"
        return ""

    def history(self, subject_id: str, language: str = ENGLISH) -> str | None:
        """Return one person's history page; None for an unknown person or without a store.

        Parameters
        ----------
        language : code of the page's language.

        Raises
        ------
        StorageError
            The store cannot be read.
        """
        try:
            check_subject_id(subject_id)
        except ValueError:
            return None
        if self._store is None or not self._store.exists():
            return None
        with ResultsStore(self._store, read_only=True) as store:
            tests = store.history(subject_id)
        if not tests:
            return None
        listed = {row["origin_ns"]: f"/report/{row['name']}" for row in self.recent()}
        links = {test.origin_ns: listed[str(test.origin_ns)] for test in tests
                 if str(test.origin_ns) in listed}  # fmt: skip
        # Charts and films fill tens of megabytes; a page that shows no history never loads them.
        from thermal_pose.report.history import history_page

        with speaking(language):
            return history_page(subject_id, tests, links)

    def _folders(self) -> list[str]:
        if self._reports is None or not self._reports.is_dir():
            return []
        return [entry.name for entry in self._reports.iterdir() if _FOLDER.fullmatch(entry.name)]

    def _file(self, name: str, file: str) -> Path | None:
        if self._reports is None or name not in self._folders():
            return None
        path = self._reports / name / file
        # A link would lead out of the folder.
        if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
            return None
        return path


def result_row(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what the page shows of a result.

    Parameters
    ----------
    document : of any movement test.
    name : of its report; '' for none.
    """
    test = movement_test(document["test"])
    return {
        "name": name,
        "origin_ns": str(document["origin_ns"]),
        "test": test.key,
        "title": test.title,
        "subject_id": document["subject_id"],
        "valid": bool(document["valid"]),
        "reason": document["reason"],
        "reason_name": _REASONS.get(str(document["reason"]), ""),
        "sentence": document["sentence"],
        "value": document[test.headline] if document["valid"] else None,
        "also": document.get("stands_also") if document["valid"] else None,
        "sd": document.get(test.headline_sd) if document["valid"] else None,
        "unit": test.unit,
        "decimals": test.decimals,
        "phases": [
            {name: row.get(name) for name in ("phase", "duration_s", "withheld")}
            for row in document.get("phases", [])
        ]
        if document["valid"]
        else [],
    }


def _listed(path: Path, name: str) -> dict[str, Any] | None:
    try:
        return result_row(json.loads(path.read_text(encoding="utf-8")), name)
    except (OSError, ValueError, KeyError, TypeError):
        return None
