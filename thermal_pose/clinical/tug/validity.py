# SPDX-License-Identifier: Apache-2.0
"""Whether a trial can be timed; if not, why, as a code and as a sentence.

The checks go from what makes every further question idle (nobody there) to what concerns the
timed part only. A trial is timed only if all of them pass. What happened instead of a test is told
by `story`.
"""

import numpy as np
import numpy.typing as npt

from thermal_pose.clinical.tug.certainty import unsure_boundaries
from thermal_pose.clinical.tug.coverage import longest_unseen_s
from thermal_pose.clinical.tug.evidence import TrialEvidence, Verdict
from thermal_pose.clinical.tug.others import (
    SEATED_INDEX,
    UPRIGHT_INDEX,
    did_the_test,
    swaps_s,
)
from thermal_pose.clinical.tug.rolled import found_lying
from thermal_pose.clinical.tug.segmentation import Segmentation
from thermal_pose.clinical.tug.story import MAX_LOWNESS, MIN_TRAVEL, MIN_WAY, Story
from thermal_pose.types import BoolArray, Float64Array, TrialReason

#: A person last seen this near the image's edge, as a share of its width, has left the view.
EDGE_SHARE = 0.12
#: Largest standard deviation of a total that is still worth printing: so many seconds, or this
#: share of a total that is longer.
MAX_TOTAL_SD_S, MAX_TOTAL_SD_SHARE = 1.0, 0.02
#: With more unsure boundaries than this, the person was not followed well enough for a total.
MAX_UNSURE = 1
#: Recordings must show this much before the first movement and after the end, s: without it,
#: nobody can tell whether that was the movement's start, or its end.
MIN_REST_BEFORE_S, MIN_REST_S = 0.5, 0.25
#: Seats before and after the test further apart than this, in body heights, are two seats.
MAX_SEAT_SHIFT = 0.2
#: Boxes of a seated person lower than this share of those before the test: sits on the floor.
MIN_SHRINKAGE = 0.8
#: So many rises without a walk are another test.
MANY_RISES = 3
#: A standstill at least this long explains why a trial is uncertain, s.
LONG_STANDSTILL_S = 3.0
#: Hardly anybody whom the networks learned from stood still for so long, s.
FREEZE_S = 10.0
#: A recording that ends this soon after the person began to sit down is cut off, s.
SITTING_DOWN_S = 3.0


def judge(evidence: TrialEvidence) -> Verdict:
    """Return the first reason for which a trial cannot be timed; VALID if there is none."""
    checks = (
        _rolled,
        _person,
        _camera,
        _legs,
        _second_person,
        _another_course,
        _whole,
        _continuous,
        _same_person,
        _stays,
        _sits_again,
        _plausible,
    )
    for check in checks:
        verdict = check(evidence)
        if not verdict.valid:
            return verdict
    return Verdict()


def _rolled(evidence: TrialEvidence) -> Verdict:
    """People do not lie in the image; those who do are hardly found."""
    if evidence.story.sideways or found_lying(evidence.frames, evidence.params.min_joint_score):
        return Verdict(TrialReason.CAMERA_TILTED, "The image is on its side.")
    return Verdict()


def _person(evidence: TrialEvidence) -> Verdict:
    n_frames, n_seen = len(evidence.track.stamps_ns), int(evidence.track.seen.sum())
    if n_frames < 2 or n_seen < 2:
        return Verdict(
            TrialReason.NO_PERSON, f"A person was seen in {n_seen} of {n_frames} frames."
        )
    return Verdict()


def _legs(evidence: TrialEvidence) -> Verdict:
    """Without the legs, nobody can tell sitting from standing."""
    if np.isfinite(evidence.posture).any():
        return Verdict()
    gap = _gap(evidence, 0.0, float(evidence.signals.stamps_s[-1]))
    if not gap.valid:
        return gap
    return Verdict(TrialReason.UNCERTAIN, "The person's legs were never seen well enough to tell.")


def _second_person(evidence: TrialEvidence) -> Verdict:
    if evidence.other is not None and did_the_test(evidence.other):
        return Verdict(
            TrialReason.SECOND_PERSON, "A second person sat, stood up and walked as well."
        )
    return Verdict()


def _camera(evidence: TrialEvidence) -> Verdict:
    """The camera is upright and sees people from the front while they sit."""
    story, whole = evidence.story, evidence.segmentation.complete
    if story.upside_down and not whole:
        return Verdict(TrialReason.CAMERA_TILTED, "The image is upside down.")
    if story.hardly_human and not whole:
        return Verdict(
            TrialReason.CAMERA_TILTED,
            "Someone moves, but hardly looks like an upright person: the image is tilted.",
        )
    if story.walked_away and story.travel > MIN_TRAVEL and story.laps() == 0:
        return Verdict(
            TrialReason.CAMERA_BEHIND,
            "The person walked away from the camera: it stands behind the chair.",
        )
    return Verdict()


def _another_course(evidence: TrialEvidence) -> Verdict:
    """The person did something else than one walk out and back."""
    story, end_s = evidence.story, evidence.segmentation.boundaries_s[-1]
    laps = story.laps(float(np.nan_to_num(end_s, nan=np.inf)))
    if laps > 1:
        return Verdict(TrialReason.TWO_LAPS, f"The person walked the way {laps} times.")
    if story.rises >= MANY_RISES and story.travel < MIN_TRAVEL:
        return Verdict(
            TrialReason.SIT_TO_STANDS,
            f"The person stood up {story.rises} times and never walked.",
        )
    came_back = story.travel > MIN_TRAVEL and laps == 1 and _came_down(story)
    if came_back and story.rises and story.never_turned:
        return Verdict(TrialReason.WALKED_BACKWARDS, "The person came back without turning around.")
    return Verdict()


def _stays(evidence: TrialEvidence) -> Verdict:
    """The person left the chair: anywhere in the image, or between standing up and the turn."""
    story, edges_s = evidence.story, evidence.segmentation.boundaries_s
    way = story.way(float(edges_s[1]), (float(edges_s[2]), float(edges_s[3])))
    if story.upright and not (story.walked or way > MIN_WAY):
        return Verdict(TrialReason.STOPPED_EARLY, "The person stood up but never left the chair.")
    return Verdict()


def _came_down(story: Story) -> bool:
    """Whether the person was off their feet again before the recording ended."""
    return bool(story.upright and story.upright[-1][1] < story.times_s[-1] - MIN_REST_S)


def _whole(evidence: TrialEvidence) -> Verdict:
    """All boundaries are there and in order; if not, what was missing."""
    segmentation, params, story = evidence.segmentation, evidence.params, evidence.story
    longest_s = max((end_s - start_s for start_s, end_s in story.upright), default=0.0)
    total_s = float(segmentation.boundaries_s[-1] - segmentation.boundaries_s[0])
    if max(longest_s, np.nan_to_num(total_s)) > params.max_total_s:
        return Verdict(
            TrialReason.TOO_SLOW, f"The test took longer than {params.max_total_s:.0f} s."
        )
    times_s = evidence.signals.stamps_s
    if segmentation.complete:
        return _room_to_rest(segmentation.boundaries_s, times_s, evidence.track.seen)
    elsewhere = _after_standing(evidence)
    if elsewhere is not None:
        return elsewhere
    gap = _gap(evidence, 0.0, float(times_s[-1]))
    if not gap.valid:
        return gap
    return _missing(evidence)


def _room_to_rest(boundaries_s: Float64Array, times_s: Float64Array, seen: BoolArray) -> Verdict:
    """The recording shows some rest on either side of the test."""
    if boundaries_s[0] - times_s[0] < MIN_REST_BEFORE_S:
        return Verdict(TrialReason.BEGAN_LATE, "The recording begins with the first movement.")
    if times_s[-1] - boundaries_s[-1] < MIN_REST_S:
        return Verdict(TrialReason.CUT_OFF, "The recording ends as the person sits down.")
    if not seen[times_s > boundaries_s[-1]].any():
        return Verdict(TrialReason.UNCERTAIN, "The person was not seen after sitting down.")
    return Verdict()


def _missing(evidence: TrialEvidence) -> Verdict:
    """Which part of the test is not in the recording."""
    segmentation, story, index = evidence.segmentation, evidence.story, evidence.posture
    known = np.isfinite(index)
    seated, upright = known & (index < SEATED_INDEX), known & (index > UPRIGHT_INDEX)
    if np.mean(upright[known]) < 0.1:
        return Verdict(TrialReason.NEVER_STOOD, "The seated person never stood up.")
    if np.mean(seated[known]) < 0.05 and segmentation.presence[0] < 0.5:
        return Verdict(TrialReason.NEVER_SAT, "Nobody was seen seated before the walk.")
    return _one_end_missing(segmentation, story) or _unordered(evidence)


def _unordered(evidence: TrialEvidence) -> Verdict:
    """More is missing than the first movement or the last."""
    segmentation, story = evidence.segmentation, evidence.story
    sat_first = np.isfinite(segmentation.boundaries_s[:3]).all()
    if story.upright and story.upright[0][0] <= story.times_s[0] + 0.5 and not sat_first:
        return _starts_upright(story)
    if _ends_upright(story):
        return _unfinished(segmentation, story)
    stays = _stays(evidence)
    if not stays.valid:
        return stays
    return _interrupted(evidence) or Verdict(
        TrialReason.WRONG_ORDER, "The parts of the test did not come in their order."
    )


def _one_end_missing(segmentation: Segmentation, story: Story) -> Verdict | None:
    """All of a test but its first movement, or but its last one; None if it is neither."""
    there = np.isfinite(segmentation.boundaries_s)
    if there[1:].all() and len(story.upright) == 1:
        return Verdict(
            TrialReason.BEGAN_LATE, "The recording begins when the person is already rising."
        )
    down_s = float(story.times_s[-1] - segmentation.boundaries_s[-2])
    if there[:-1].all() and down_s < SITTING_DOWN_S:
        return Verdict(TrialReason.CUT_OFF, "The recording ends while the person is sitting down.")
    return None


def _starts_upright(story: Story) -> Verdict:
    """The recording begins with someone on their feet: too late, or not this test."""
    if not story.rises:
        return Verdict(
            TrialReason.BEGAN_LATE, "The recording begins when the person is already standing."
        )
    return Verdict(TrialReason.WRONG_ORDER, "The person walked first and sat down only afterwards.")


def _ends_upright(story: Story) -> bool:
    return bool(story.upright and story.upright[-1][1] >= story.times_s[-1] - MIN_REST_S)


def _unfinished(segmentation: Segmentation, story: Story) -> Verdict:
    """The recording ends while the person is on their feet: cut off, or the test not finished."""
    start_s, end_s = story.upright[-1]
    still = story.standstills((max(start_s, end_s - 3.0), end_s))
    returned = segmentation.presence[4] >= 0.5
    if returned and not (still and still[-1][1] > end_s - 0.5):
        return Verdict(TrialReason.CUT_OFF, "The recording ends before the person sits again.")
    if returned:
        return Verdict(TrialReason.STOPPED_EARLY, "The person came back but did not sit down.")
    return Verdict(TrialReason.STOPPED_EARLY, "The recording ends during the walk.")


def _interrupted(evidence: TrialEvidence) -> Verdict | None:
    """A long standstill in the test, if there is one: the reason why it cannot be timed."""
    story = evidence.story
    still = [run for span_s in story.upright for run in story.standstills(span_s)]
    longest_s = max((end_s - start_s for start_s, end_s in still), default=0.0)
    if longest_s < LONG_STANDSTILL_S:
        return None
    return Verdict(
        TrialReason.PAUSED,
        f"The person stood still for {longest_s:.0f} s; the parts of the test around it cannot "
        "be told apart.",
    )


def _sits_again(evidence: TrialEvidence) -> Verdict:
    """After the end the person sits as low as before, on the same seat."""
    story, edges_s = evidence.story, evidence.segmentation.boundaries_s
    before_s = (0.0, float(edges_s[0]) - 0.1)
    after_s = (float(edges_s[-1]) + 0.1, float(story.times_s[-1]))
    elsewhere = _elsewhere(evidence, before_s, after_s)
    if elsewhere is not None:
        return elsewhere
    if story.lowness(after_s) > MAX_LOWNESS:
        return Verdict(
            TrialReason.STOPPED_EARLY, "The person did not sit down again before the chair."
        )
    return Verdict()


def _elsewhere(
    evidence: TrialEvidence, before_s: tuple[float, float], after_s: tuple[float, float]
) -> Verdict | None:
    """Another seat in the second span than in the first, if it is one."""
    story = evidence.story
    shift = story.seat_shift(before_s, after_s)
    if not shift > MAX_SEAT_SHIFT or not _near(evidence, after_s):
        return None
    return Verdict(
        TrialReason.SAT_ELSEWHERE,
        "The person did not sit down on the chair that they rose from."
        if story.shrinkage(before_s, after_s) > MIN_SHRINKAGE
        else "The person sat down on the floor.",
    )


def _after_standing(evidence: TrialEvidence) -> Verdict | None:
    """Another seat after the last time upright than before the first, if it is one."""
    story = evidence.story
    if not story.upright:
        return None
    before_s = (0.0, story.upright[0][0] - 0.5)
    after_s = (story.upright[-1][1] + 0.5, float(story.times_s[-1]))
    return _elsewhere(evidence, before_s, after_s)


def _near(evidence: TrialEvidence, span_s: tuple[float, float]) -> bool:
    """Whether the person is well seen in most frames of a span."""
    seen = evidence.track.seen[evidence.story.within(span_s)]
    return bool(seen.size and seen.mean() > 0.5)


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
    evidence: TrialEvidence, rows: npt.NDArray[np.int64], seen: BoolArray, unseen_s: float
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


def _same_person(evidence: TrialEvidence) -> Verdict:
    """The analysis followed the same person throughout the test."""
    edges_s = evidence.segmentation.boundaries_s
    swaps = swaps_s(evidence.frames, evidence.track)
    within = swaps[(swaps >= edges_s[0]) & (swaps <= edges_s[-1])]
    if not within.size:
        return Verdict()
    return Verdict(
        TrialReason.SECOND_PERSON,
        f"The person was lost: another person was followed from {within[0]:.1f} s on.",
    )


def _plausible(evidence: TrialEvidence) -> Verdict:
    """The total is known closely enough, and so are most of the phases."""
    edges_s, sds_s = evidence.segmentation.boundaries_s, evidence.segmentation.sds_s
    spread_s = float(np.hypot(sds_s[0], sds_s[-1]))
    most_s = max(MAX_TOTAL_SD_S, MAX_TOTAL_SD_SHARE * float(edges_s[-1] - edges_s[0]))
    unsure = unsure_boundaries(edges_s, sds_s)
    walk_s = (float(edges_s[1]), float(edges_s[4]))
    frozen = evidence.story.frozen_beside(edges_s[2:4], walk_s, FREEZE_S)
    if spread_s <= most_s and unsure.sum() <= MAX_UNSURE and not frozen:
        return Verdict()
    reason = _interrupted(evidence)
    if reason is not None:
        return reason
    if spread_s > most_s:
        return Verdict(
            TrialReason.UNCERTAIN,
            f"The person was seen too poorly: the total would be uncertain by {spread_s:.1f} s.",
        )
    return Verdict(
        TrialReason.UNCERTAIN,
        f"The person was not followed well enough: {int(unsure.sum())} of the 7 boundaries are "
        f"uncertain, one by {float(sds_s.max()):.1f} s.",
    )
