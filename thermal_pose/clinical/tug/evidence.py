# SPDX-License-Identifier: Apache-2.0
"""The evidence that the checks of a trial use, and their verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.segmentation import Segmentation
from thermal_pose.clinical.tug.signals import BodySignals, smooth
from thermal_pose.clinical.tug.story import Story
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.types import BoolArray, Float64Array, FrameKeypoints, TrialReason


@dataclass(frozen=True)
class Verdict:
    """The code, and one sentence for people ('' when valid)."""

    reason: TrialReason = TrialReason.VALID
    sentence: str = ""

    @property
    def valid(self) -> bool:
        """Whether the trial may be timed."""
        return self.reason is TrialReason.VALID


@dataclass(frozen=True)
class TrialEvidence:
    """All that the checks look at.

    Attributes
    ----------
    frames : by rising stamp; track, signals : one row each.
    other : the behaviour of another person; None if no one else was seen for long.
    """

    frames: Sequence[FrameKeypoints]
    track: SubjectTrack
    signals: BodySignals
    segmentation: Segmentation
    params: TugParams
    other: Segmentation | None = None

    @cached_property
    def story(self) -> Story:
        """The course of events, from posture and place."""
        return Story.of(self.frames, self.signals, self.track)

    @cached_property
    def posture(self) -> Float64Array:
        """(N,) standing index, smoothed; NaN where the legs were not seen."""
        return smooth(self.signals.standing_index, self.signals.stamps_s, 0.3)

    def between(self, start_s: float, end_s: float) -> BoolArray:
        """(N,) frames in `[start_s, end_s]`."""
        return (self.signals.stamps_s >= start_s) & (self.signals.stamps_s <= end_s)
