# SPDX-License-Identifier: Apache-2.0
"""Delete a person's results for good, or all that are older than a retention period.

Without --yes it only lists what would be deleted. --reports also deletes what a folder holds about
the same tests: reports (film, page, table, picture), results, the person's history pages, and what
a killed program left. Recordings are never touched. Files that cannot be deleted are named, and
the exit code is then that of a storage error.

examples:
  thermal-pose delete results.sqlite --subject P-4F7K2Q
  thermal-pose delete results.sqlite --subject P-4F7K2Q --reports out --yes
  thermal-pose delete results.sqlite --older-than-days 365 --reports out --yes
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from thermal_pose.cli.arguments import add_json
from thermal_pose.errors import ConfigError, StorageError
from thermal_pose.report.files import (
    FoundReport,
    Unnamed,
    delete_files,
    find_pages,
    find_reports,
    find_unnamed,
)
from thermal_pose.store.results import ResultsStore
from thermal_pose.types import NS_PER_S

_S_PER_DAY = 86_400

#: (subject, trial id, first stamp) of one test.
TestKey = tuple[str, str, int]


@dataclass(frozen=True)
class Found:
    """The matches: tests in the store, and files in the folder of reports.

    Attributes
    ----------
    pages : history pages and copies of the people whose tests go.
    leftovers : files without a readable JSON that name the person.
    remarks : what stays although it may show a deleted test.
    """

    tests: list[TestKey] = field(default_factory=list)
    reports: list[FoundReport] = field(default_factory=list)
    pages: list[Path] = field(default_factory=list)
    leftovers: list[Unnamed] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether nothing matches."""
        return not (self.tests or self.reports or self.pages or self.leftovers)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("store", type=Path, help="results store")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--subject", help="delete the tests of this person")
    which.add_argument(
        "--older-than-days",
        type=float,
        metavar="DAYS",
        help="delete all tests recorded longer ago than this",
    )
    parser.add_argument("--trial", help="with --subject: only the tests with this trial id")
    parser.add_argument(
        "--reports", type=Path, metavar="DIR", help="also delete what this folder holds of them"
    )
    parser.add_argument("--yes", action="store_true", help="delete; without it, only list")
    add_json(parser, "what was or would be deleted")


def start(args: argparse.Namespace) -> int:
    """Show or delete what matches; print one line.

    Raises
    ------
    ConfigError
        No person of that name is known, in the store or in the folder.
    StorageError
        Something that matches could not be deleted.
    """
    matches, before_ns = _condition(args)
    with ResultsStore(args.store, read_only=not args.yes) as store:
        found = Found(_tests(store, args, matches, before_ns))
        if args.reports is not None:
            found = _with_files(found, args, matches)
        if found.nothing and before_ns is None:
            raise ConfigError(_unknown(args, store.subjects()))
        left: dict[Path, str] = {}
        if args.yes:
            # Files first: if one cannot be deleted, the store still says whose they are.
            left = _delete_files(found, args.reports)
            if not left:
                _delete_tests(store, args, before_ns)
    _print(args, found, left)
    if left:
        what = "; ".join(f"{path}: {reason}" for path, reason in left.items())
        raise StorageError(f"{len(left)} files could not be deleted, the tests are kept: {what}")
    return 0


def _condition(args: argparse.Namespace) -> tuple[Callable[[TestKey], bool], int | None]:
    """Return what matches, and the retention limit if that is the condition."""
    if args.older_than_days is not None:
        if args.trial is not None:
            raise ConfigError("--trial goes with --subject")
        if not args.older_than_days > 0:
            raise ConfigError(f"--older-than-days: expected > 0, got {args.older_than_days}")
        before_ns = int((time.time() - args.older_than_days * _S_PER_DAY) * NS_PER_S)
        return lambda key: key[2] < before_ns, before_ns
    trial = args.trial
    return lambda key: key[0] == args.subject and trial in (None, key[1]), None


def _tests(
    store: ResultsStore,
    args: argparse.Namespace,
    matches: Callable[[TestKey], bool],
    before_ns: int | None,
) -> list[TestKey]:
    if before_ns is not None:
        return store.older_than(before_ns)
    return [key for key in store.keys(args.subject) if matches(key)]


def _with_files(
    found: Found, args: argparse.Namespace, matches: Callable[[TestKey], bool]
) -> Found:
    """Add what the folder of reports holds of the tests, and what stays there."""
    every = find_reports(args.reports)
    reports = [r for r in every if matches((r.subject_id, r.trial_id, r.origin_ns))]
    people = {report.subject_id for report in reports} | {subject for subject, _, _ in found.tests}
    if args.subject is not None:
        people.add(args.subject)
    unnamed = find_unnamed(args.reports)
    whole_person = args.subject is not None and args.trial is None
    leftovers = [u for u in unnamed if whole_person and u.is_of(args.subject)]
    remarks = [
        f"{u.folder}: {len(u.files)} report files, whose they are cannot be told"
        for u in unnamed
        if u not in leftovers and not u.empty
    ]
    remarks += [
        f"{later.folder}: this later report may still show a deleted test"
        for later in every
        if later not in reports
        and any(r.subject_id == later.subject_id and r.origin_ns < later.origin_ns for r in reports)
    ]
    pages = sorted({page for who in sorted(people) for page in find_pages(args.reports, who)})
    return Found(found.tests, reports, pages, leftovers, remarks)


def _delete_files(found: Found, root: Path) -> dict[Path, str]:
    left: dict[Path, str] = {}
    together = [u.files for u in found.leftovers] + [r.files for r in found.reports]
    for files in [*((page,) for page in found.pages), *together]:
        left |= delete_files(files, root)
    return left


def _delete_tests(store: ResultsStore, args: argparse.Namespace, before_ns: int | None) -> None:
    if before_ns is not None:
        store.delete_older_than(before_ns)
    elif args.trial is not None:
        store.delete_trial(args.subject, args.trial)
    else:
        store.delete_subject(args.subject)


def _unknown(args: argparse.Namespace, known: dict[str, int]) -> str:
    from thermal_pose.cli.parser import did_you_mean

    where = f"{args.store} and {args.reports} have" if args.reports else f"{args.store} has"
    if args.trial is not None and args.subject in known:
        return f"{where} no test '{args.trial}' of {args.subject}: nothing deleted"
    return f"{where} no tests of '{args.subject}'{did_you_mean(args.subject, known)}"


def _print(args: argparse.Namespace, found: Found, left: dict[Path, str]) -> None:
    folders = [str(report.folder) for report in found.reports]
    if args.json:
        rows = [{"subject_id": s, "trial_id": t, "origin_ns": ns} for s, t, ns in found.tests]
        document = {
            "deleted": args.yes and not left,
            "tests": rows,
            "reports": folders,
            "pages": [str(page) for page in found.pages],
            "leftovers": [str(file) for u in found.leftovers for file in u.files],
            "left": {str(path): reason for path, reason in left.items()},
            "remarks": found.remarks,
        }
        print(json.dumps(document, indent=2))
        return
    if not args.yes:
        for subject_id, trial_id, _ in found.tests:
            print(f"would delete {subject_id} {trial_id}".rstrip())
        for folder in folders:
            print(f"would delete the report in {folder}")
        for page in found.pages:
            print(f"would delete the page {page}")
        for unnamed in found.leftovers:
            print(f"would delete {len(unnamed.files)} files without a report in {unnamed.folder}")
    for remark in found.remarks:
        print(f"stays: {remark}")
    if not left:
        verb = "deleted" if args.yes else "nothing deleted, give --yes to delete"
        more = [
            f"{count} {what}"
            for count, what in (
                (len(found.pages), "pages"),
                (sum(len(u.files) for u in found.leftovers), "leftover files"),
            )
            if count
        ]
        counts = [f"{len(found.tests)} tests", f"{len(folders)} reports", *more]
        print(f"{verb}: {', '.join(counts)}")
