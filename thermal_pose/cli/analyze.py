# SPDX-License-Identifier: Apache-2.0
"""Time the Timed Up and Go in recordings, or in whole folders of them.

Prints one line a recording: total or why there is none. With --out, each result is kept as JSON.

examples:
  thermal-pose analyze recordings/visit-3
  thermal-pose analyze recordings/ --out out/results --jobs 4
  thermal-pose analyze recordings/ --json > totals.json
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from thermal_pose.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("bags", type=Path, nargs="+", help="recordings, or folders of them")
    parser.add_argument("--out", type=Path, help="folder for one JSON a recording")
    parser.add_argument("--subject", default="", help="pseudonym of the person")
    parser.add_argument("--age", type=float, default=0.0, help="years, for the age norm")
    parser.add_argument("--height", type=float, default=0.0, help="m, for speeds and lengths")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--ray", action="store_true", help="work on a Ray cluster")
    parser.add_argument("--json", action="store_true", help="print all rows as one JSON list")


def start(args: argparse.Namespace) -> int:
    """Analyze all recordings; 1 if any could not be read."""
    from thermal_pose.clinical.tug.options import TugParams
    from thermal_pose.pipeline.batch import analyze_many, find_recordings

    bags = find_recordings(args.bags)
    try:
        params = TugParams(subject_id=args.subject, age_years=args.age, height_m=args.height)
        results = analyze_many(bags, params, args.out, args.jobs, args.ray)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    counts = {"valid": 0, "refused": 0, "error": 0}
    rows = []
    for row in tqdm(results, total=len(bags), unit="trial", disable=None):
        counts[row.outcome if row.outcome in counts else "refused"] += 1
        if args.json:
            rows.append(asdict(row))
        else:
            total = f"{row.total_s:8.2f} s" if row.total_s is not None else f"{row.outcome:>10}"
            tqdm.write(f"{total}  {row.bag}  {row.sentence}".rstrip())
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return 1 if counts["error"] else 0
