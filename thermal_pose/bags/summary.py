# SPDX-License-Identifier: Apache-2.0
"""The content of a recording and the gaps between its images, as `info` shows them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.types import NS_PER_S


@dataclass(frozen=True)
class TopicSummary:
    """One topic. Rates and gaps are by log time; None if there are too few messages.

    Attributes
    ----------
    longest_gap_s : between two messages.
    gaps : steps of more than 1.5 median periods.
    """

    name: str
    type_name: str
    count: int
    rate_hz: float | None
    longest_gap_s: float | None
    gaps: int | None


@dataclass(frozen=True)
class RecordingSummary:
    """A whole recording."""

    path: str
    start_ns: int
    duration_s: float
    messages: int
    size_bytes: int
    custom_data: dict[str, str]
    topics: tuple[TopicSummary, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "topics": [vars(topic) for topic in self.topics]}


def summarise_recording(path: Path) -> RecordingSummary:
    """Read a recording from end to end and describe it.

    Raises
    ------
    BagError
        It is missing or damaged.
    """
    with BagReader(path) as bag:
        times: dict[str, list[int]] = {name: [] for name in bag.topics}
        for message in bag.raw_messages():
            times[message.topic].append(message.log_ns)
        return RecordingSummary(
            path=str(path),
            start_ns=bag.start_ns,
            duration_s=bag.duration_s,
            messages=bag.message_count,
            size_bytes=_size_bytes(path),
            custom_data=bag.custom_data,
            topics=tuple(
                _summarise_topic(entry.name, entry.type_name, times[entry.name])
                for entry in bag.topics.values()
            ),
        )


def _size_bytes(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _summarise_topic(name: str, type_name: str, times_ns: list[int]) -> TopicSummary:
    count = len(times_ns)
    if count < 2 or name in (schema.TUG_REPORT, schema.TRUTH_TUG):
        return TopicSummary(name, type_name, count, None, None, None)
    steps_s = np.diff(np.sort(times_ns)) / NS_PER_S
    median_s = float(np.median(steps_s))
    return TopicSummary(
        name=name,
        type_name=type_name,
        count=count,
        rate_hz=1.0 / median_s if median_s > 0 else None,
        longest_gap_s=float(steps_s.max()),
        gaps=int((steps_s > 1.5 * median_s).sum()),
    )
