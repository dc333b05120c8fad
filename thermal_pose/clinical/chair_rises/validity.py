# SPDX-License-Identifier: Apache-2.0
"""Whether a chair-rise test gives a figure; if not, why, as a code and as a sentence."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from thermal_pose.clinical.chair_rises.about import FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.chair_rises.arm_features import arm_features
from thermal_pose.clinical.chair_rises.arms import ArmsModel
from thermal_pose.clinical.chair_rises.definitions import ChairRise
from thermal_pose.clinical.chair_rises.reading import RiseReading
from thermal_pose.clinical.chair_rises.scoring import CHAIR_STAND_S, N_RISES
from thermal_pose.clinical.movement_test import MovementTest
from thermal_pose.clinical.tug.coverage import longest_unseen_s
from thermal_pose.clinical.tug.evidence import Verdict
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.validity import EDGE_SHARE
from thermal_pose.types import TrialReason

#: Rises of someone else that make a second person tested.
OTHER_RISES: Final = 2
#: Share of incomplete rises above which the 30-second chair stand is refused; fewer are left out
#: of the count, as the published rule says.
MAX_INCOMPLETE_SHARE: Final = 1 / 3
#: Straight legs end a full rise at the same height each time. A rise that ends further below the
#: highest one, as a share of the way up, may be incomplete.
MAX_BELOW_HIGHEST: Final = 0.07


@dataclass(frozen=True)
class RiseEvidence:
    """All that the checks look at."""

    test: MovementTest
    reading: RiseReading
    rises: tuple[ChairRise, ...]
    start_s: float | None
    params: TugParams
    arms: ArmsModel


def judge_rises(evidence: RiseEvidence) -> Verdict:
    """Return the first reason for which the test gives no figure; VALID if there is none."""
    for check in (_person, _second_person, _rises, _continuous, _complete, _whole, _arms):
        verdict = check(evidence)
        if not verdict.valid:
            return verdict
    return Verdict()


def arms_checked(evidence: RiseEvidence) -> bool:
    """Whether the use of the arms could be checked with these keypoints."""
    frames = evidence.reading.frames
    return bool(frames) and evidence.arms.knows(frames[0].model_id)


def _person(evidence: RiseEvidence) -> Verdict:
    track = evidence.reading.subject.track
    n_frames, n_seen = len(track.stamps_ns), int(track.seen.sum())
    if n_frames < 2 or n_seen < 2:
        return Verdict(
            TrialReason.NO_PERSON, f"A person was seen in {n_seen} of {n_frames} frames."
        )
    return Verdict()


def _second_person(evidence: RiseEvidence) -> Verdict:
    if evidence.reading.n_other_rises >= OTHER_RISES:
        return Verdict(
            TrialReason.SECOND_PERSON,
            f"A second person stood up {evidence.reading.n_other_rises} times as well.",
        )
    return Verdict()


def _rises(evidence: RiseEvidence) -> Verdict:
    if not evidence.rises or evidence.start_s is None:
        return Verdict(TrialReason.NEVER_STOOD, "The person never stood up from the chair.")
    if evidence.reading.subject.curves.walked:
        return Verdict(
            TrialReason.WRONG_ORDER, "The person walked away; this test is done on the spot."
        )
    return Verdict()


def _continuous(evidence: RiseEvidence) -> Verdict:
    """Missing frames, and time without the person, within the test."""
    track, params = evidence.reading.subject.track, evidence.params
    start_s, end_s = evidence.start_s or 0.0, _end_s(evidence)
    inside = (track.stamps_s >= start_s - 0.3) & (track.stamps_s <= end_s + 0.3)
    marks, seen = track.stamps_s[inside], track.seen[inside]
    gap_s = float(np.diff(marks).max()) if marks.size > 1 else float("inf")
    if gap_s > params.max_gap_s:
        return Verdict(
            TrialReason.STAMP_GAP,
            f"The recording has a gap of {gap_s:.1f} s within the test; "
            f"at most {params.max_gap_s:.1f} s can be bridged.",
        )
    unseen_s = longest_unseen_s(marks, seen)
    if unseen_s > params.max_unseen_s:
        return _unseen(evidence, unseen_s)
    lost = 1.0 - float(seen.mean())
    if lost > params.max_lost_share:
        return Verdict(
            TrialReason.FRAMES_LOST,
            f"The person was not found in {100 * lost:.0f} % of the frames of the test.",
        )
    return Verdict()


def _unseen(evidence: RiseEvidence, unseen_s: float) -> Verdict:
    """Whether the person sat too near the edge of the view, or vanished within it."""
    track, frames = evidence.reading.subject.track, evidence.reading.frames
    left, _, right, _ = np.nanmedian(track.boxes[track.seen], axis=0)
    width = frames[0].image_wh[0]
    margin = EDGE_SHARE * width
    if left < margin or right > width - 1 - margin:
        return Verdict(
            TrialReason.LEFT_VIEW, f"The person was out of the view for {unseen_s:.1f} s."
        )
    return Verdict(TrialReason.FRAMES_LOST, f"The person could not be found for {unseen_s:.1f} s.")


def _complete(evidence: RiseEvidence) -> Verdict:
    """The person stood up fully."""
    counted = _counted(evidence)
    low = [index for index, rise in enumerate(counted, start=1) if not rise.complete]
    allowed = (
        0
        if evidence.test.key == FIVE_TIMES_SIT_TO_STAND.key
        else MAX_INCOMPLETE_SHARE * len(counted)
    )
    if len(low) > allowed:
        listed = ", ".join(str(index) for index in low)
        return Verdict(
            TrialReason.INCOMPLETE_RISE, f"The person did not stand up fully at rise {listed}."
        )
    return _same_height(counted)


def _same_height(counted: tuple[ChairRise, ...]) -> Verdict:
    """Rises of very different heights: the highest need not be full standing either."""
    heights = [rise.height_share for rise in counted]
    below = sum(height < max(heights) - MAX_BELOW_HIGHEST for height in heights)
    if below > MAX_INCOMPLETE_SHARE * len(heights):
        return Verdict(
            TrialReason.INCOMPLETE_RISE,
            "The rises reached different heights; a full rise ends at the same height each time.",
        )
    return Verdict()


def _counted(evidence: RiseEvidence) -> tuple[ChairRise, ...]:
    """The rises that the test's figure rests on."""
    if evidence.test.key == FIVE_TIMES_SIT_TO_STAND.key:
        return evidence.rises[:N_RISES]
    end_s = (evidence.start_s or 0.0) + CHAIR_STAND_S
    return tuple(rise for rise in evidence.rises if rise.half_up_s <= end_s)


def _end_s(evidence: RiseEvidence) -> float:
    counted = _counted(evidence)
    last = counted[-1] if counted else evidence.rises[-1]
    return last.stand_s if last.seat_contact_s is None else last.seat_contact_s


def _whole(evidence: RiseEvidence) -> Verdict:
    """The whole test is in the recording."""
    counted = _counted(evidence)
    if evidence.test.key == FIVE_TIMES_SIT_TO_STAND.key:
        n_done = sum(rise.seat_contact_s is not None for rise in counted)
        if n_done < N_RISES:
            return Verdict(
                TrialReason.STOPPED_EARLY,
                f"The person stood up and sat down {n_done} of {N_RISES} times.",
            )
        return Verdict()
    recorded_s = float(evidence.reading.subject.track.stamps_s[-1]) - (evidence.start_s or 0.0)
    if recorded_s < CHAIR_STAND_S:
        return Verdict(
            TrialReason.STOPPED_EARLY,
            f"The recording ends {recorded_s:.0f} s after the start; this test takes "
            f"{CHAIR_STAND_S:.0f} s.",
        )
    return Verdict()


def _arms(evidence: RiseEvidence) -> Verdict:
    if not arms_checked(evidence):
        return Verdict()
    subject = evidence.reading.subject
    # The person may use their hands to stand up and leave after the test.
    cycles = subject.cycles[: len(_counted(evidence))]
    pushed = evidence.arms.pushed(arm_features(subject.track, subject.curves, cycles))
    if pushed:
        listed = ", ".join(str(number) for number in pushed)
        return Verdict(
            TrialReason.ARMS_USED,
            f"The arms seem to have left the chest at rise {listed}; both chair-rise tests need "
            "them crossed.",
        )
    return Verdict()
