# SPDX-License-Identifier: Apache-2.0
"""Whether a trial can be timed; if not, why, as a code and as a sentence."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from thermal_pose.tug.params import TugParams
from thermal_pose.tug.result import Coverage
from thermal_pose.tug.segmentation import Segmentation
from thermal_pose.tug.signals import BodySignals, smooth
from thermal_pose.tug.subject import SubjectTrack
from thermal_pose.types import TrialReason

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """The code, and one sentence for people ('' when valid)."""

    reason: TrialReason = TrialReason.VALID
    sentence: str = ""

    @property
    def valid(self) -> bool:
        """Whether the trial may be timed."""
        return self.reason is TrialReason.VALID


def judge(
    track: SubjectTrack,
    signals: BodySignals,
    segmentation: Segmentation,
    coverage: Coverage,
    params: TugParams,
) -> Verdict:
    """Return the first reason, in order of gravity, for which a trial cannot be timed."""
    for check in (_person, _sat_and_stood, _complete, _timed_part):
        verdict = check(track, signals, segmentation, coverage, params)
        if not verdict.valid:
            return verdict
    return Verdict()


def _person(
    track: SubjectTrack,
    signals: BodySignals,
    segmentation: Segmentation,
    coverage: Coverage,
    params: TugParams,
) -> Verdict:
    if coverage.n_frames < 2 or coverage.n_with_subject < 2:
        return Verdict(
            TrialReason.NO_PERSON,
            f"A person was seen in {coverage.n_with_subject} of {coverage.n_frames} frames.",
        )
    return Verdict()


def _sat_and_stood(
    track: SubjectTrack,
    signals: BodySignals,
    segmentation: Segmentation,
    coverage: Coverage,
    params: TugParams,
) -> Verdict:
    index = smooth(signals.standing_index, signals.stamps_s, 0.25)
    known = index[np.isfinite(index)]
    if not known.size:
        return Verdict(TrialReason.FRAMES_LOST, "The legs were never seen well enough.")
    if np.mean(known < 0.65) < 0.02:
        return Verdict(TrialReason.NEVER_SAT, "Nobody was seen seated on the chair.")
    if np.mean(known > 0.75) < 0.05:
        return Verdict(TrialReason.NEVER_STOOD, "The seated person never stood up.")
    return Verdict()


def _complete(
    track: SubjectTrack,
    signals: BodySignals,
    segmentation: Segmentation,
    coverage: Coverage,
    params: TugParams,
) -> Verdict:
    if segmentation.complete:
        return Verdict()
    return Verdict(TrialReason.STOPPED_EARLY, "The test was not finished in the recording.")


def _timed_part(
    track: SubjectTrack,
    signals: BodySignals,
    segmentation: Segmentation,
    coverage: Coverage,
    params: TugParams,
) -> Verdict:
    start_s, end_s = float(segmentation.boundaries_s[0]), float(segmentation.boundaries_s[-1])
    inside = (signals.stamps_s >= start_s - 0.5) & (signals.stamps_s <= end_s + 0.5)
    gap_s = float(np.diff(signals.stamps_s[inside]).max()) if inside.sum() > 1 else np.inf
    if gap_s > params.max_gap_s:
        return Verdict(
            TrialReason.STAMP_GAP,
            f"The recording has a gap of {gap_s:.1f} s within the test; "
            f"at most {params.max_gap_s:.1f} s can be bridged.",
        )
    lost = 1.0 - float(track.seen[inside].mean())
    if lost > params.max_lost_share:
        return Verdict(
            TrialReason.FRAMES_LOST,
            f"The person was not found in {100 * lost:.0f} % of the frames of the test.",
        )
    if end_s - start_s > params.max_total_s:
        return Verdict(
            TrialReason.TOO_SLOW, f"The test took longer than {params.max_total_s:.0f} s."
        )
    return Verdict()
