# SPDX-License-Identifier: Apache-2.0
"""Match a recording's thermal and RGB frames and find pairs that do not belong together.

Removes the constant offset of the stamps and counts frames without a partner. Pairs whose stamps
match although one image is older are found by their content.

examples:
  thermal-pose sync recordings/S01_20260101T120000Z
  thermal-pose sync --json recordings/S01_20260101T120000Z
"""

import argparse
import json

from thermal_pose.calibration.pairing import DEFAULT_TOLERANCE_S
from thermal_pose.cli.arguments import add_json, add_recording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_recording(parser, "recording with both cameras")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=DEFAULT_TOLERANCE_S,
        metavar="S",
        help="largest difference of the stamps in a pair",
    )
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    from thermal_pose.calibration.sync import check_sync

    report = check_sync(args.recording, args.tolerance).as_dict()
    if args.json:
        print(json.dumps(report))
        return 0
    for pair in report["discarded"]:
        print(
            f"  {pair['thermal_stamp_ns']}: the {pair['older']} image is "
            f"{pair['age_periods']} periods older"
        )
    print(
        f"{report['pairs']} pairs: {report['synchronous']} synchronous, "
        f"{report['asynchronous']} asynchronous, {report['undecidable']} undecidable "
        f"(no movement); stamps offset by {report['offset_s'] * 1e3:.1f} ms; without partner: "
        f"{report['unmatched_thermal']} thermal, {report['unmatched_rgb']} RGB"
    )
    return 0
