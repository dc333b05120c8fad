# SPDX-License-Identifier: Apache-2.0
"""The results store: reports by person over time, in one SQLite file.

Only pseudonyms go in. Deleted rows are overwritten (`secure_delete`) and the file is shrunk, so
no figure of a deleted person stays in its free pages. The file is readable by its owner only.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from thermal_pose.clinical.history import EarlierTest
from thermal_pose.errors import StorageError
from thermal_pose.files import make_folder
from thermal_pose.subject_id import check_subject_id

#: Shape of the database, in SQLite's `user_version`; migrations go from one to the next.
STORE_VERSION: Final = 2
#: Marks the file as ours in SQLite's `application_id` ('TPst').
APPLICATION_ID: Final = 0x54507374
_BUSY_TIMEOUT_S: Final = 5.0

_SCHEMA: Final = """
CREATE TABLE trial (
    subject_id TEXT NOT NULL,
    trial_id TEXT NOT NULL,
    origin_ns INTEGER NOT NULL,
    number INTEGER NOT NULL,
    valid INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (subject_id, trial_id, origin_ns, number)
) WITHOUT ROWID;
CREATE INDEX trial_by_time ON trial (origin_ns);
"""

#: From version 1: the number tells tests apart that have subject, trial and first stamp in common.
_FROM_VERSION_1: Final = f"""
DROP INDEX trial_by_time;
ALTER TABLE trial RENAME TO trial_1;
{_SCHEMA}
INSERT INTO trial SELECT subject_id, trial_id, origin_ns, 1, valid, document FROM trial_1;
DROP TABLE trial_1;
"""

#: Keys in which the same test may differ: when and with which version it was analysed.
_RUN_KEYS: Final = ("run", "versions")

#: Left out of the stored document: large, and in the report's own files.
_NOT_STORED: Final = ("signals",)


class ResultsStore:
    """Reports by person over time.

    Parameters
    ----------
    path : the SQLite file; created with its folder if it is missing, for its owner only.
    read_only : open an existing store without the right to change it.

    Raises
    ------
    StorageError
        The file cannot be opened, is not a results store, is damaged, or was written by a newer
        version of this package. All methods raise it if the file is locked for more than a few
        seconds, read-only or damaged, or the disk is full.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        with self._errors("open"):
            if read_only:
                address = f"{path.resolve().as_uri()}?mode=ro"
                self._db = sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S)
            else:
                make_folder(path.parent, private=True)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
                self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)
        try:
            with self._errors("open"):
                self._prepare(read_only)
        except StorageError:
            self._db.close()
            raise

    def __enter__(self) -> "ResultsStore":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; every change is on disk already."""
        self._db.close()

    def add(self, document: dict[str, Any]) -> int:
        """Store a report's JSON document (`TrialResult.to_json_dict`); nothing is replaced.

        The signals are not stored: they stay in the report's own files.

        Returns
        -------
        number : 1, or the next number if the store holds other results with the same subject,
            trial and first stamp. A result that is stored already, whatever the time and version
            of its analysis, keeps its number.

        Raises
        ------
        ValueError
            The document lacks a key, or its subject id is not a pseudonym.
        """
        try:
            test = EarlierTest.from_document(document)
        except KeyError as error:
            raise ValueError(f"document: expected a report with key {error}") from error
        check_subject_id(test.subject_id)
        kept = {key: value for key, value in document.items() if key not in _NOT_STORED}
        text = json.dumps(kept, separators=(",", ":"), allow_nan=False)
        key = (test.subject_id, test.trial_id, test.origin_ns)
        with self._errors("write to"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            number = self._number_of(key, _without_run(json.loads(text)))
            self._db.execute(
                "INSERT OR REPLACE INTO trial VALUES (?, ?, ?, ?, ?, ?)",
                (*key, number, int(test.valid), text),
            )
        return number

    def _number_of(self, key: tuple[str, str, int], document: dict[str, Any]) -> int:
        """The number that the document has in the store, or the next one."""
        rows = self._db.execute(
            "SELECT number, document FROM trial "
            "WHERE subject_id = ? AND trial_id = ? AND origin_ns = ? ORDER BY number",
            key,
        ).fetchall()
        for number, text in rows:
            with suppress(StorageError):  # a damaged report is another one
                if _without_run(self._document(text)) == document:
                    return int(number)
        return int(rows[-1][0]) + 1 if rows else 1

    def subjects(self) -> dict[str, int]:
        """Return the number of tests by subject, in order of the ids."""
        query = "SELECT subject_id, COUNT(*) FROM trial GROUP BY subject_id ORDER BY subject_id"
        return dict(self._rows(query))

    def documents(self, subject_id: str) -> list[dict[str, Any]]:
        """Return a person's stored reports, oldest first."""
        query = "SELECT document FROM trial WHERE subject_id = ? ORDER BY origin_ns, trial_id"
        return [self._document(text) for (text,) in self._rows(query, (subject_id,))]

    def history(self, subject_id: str) -> list[EarlierTest]:
        """Return what a comparison needs of a person's tests, oldest first; [] without a name."""
        return [self._test(row) for row in self.documents(subject_id)]

    def readable_history(self, subject_id: str) -> tuple[list[EarlierTest], int]:
        """Return what `history` does without damaged reports, and the number of those."""
        query = "SELECT document FROM trial WHERE subject_id = ? ORDER BY origin_ns, trial_id"
        tests: list[EarlierTest] = []
        rows = self._rows(query, (subject_id,))
        for (text,) in rows:
            with suppress(StorageError):
                tests.append(self._test(self._document(text)))
        return tests, len(rows) - len(tests)

    def _test(self, document: dict[str, Any]) -> EarlierTest:
        try:
            return EarlierTest.from_document(document)
        except (KeyError, ValueError, TypeError) as error:
            raise StorageError(
                f"results store {self.path}: a report in it is damaged: {error!r}"
            ) from error

    def keys(self, subject_id: str) -> list[tuple[str, str, int]]:
        """Return (subject, trial id, first stamp) of a person's tests, also of damaged reports."""
        query = (
            "SELECT subject_id, trial_id, origin_ns FROM trial WHERE subject_id = ? "
            "ORDER BY origin_ns, trial_id"
        )
        return self._rows(query, (subject_id,))

    def older_than(self, before_ns: int) -> list[tuple[str, str, int]]:
        """Return (subject, trial id, first stamp) of the tests recorded before a time."""
        query = (
            "SELECT subject_id, trial_id, origin_ns FROM trial WHERE origin_ns < ? "
            "ORDER BY origin_ns, subject_id, trial_id"
        )
        return self._rows(query, (before_ns,))

    def delete_subject(self, subject_id: str) -> int:
        """Delete all tests of a person for good; return their number."""
        return self._delete("subject_id = ?", (subject_id,))

    def delete_trial(self, subject_id: str, trial_id: str) -> int:
        """Delete a person's tests with this trial id for good; return their number."""
        return self._delete("subject_id = ? AND trial_id = ?", (subject_id, trial_id))

    def delete_older_than(self, before_ns: int) -> int:
        """Delete all tests recorded before a time for good; return their number."""
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
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise StorageError(f"results store {self.path}: a report in it is damaged") from error
        if not isinstance(document, dict):
            raise StorageError(f"results store {self.path}: a report in it is damaged")
        return document

    def _prepare(self, read_only: bool) -> None:
        self._db.execute("PRAGMA secure_delete = ON")
        version = self._pragma("user_version")
        tables = self._db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables == 0 and not read_only:
            self._create()
        if self._pragma("application_id") != APPLICATION_ID:
            raise StorageError(f"{self.path} is not a results store of thermal_pose")
        if version > STORE_VERSION:
            raise StorageError(
                f"results store {self.path} has version {version}, this package reads up to "
                f"{STORE_VERSION}: update thermal_pose"
            )
        if version == 1 and not read_only:
            self._migrate()

    def _create(self) -> None:
        """Create the tables, unless another process was faster."""
        self._run(0, _SCHEMA)

    def _migrate(self) -> None:
        """Bring a store of version 1 up to date, unless another process was faster."""
        self._run(1, _FROM_VERSION_1)

    def _run(self, from_version: int, statements: str) -> None:
        """Change the tables in one transaction: a killed process leaves the old ones."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if self._pragma("user_version") == from_version:
                for statement in filter(str.strip, statements.split(";")):
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


@dataclass(frozen=True)
class Kept:
    """A result that is now in the store.

    Attributes
    ----------
    earlier : the person's other tests.
    number : above 1 if others have subject, trial and first stamp in common with it.
    damaged : number of the person's reports in the store that cannot be read.
    """

    earlier: list[EarlierTest]
    number: int
    damaged: int = 0

    @property
    def remark(self) -> str:
        """A remark for the user, one sentence; '' for none."""
        remarks = []
        if self.number > 1:
            remarks.append(
                f"{self.number - 1} other results have this trial and first stamp; all are kept"
            )
        if self.damaged:
            remarks.append(f"{self.damaged} earlier reports are damaged and are not compared")
        return "; ".join(remarks)


def keep(path: Path, document: dict[str, Any]) -> Kept:
    """Add a report to a store.

    Parameters
    ----------
    path : the store; created if it is missing.
    document : `TrialResult.to_json_dict`, with the pseudonym of the person.

    Raises
    ------
    StorageError, ValueError
        As `ResultsStore`.
    """
    with ResultsStore(path) as store:
        number = store.add(document)
        own = EarlierTest.from_document(document)
        earlier, damaged = store.readable_history(document["subject_id"])
    if own in earlier:
        earlier.remove(own)
    return Kept(earlier, number, damaged)


def _without_run(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in _RUN_KEYS}


def _cause(error: Exception) -> str:
    """Return the cause, with a remedy where SQLite's own message has none."""
    words = str(error)
    if "locked" in words:
        return "another program holds it; close that program and try again"
    if "readonly" in words:
        return "the file or its folder is read-only"
    if "full" in words:
        return "the disk is full"
    if "not a database" in words or "malformed" in words:
        return "the file is damaged or not an SQLite database"
    return words
