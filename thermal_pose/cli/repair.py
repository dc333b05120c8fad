# SPDX-License-Identifier: Apache-2.0
"""Complete a recording whose recorder was killed, or keep what a damaged one still holds.

The damaged file stays beside the repaired one, as `*.damaged`.

examples:
  thermal-pose repair recordings/S01_20260101T120000Z
"""

import argparse
import json

from thermal_pose.bags.repair import repair
from thermal_pose.cli.arguments import add_json, add_recording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_recording(parser, "recording to repair")
    add_json(parser)


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
