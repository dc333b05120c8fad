# SPDX-License-Identifier: Apache-2.0
"""Delete a person's results for good, or all that are older than a retention period.

Without --yes it only lists what would be deleted. --reports also deletes report folders (film,
page, table, picture) of the same tests. Recordings are never touched.

examples:
  thermal-pose delete results.sqlite --subject P-4F7K2Q
  thermal-pose delete results.sqlite --subject P-4F7K2Q --reports out --yes
  thermal-pose delete results.sqlite --older-than-days 365 --reports out --yes
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from thermal_pose.cli.arguments import add_json
from thermal_pose.errors import ConfigError
from thermal_pose.store.results import ResultsStore
from thermal_pose.types import NS_PER_S

_S_PER_DAY = 86_400

#: (subject, trial id, first stamp) of one test.
TestKey = tuple[str, str, int]


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
        "--reports", type=Path, metavar="DIR", help="also delete matching reports in this folder"
    )
    parser.add_argument("--yes", action="store_true", help="delete; without it, only list")
    add_json(parser, "what was or would be deleted")


def start(args: argparse.Namespace) -> int:
    """Show or delete what matches; print one line."""
    from thermal_pose.report.files import delete_report, find_reports

    matches, before_ns = _condition(args)
    reports = []
    if args.reports is not None:
        reports = [
            report
            for report in find_reports(args.reports)
            if matches((report.subject_id, report.trial_id, report.origin_ns))
        ]
    with ResultsStore(args.store, read_only=not args.yes) as store:
        if before_ns is not None:
            found = store.older_than(before_ns)
        else:
            tests = store.history(args.subject)
            found = [(test.subject_id, test.trial_id, test.origin_ns) for test in tests]
            found = [key for key in found if matches(key)]
        if args.yes:
            # Files first: if one cannot be deleted, the store still says whose they are.
            for report in reports:
                delete_report(report)
            _delete(store, args, before_ns)
    _print(args, found, [str(report.folder) for report in reports])
    return 0


def _condition(args: argparse.Namespace) -> tuple[Callable[[TestKey], bool], int | None]:
    """Return what matches, and the retention limit where that is the condition."""
    if args.older_than_days is not None:
        if args.trial is not None:
            raise ConfigError("--trial goes with --subject")
        if not args.older_than_days > 0:
            raise ConfigError(f"--older-than-days: expected > 0, got {args.older_than_days}")
        before_ns = int((time.time() - args.older_than_days * _S_PER_DAY) * NS_PER_S)
        return lambda key: key[2] < before_ns, before_ns
    trial = args.trial
    return lambda key: key[0] == args.subject and trial in (None, key[1]), None


def _delete(store: ResultsStore, args: argparse.Namespace, before_ns: int | None) -> None:
    if before_ns is not None:
        store.delete_older_than(before_ns)
    elif args.trial is not None:
        store.delete_trial(args.subject, args.trial)
    else:
        store.delete_subject(args.subject)


def _print(args: argparse.Namespace, found: list[TestKey], folders: list[str]) -> None:
    if args.json:
        rows = [{"subject_id": s, "trial_id": t, "origin_ns": ns} for s, t, ns in found]
        print(json.dumps({"deleted": args.yes, "tests": rows, "reports": folders}, indent=2))
        return
    if not args.yes:
        for subject_id, trial_id, _ in found:
            print(f"would delete {subject_id} {trial_id}".rstrip())
        for folder in folders:
            print(f"would delete the report in {folder}")
    verb = "deleted" if args.yes else "nothing deleted, give --yes to delete"
    print(f"{verb}: {len(found)} tests, {len(folders)} reports")
