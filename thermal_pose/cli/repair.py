# SPDX-License-Identifier: Apache-2.0
"""Complete a recording whose recorder was killed, or keep what a damaged one still holds.

Takes MCAP and SQLite (.db3) recordings, split, compressed, or as single files. All message types
are kept. The damaged files stay beside the new one as `*.damaged`.

examples:
  thermal-pose repair recordings/S01_20260101T120000Z
  thermal-pose repair recordings/visit.db3
"""

import argparse
import json

from thermal_pose.bags.repair import repair
from thermal_pose.cli.arguments import add_json, add_recording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_recording(parser, "recording to repair, or a single file of one")
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    result = repair(args.recording)
    if args.json:
        fields = {
            "was_whole": result.was_whole,
            "messages": result.messages,
            "promised": result.promised,
            "damaged": [str(file) for file in result.damaged_paths],
        }
        print(json.dumps({"path": str(result.path), **fields}))
    elif result.was_whole:
        print(f"{result.path} is whole: {result.messages} messages, nothing to repair")
    else:
        of = f" of {result.promised}" if result.promised else ""
        kept = ", ".join(str(file) for file in result.damaged_paths)
        print(f"{result.path} repaired: {result.messages}{of} messages (damaged: {kept})")
    return 0
