# SPDX-License-Identifier: Apache-2.0
"""Whether a trial can be timed; if not, why, as a code and as a sentence.

The checks go from what makes every further question idle (nobody there) to what concerns the
timed part only. A trial is timed only if all of them pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.tug.coverage import longest_unseen_s
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.others import SEATED_INDEX, UPRIGHT_INDEX, did_the_test
from thermal_pose.clinical.tug.segmentation import Segmentation
from thermal_pose.clinical.tug.signals import BodySignals, smooth
from thermal_pose.clinical.tug.subject import SubjectTrack
from thermal_pose.types import FrameKeypoints, TrialReason

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: A person last seen this near the image's edge, as a share of its width, has left the view.
EDGE_SHARE = 0.12
#: Largest standard deviation of a total that is still worth printing, s.
MAX_TOTAL_SD_S = 1.0
#: Largest standard deviation of any boundary of a trial whose phases can be told apart, as a share
#: of the total. Of 400 valid trials none came to more than 0.083; a path that leads from the person
#: tested to somebody else and back came to 0.146 and more.
MAX_BOUNDARY_SD_SHARE = 0.11


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
    other : what another person did meanwhile; None if nobody else was seen for long.
    """

    frames: Sequence[FrameKeypoints]
    track: SubjectTrack
    signals: BodySignals
    segmentation: Segmentation
    params: TugParams
    other: Segmentation | None = None

    @cached_property
    def posture(self) -> Array:
        """(N,) standing index, smoothed; NaN where the legs were not seen."""
        return smooth(self.signals.standing_index, self.signals.stamps_s, 0.3)

    def between(self, start_s: float, end_s: float) -> Mask:
        """(N,) frames in `[start_s, end_s]`."""
        return (self.signals.stamps_s >= start_s) & (self.signals.stamps_s <= end_s)


def judge(evidence: TrialEvidence) -> Verdict:
    """Return the first reason for which a trial cannot be timed; VALID if there is none."""
    for check in (_person, _second_person, _whole, _continuous, _plausible):
        verdict = check(evidence)
        if not verdict.valid:
            return verdict
    return Verdict()


def _person(evidence: TrialEvidence) -> Verdict:
    n_frames, n_seen = len(evidence.track.stamps_ns), int(evidence.track.seen.sum())
    if n_frames < 2 or n_seen < 2:
        return Verdict(
            TrialReason.NO_PERSON, f"A person was seen in {n_seen} of {n_frames} frames."
        )
    if not np.isfinite(evidence.posture).any():
        return Verdict(
            TrialReason.FRAMES_LOST, "The person's legs were never seen well enough to tell."
        )
    return Verdict()


def _second_person(evidence: TrialEvidence) -> Verdict:
    if evidence.other is not None and did_the_test(evidence.other):
        return Verdict(
            TrialReason.SECOND_PERSON, "A second person sat, stood up and walked as well."
        )
    return Verdict()


def _whole(evidence: TrialEvidence) -> Verdict:
    """All boundaries are there and in order; if not, what was missing."""
    segmentation, params = evidence.segmentation, evidence.params
    times_s, index = evidence.signals.stamps_s, evidence.posture
    known = np.isfinite(index)
    upright = known & (index > UPRIGHT_INDEX)
    upright_s = float(np.ptp(times_s[upright])) if upright.any() else 0.0
    total_s = float(segmentation.boundaries_s[-1] - segmentation.boundaries_s[0])
    if max(upright_s, np.nan_to_num(total_s)) > params.max_total_s:
        return Verdict(
            TrialReason.TOO_SLOW, f"The test took longer than {params.max_total_s:.0f} s."
        )
    if segmentation.complete:
        return Verdict()
    gap = _gap(evidence, 0.0, float(times_s[-1]))
    if not gap.valid:
        return gap
    return _missing(segmentation, times_s, index)


def _missing(segmentation: Segmentation, times_s: Array, index: Array) -> Verdict:
    """Which part of the test is not in the recording."""
    known = np.isfinite(index)
    seated, upright = known & (index < SEATED_INDEX), known & (index > UPRIGHT_INDEX)
    if segmentation.presence[0] >= 0.5 and upright.any():
        return Verdict(TrialReason.STOPPED_EARLY, "The test was not finished in the recording.")
    if np.mean(seated[known]) < 0.1:
        return Verdict(TrialReason.NEVER_SAT, "Nobody was seen seated before the walk.")
    if np.mean(upright[known]) < 0.1:
        return Verdict(TrialReason.NEVER_STOOD, "The seated person never stood up.")
    walked_first = times_s[upright][0] < times_s[seated][0] - 2.0
    sentence = (
        "The person walked first and sat down only afterwards."
        if walked_first
        else "The parts of the test did not come in their order."
    )
    return Verdict(TrialReason.WRONG_ORDER, sentence)


def _gap(evidence: TrialEvidence, start_s: float, end_s: float) -> Verdict:
    """Missing frames, and time without the person, between two times."""
    params, times_s = evidence.params, evidence.signals.stamps_s
    inside = evidence.between(start_s, end_s)
    marks = times_s[inside]
    gap_s = float(np.diff(marks).max()) if marks.size > 1 else float("inf")
    if gap_s > params.max_gap_s:
        return Verdict(
            TrialReason.STAMP_GAP,
            f"The recording has a gap of {gap_s:.1f} s within the test; "
            f"at most {params.max_gap_s:.1f} s can be bridged.",
        )
    seen = evidence.track.seen[inside]
    unseen_s = longest_unseen_s(marks, seen)
    if unseen_s > params.max_unseen_s:
        return _unseen(evidence, np.flatnonzero(inside), seen, unseen_s)
    lost = 1.0 - float(seen.mean())
    if lost > params.max_lost_share:
        return Verdict(
            TrialReason.FRAMES_LOST,
            f"The person was not found in {100 * lost:.0f} % of the frames of the test.",
        )
    return Verdict()


def _unseen(
    evidence: TrialEvidence, rows: npt.NDArray[np.int64], seen: Mask, unseen_s: float
) -> Verdict:
    """Whether the person went out of the view or vanished within it."""
    times_s = evidence.signals.stamps_s[rows]
    sightings = np.flatnonzero(seen)
    if sightings.size:
        waits_s = np.diff(np.append(times_s[sightings], times_s[-1]))
        last = rows[sightings[int(np.argmax(waits_s))]]
        left, top, right, bottom = evidence.track.boxes[last]
        width, height = evidence.frames[last].image_wh
        margin = EDGE_SHARE * width
        if left < margin or right > width - 1 - margin or bottom - top > 0.85 * height:
            return Verdict(
                TrialReason.LEFT_VIEW, f"The person was out of the view for {unseen_s:.1f} s."
            )
    return Verdict(TrialReason.FRAMES_LOST, f"The person could not be found for {unseen_s:.1f} s.")


def _continuous(evidence: TrialEvidence) -> Verdict:
    edges = evidence.segmentation.boundaries_s
    return _gap(evidence, float(edges[0]) - 0.3, float(edges[-1]) + 0.3)


def _plausible(evidence: TrialEvidence) -> Verdict:
    """The boundaries are known closely enough."""
    spread_s = float(np.hypot(evidence.segmentation.sds_s[0], evidence.segmentation.sds_s[-1]))
    if spread_s > MAX_TOTAL_SD_S:
        return Verdict(
            TrialReason.FRAMES_LOST,
            f"The person was seen too poorly: the total would be uncertain by {spread_s:.1f} s.",
        )
    edges_s, worst_s = evidence.segmentation.boundaries_s, float(evidence.segmentation.sds_s.max())
    if worst_s > MAX_BOUNDARY_SD_SHARE * float(edges_s[-1] - edges_s[0]):
        return Verdict(
            TrialReason.FRAMES_LOST,
            f"The person was not followed well enough: a phase would be uncertain by "
            f"{worst_s:.1f} s.",
        )
    return Verdict()
