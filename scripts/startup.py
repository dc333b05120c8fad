# SPDX-License-Identifier: Apache-2.0
"""Measure how long `import thermal_pose` and `thermal-pose --help` take in a fresh process.

The time of an empty Python process is measured in turn with the others and subtracted for the
import. Targets: 0.15 s for the import, 0.4 s for the help.

examples:
  python scripts/startup.py --out docs/results/startup.json
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "empty process": ["-c", "pass"],
    "import thermal_pose": ["-c", "import thermal_pose"],
    "thermal-pose --help": ["-m", "thermal_pose.cli.main", "--help"],
}


def elapsed_s(words: list[str]) -> float:
    """Return the wall-clock time of one fresh process, s."""
    began_s = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - began_s


def main() -> int:
    """Run each command in turn, many times; print and write medians and minima."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20, help="runs of each (default: 20)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(args.rounds):
        for name, words in COMMANDS.items():
            times[name].append(elapsed_s(words))
    found = {
        name: {"median_s": round(statistics.median(some), 3), "minimum_s": round(min(some), 3)}
        for name, some in times.items()
    }
    alone_s = found["import thermal_pose"]["median_s"] - found["empty process"]["median_s"]
    result = {
        "command": f"python scripts/startup.py --rounds {args.rounds}",
        "python": platform.python_version(),
        "seconds": found,
        "import_alone_median_s": round(alone_s, 3),
        "targets_met": {
            "import under 0.15 s": alone_s < 0.15,
            "help under 0.4 s": found["thermal-pose --help"]["median_s"] < 0.4,
        },
    }
    text = json.dumps(result, indent=1)
    if args.out is not None:
        args.out.write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
