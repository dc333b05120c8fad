# SPDX-License-Identifier: Apache-2.0
"""Describe a recording: topics, types, counts, rates, gaps.

examples:
  thermal-pose info recordings/S01_20260101T120000Z
  thermal-pose info --json recordings/S01_20260101T120000Z
"""

import argparse
import json

from thermal_pose.bags.summary import RecordingSummary, TopicSummary, summarise_recording
from thermal_pose.cli.arguments import add_json, add_recording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    add_recording(parser)
    add_json(parser)


def start(args: argparse.Namespace) -> int:
    """Run the verb."""
    summary = summarise_recording(args.recording)
    print(json.dumps(summary.as_dict(), indent=2) if args.json else _text(summary))
    return 0


def _text(summary: RecordingSummary) -> str:
    width = max(len(topic.name) for topic in summary.topics)
    lines = [f"  {topic.name:<{width}}  {_line(topic)}" for topic in summary.topics]
    custom = [f"  {key}: {value}" for key, value in summary.custom_data.items()]
    total = (
        f"{summary.path}: {summary.messages} messages, {summary.duration_s:.2f} s, "
        f"{summary.size_bytes / 1e6:.2f} MB"
    )
    return "\n".join([*lines, *custom, total])


def _line(topic: TopicSummary) -> str:
    line = f"{topic.count:>6}  {topic.type_name}"
    if topic.rate_hz is not None:
        line += f"  {topic.rate_hz:.2f} Hz, {topic.gaps} gaps, longest {topic.longest_gap_s:.3f} s"
    return line
