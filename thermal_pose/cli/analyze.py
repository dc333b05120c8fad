# SPDX-License-Identifier: Apache-2.0
"""Time the Timed Up and Go, or another movement test, in recordings or in folders of them.

Prints one line per test: its figure, or the reason why there is none. --test auto detects which
test a recording shows. With --out, each result
is also written as a JSON file. The exit code is 1 if a recording could not be read.

examples:
  thermal-pose analyze recordings/visit-3
  thermal-pose analyze recordings/ --out out/results --jobs 4
  thermal-pose analyze recordings/ --test auto
  thermal-pose analyze recordings/ --json > totals.json
"""

import argparse
import itertools
import json
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from thermal_pose.cli.arguments import (
    add_jobs,
    add_json,
    add_out,
    add_person,
    add_ray,
    add_test,
    jobs_of,
    test_of,
)
from thermal_pose.errors import BagNotFoundError, ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("recordings", type=Path, nargs="+", help="recordings, or folders of them")
    add_out(parser, "folder for one JSON file per recording")
    add_person(parser)
    add_test(parser)
    add_jobs(parser)
    add_ray(parser)
    add_json(parser, "one list with a row per recording")


def start(args: argparse.Namespace) -> int:
    """Analyze all recordings; 1 if any could not be read."""
    from thermal_pose.clinical.tug.options import TugParams
    from thermal_pose.pipeline.batch import analyze_many, find_recordings

    bags, missing = find_recordings(args.recordings)
    if not bags:
        raise BagNotFoundError("; ".join(row.sentence for row in missing))
    try:
        params = TugParams(subject_id=args.subject, age_years=args.age, height_m=args.height)
        results = analyze_many(bags, params, args.out, jobs_of(args), args.ray, test_of(args))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    counts = {"valid": 0, "refused": 0, "error": 0}
    rows = []
    rows_of = itertools.chain(missing, results)
    for row in tqdm(rows_of, total=len(missing) + len(bags), unit="trial", disable=None):
        counts[row.outcome if row.outcome in counts else "refused"] += 1
        if args.json:
            rows.append(asdict(row))
        else:
            figure = row.figure or row.outcome
            test = "" if row.number == 1 else f" (test {row.number})"
            tqdm.write(f"{figure:>10}  {row.bag}{test}  {row.sentence}".rstrip())
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return 1 if counts["error"] else 0
