# SPDX-License-Identifier: Apache-2.0
"""How far the events of a rise lie from what is seen in the curves; fitted, one file."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from thermal_pose.errors import ModelArtifactError

#: Written by `thermal-pose evaluate-chair-rises --fit`.
EVENTS_PATH: Final = Path(__file__).resolve().parents[2] / "assets" / "chair_rises_events.json"
#: Events, each with the crossing that it is placed from: the first lean, or a part of the way. The
#: last seat contact comes later than the others: the person does not lean forward again at once.
EVENTS: Final = (
    "first_start",
    "rise_start",
    "half_up",
    "stand",
    "sit_start",
    "seat_contact",
    "last_contact",
)


@dataclass(frozen=True)
class EventOffset:
    """Where an event lies from a crossing, s.

    `base_s` + `per_span` times the time between the two crossings + `per_period` times the time
    from rise to rise. `sd_s` is the standard deviation of what remains.
    """

    base_s: float
    per_span: float
    per_period: float
    sd_s: float

    def at(self, crossing_s: float, span_s: float, period_s: float) -> float:
        """Return when the event is, s."""
        return crossing_s + self.base_s + self.per_span * span_s + self.per_period * period_s


@lru_cache(maxsize=4)
def event_offsets(path: Path = EVENTS_PATH) -> dict[str, EventOffset]:
    """Read the shipped offsets by event.

    Raises
    ------
    ModelArtifactError
        If the file is missing or lacks an event.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["offsets"]
        return {name: EventOffset(**rows[name]) for name in EVENTS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelArtifactError(f"{path}: not offsets of rises: {error}") from error


def event_sd_s(first: str, last: str) -> float:
    """Standard deviation of the time between two events of different crossings, s."""
    offsets = event_offsets()
    return float(np.hypot(offsets[first].sd_s, offsets[last].sd_s))
