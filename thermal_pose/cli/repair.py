# SPDX-License-Identifier: Apache-2.0
"""Complete a recording whose recorder was killed, or save what a damaged one still holds.

The damaged file is kept beside the new one as `*.damaged`.

examples:
  thermal-pose repair recordings/S01_20260101T120000Z
"""

import argparse
import json
from pathlib import Path

from thermal_pose.bags.repair import repair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("recording", type=Path, help="folder of the recording")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    result = repair(args.recording)
    if args.json:
        fields = {"was_whole": result.was_whole, "messages": result.messages}
        print(json.dumps({"path": str(result.path), **fields}))
    elif result.was_whole:
        print(f"{result.path} is whole: {result.messages} messages, nothing to repair")
    else:
        print(
            f"{result.path} repaired: {result.messages} messages "
            f"(the damaged file is {result.damaged_path})"
        )
    return 0
