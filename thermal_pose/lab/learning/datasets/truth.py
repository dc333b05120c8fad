# SPDX-License-Identifier: Apache-2.0
"""The exact truth of a simulated recording, by the stamps of its thermal frames."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from thermal_pose.bags import schema
from thermal_pose.bags.reader import BagReader
from thermal_pose.types import NS_PER_S, Phase, TrueFrame, TruePerson, TugTiming


class RecordedTruth:
    """The recorded truth of people and phases; empty for a real recording.

    Attributes
    ----------
    frames : one per thermal frame, in order of time.
    timing : the true phases; None if the recording has none.
    """

    def __init__(self, reader: BagReader) -> None:
        self.frames = list(reader.true_frames()) if reader.has(schema.TRUTH_FRAME) else []
        self.timing: TugTiming | None = None
        if reader.has(schema.TRUTH_TUG):
            self.timing = reader.true_timing()
        self._by_stamp = {frame.stamp_ns: frame for frame in self.frames}

    def at(self, stamp_ns: int, joints_at_rgb: bool = False) -> TrueFrame | None:
        """Return the truth of the thermal frame with this stamp, None if there is none.

        Parameters
        ----------
        joints_at_rgb : interpolate the joints to the moment of the RGB exposure.
        """
        truth = self._by_stamp.get(stamp_ns)
        return self._at_rgb(truth) if truth is not None and joints_at_rgb else truth

    def asynchronous_stamps(self) -> set[int]:
        """Return the stamps of pairs whose stamps match although their exposures differ."""
        return {frame.stamp_ns for frame in self.frames if frame.asynchronous}

    def phase(self, stamp_ns: int) -> int:
        """Return the phase (`Phase`) at a stamp; 0 for a recording without phases."""
        if self.timing is None:
            return 0
        at_s = (stamp_ns - self.timing.origin_ns) / NS_PER_S
        for interval in self.timing:
            if interval.start_s <= at_s < interval.end_s:
                return int(interval.phase)
        return int(Phase.SEATED if self.timing.valid else Phase.UNKNOWN)

    @cached_property
    def _exposures_ns(self) -> list[int]:
        return [frame.thermal_acquired_ns for frame in self.frames]

    def _at_rgb(self, truth: TrueFrame) -> TrueFrame:
        after = int(np.searchsorted(self._exposures_ns, truth.rgb_acquired_ns))
        if not 0 < after < len(self.frames):
            return truth
        early, late = self.frames[after - 1], self.frames[after]
        span = late.thermal_acquired_ns - early.thermal_acquired_ns
        share = np.float32((truth.rgb_acquired_ns - early.thermal_acquired_ns) / max(span, 1))
        first = {person.person_id: person for person in early.persons}
        second = {person.person_id: person for person in late.persons}

        def moved(person: TruePerson) -> TruePerson:
            a, b = first.get(person.person_id), second.get(person.person_id)
            if a is None or b is None:
                return person
            return replace(person, xy=np.asarray(a.xy + share * (b.xy - a.xy), np.float32))

        return replace(truth, persons=tuple(moved(person) for person in truth.persons))
