# SPDX-License-Identifier: Apache-2.0
"""Show one person's tests over time from a results store, or list the persons in it.

examples:
  thermal-pose history results.sqlite
  thermal-pose history results.sqlite P-4F7K2Q
  thermal-pose history results.sqlite P-4F7K2Q --out out/history.html
"""

import argparse
import json
from pathlib import Path

from thermal_pose.cli.arguments import add_json, add_language, add_out
from thermal_pose.clinical.history import EarlierTest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("store", type=Path, help="results store")
    parser.add_argument("subject", nargs="?", help="pseudonym (default: list all persons)")
    add_out(parser, "also write the person's history page, an HTML file")
    add_language(parser)
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Print the persons or one person's tests; write the page where asked."""
    from thermal_pose.cli.parser import did_you_mean
    from thermal_pose.errors import ConfigError
    from thermal_pose.report.history import write_history
    from thermal_pose.store.results import ResultsStore

    if args.out is not None and not args.subject:
        raise ConfigError("--out needs a subject: a history page shows one person")
    with ResultsStore(args.store, read_only=True) as store:
        if not args.subject:
            subjects = store.subjects()
            _print_subjects(subjects, args.json)
            return 0
        documents, tests = store.documents(args.subject), store.history(args.subject)
        if not tests:
            hint = did_you_mean(args.subject, store.subjects())
            raise ConfigError(f"{args.store} has no tests of '{args.subject}'{hint}")
    if args.json:
        print(json.dumps(documents, indent=2))
    else:
        for test in tests:
            print(_line(test))
        print(f"{args.subject}: {len(tests)} tests, {sum(test.valid for test in tests)} valid")
    if args.out is not None:
        path = write_history(args.out, args.subject, tests, args.language)
        if not args.json:
            print(f"history: {path}")
    return 0


def _print_subjects(subjects: dict[str, int], as_json: bool) -> None:
    if as_json:
        print(json.dumps(subjects, indent=2))
        return
    for subject_id, count in subjects.items():
        print(f"{subject_id}  {count}")
    print(f"{len(subjects)} persons, {sum(subjects.values())} tests")


def _line(test: EarlierTest) -> str:
    from thermal_pose.report.text import recorded

    kind = test.kind
    outcome = f"{kind.title}: refused ({test.reason})"
    if test.value is not None:
        outcome = f"{kind.title}: {test.value:.{kind.decimals}f} {kind.unit}"
    return "  ".join(filter(None, (recorded(test.origin_ns), test.trial_id, outcome)))
