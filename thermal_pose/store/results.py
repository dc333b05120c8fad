# SPDX-License-Identifier: Apache-2.0
"""The results store: reports by person over time, in one SQLite file.

Only pseudonyms go in; what is deleted is overwritten (`secure_delete`) and the file is
shrunk, so that no figure of a deleted person stays in its free pages.
"""

import json
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.errors import StorageError

#: Shape of the database, in SQLite's `user_version`; migrations go from one to the next.
STORE_VERSION: Final = 1
#: Marks the file as ours in SQLite's `application_id` ('TPst').
APPLICATION_ID: Final = 0x54507374
_BUSY_TIMEOUT_S: Final = 5.0

#: As for recordings (`bags.recording`).
_PSEUDONYM: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")

_SCHEMA: Final = """
CREATE TABLE trial (
    subject_id TEXT NOT NULL,
    trial_id TEXT NOT NULL,
    origin_ns INTEGER NOT NULL,
    valid INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (subject_id, trial_id, origin_ns)
) WITHOUT ROWID;
CREATE INDEX trial_by_time ON trial (origin_ns);
"""

#: Left out of the stored document: large, and in the report's own files.
_NOT_STORED: Final = ("signals",)


def check_subject_id(subject_id: str) -> str:
    """Return the id if it can be a pseudonym.

    Raises
    ------
    ValueError
        For an empty id, and for one with spaces or other signs of a real name or address.
    """
    if not _PSEUDONYM.fullmatch(subject_id):
        raise ValueError(
            "subject_id: expected a pseudonym of 1 to 40 letters, digits, '_' or '-', "
            f"got {subject_id!r}"
        )
    return subject_id


def new_subject_id() -> str:
    """Return a random pseudonym such as 'P-4F7K2Q', without letters that look alike."""
    letters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "P-" + "".join(secrets.choice(letters) for _ in range(6))


class ResultsStore:
    """Reports by person over time.

    Parameters
    ----------
    path : the SQLite file; made with its folder where missing.
    read_only : open an existing store without the right to change it.

    Raises
    ------
    StorageError
        When the file cannot be opened, is no results store, is damaged, or was written by a
        newer version of this package. All methods raise it when the file is locked for more
        than a few seconds, read-only, damaged, or the disk is full.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        with self._errors("open"):
            if read_only:
                address = f"{path.resolve().as_uri()}?mode=ro"
                self._db = sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)
        try:
            with self._errors("open"):
                self._prepare(read_only)
        except StorageError:
            self._db.close()
            raise

    def __enter__(self) -> "ResultsStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; every change is on disk already."""
        self._db.close()

    def add(self, document: dict[str, Any]) -> None:
        """Store a report's JSON document (`TrialResult.to_json_dict`).

        The same trial (subject, trial id, first stamp) replaces its earlier report. The
        signals are not stored: they stay in the report's own files.

        Raises
        ------
        ValueError
            When the document lacks a key, or its subject id is no pseudonym.
        """
        try:
            test = EarlierTest.from_document(document)
        except KeyError as error:
            raise ValueError(f"document: expected a report with key {error}") from error
        check_subject_id(test.subject_id)
        kept = {key: value for key, value in document.items() if key not in _NOT_STORED}
        text = json.dumps(kept, separators=(",", ":"), allow_nan=False)
        row = (test.subject_id, test.trial_id, test.origin_ns, int(test.valid), text)
        with self._errors("write to"), self._db:
            self._db.execute("INSERT OR REPLACE INTO trial VALUES (?, ?, ?, ?, ?)", row)

    def subjects(self) -> dict[str, int]:
        """Return the number of tests by subject, in order of the ids."""
        query = "SELECT subject_id, COUNT(*) FROM trial GROUP BY subject_id ORDER BY subject_id"
        return dict(self._rows(query))

    def documents(self, subject_id: str) -> list[dict[str, Any]]:
        """Return a person's stored reports, oldest first."""
        query = "SELECT document FROM trial WHERE subject_id = ? ORDER BY origin_ns, trial_id"
        return [self._document(text) for (text,) in self._rows(query, (subject_id,))]

    def history(self, subject_id: str) -> list[EarlierTest]:
        """Return what a comparison needs of a person's tests, oldest first; [] for nobody."""
        return [EarlierTest.from_document(row) for row in self.documents(subject_id)]

    def older_than(self, before_ns: int) -> list[tuple[str, str, int]]:
        """Return (subject, trial id, first stamp) of the tests recorded before a time."""
        query = (
            "SELECT subject_id, trial_id, origin_ns FROM trial WHERE origin_ns < ? "
            "ORDER BY origin_ns, subject_id, trial_id"
        )
        return self._rows(query, (before_ns,))

    def delete_subject(self, subject_id: str) -> int:
        """Delete all tests of a person for good; return how many there were."""
        return self._delete("subject_id = ?", (subject_id,))

    def delete_trial(self, subject_id: str, trial_id: str) -> int:
        """Delete a person's tests with this trial id for good; return how many there were."""
        return self._delete("subject_id = ? AND trial_id = ?", (subject_id, trial_id))

    def delete_older_than(self, before_ns: int) -> int:
        """Delete all tests recorded before a time for good; return how many there were."""
        return self._delete("origin_ns < ?", (before_ns,))

    def _delete(self, condition: str, values: tuple[object, ...]) -> int:
        with self._errors("delete from"):
            with self._db:
                # `condition` is one of the constants above, never a caller's text.
                count = self._db.execute(f"DELETE FROM trial WHERE {condition}", values).rowcount
            if count:
                self._db.execute("VACUUM")
        return int(count)

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        with self._errors("read"):
            return self._db.execute(query, values).fetchall()

    def _document(self, text: str) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError as error:
            raise StorageError(f"results store {self.path}: a report in it is damaged") from error
        return document

    def _prepare(self, read_only: bool) -> None:
        self._db.execute("PRAGMA secure_delete = ON")
        version = self._pragma("user_version")
        tables = self._db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables == 0 and not read_only:
            self._create()
        if self._pragma("application_id") != APPLICATION_ID:
            raise StorageError(f"{self.path} is no results store of thermal_pose")
        if version > STORE_VERSION:
            raise StorageError(
                f"results store {self.path} has version {version}, this package reads up to "
                f"{STORE_VERSION}: update thermal_pose"
            )

    def _create(self) -> None:
        """Make the tables, unless another process was quicker.

        One transaction: a killed process leaves an empty file or a whole store.
        """
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if self._pragma("user_version") == 0:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version = {STORE_VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        """Turn SQLite's and the system's errors into one sentence that names the file."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            text = f"cannot {verb} the results store {self.path}: {_cause(error)}"
            raise StorageError(text) from error


def keep_and_compare(path: Path, document: dict[str, Any]) -> list[EarlierTest]:
    """Add a report to a store; return what the store had of the person before.

    Parameters
    ----------
    path : the store; made where missing.
    document : `TrialResult.to_json_dict`, with the pseudonym of the person.

    Raises
    ------
    StorageError, ValueError
        As `ResultsStore`.
    """
    with ResultsStore(path) as store:
        earlier = store.history(document["subject_id"])
        store.add(document)
    return earlier


def _cause(error: Exception) -> str:
    """Return the cause in words that say what to do, where SQLite's own do not."""
    words = str(error)
    if "locked" in words:
        return "another program holds it; close that program and try again"
    if "readonly" in words:
        return "the file or its folder is read-only"
    if "full" in words:
        return "the disk is full"
    if "not a database" in words or "malformed" in words:
        return "the file is damaged or no SQLite database"
    return words
