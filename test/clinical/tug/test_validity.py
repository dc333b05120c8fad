# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from clinical.tug.test_subject import ALWAYS_UP, moved, with_carer
from support.stick_figure import Figure

from thermal_pose.clinical.tug.evidence import TrialEvidence
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import read_frames
from thermal_pose.clinical.tug.validity import judge
from thermal_pose.pipeline.trial import analyze_frames
from thermal_pose.types import FrameKeypoints, TrialReason

FAR = (90.0, 91.0, 92.0, 93.0, 94.0, 95.0, 96.0)


def reason(frames: list[FrameKeypoints], params: TugParams | None = None) -> TrialReason:
    result = analyze_frames(frames, params)
    assert result.timing.valid == (result.total_s is not None)
    assert bool(result.timing.sentence) != result.timing.valid
    return result.timing.reason


def emptied(frames: list[FrameKeypoints], start: int, end: int) -> list[FrameKeypoints]:
    return [replace(f, persons=()) if start <= k < end else f for k, f in enumerate(frames)]


def test_a_whole_test_is_valid() -> None:
    assert reason(Figure().frames()) is TrialReason.VALID


def test_a_carer_beside_is_no_second_person() -> None:
    frames = with_carer(Figure().frames(), Figure(edges_s=ALWAYS_UP, seed=5), 14.0)
    assert reason(frames) is TrialReason.VALID


def test_a_carer_who_walks_past_is_no_second_person() -> None:
    frames = Figure(end_s=18.0).frames()
    up = Figure(edges_s=(-9.0, -8.0, -7.5, -6.0, 3.0, 40.0, 41.0), end_s=18.0, seed=4).frames()
    both = [
        replace(f, persons=(*f.persons, moved(g.persons[0], -16.0, 2)))
        for f, g in zip(frames, up, strict=True)
    ]
    assert reason(both) is TrialReason.VALID


@pytest.mark.parametrize(("unsure", "valid"), [((3,), True), ((2, 3), False), ((2, 3, 4), False)])
def test_one_unsure_boundary_leaves_the_total_standing(unsure, valid) -> None:
    frames = Figure().frames()
    reading = read_frames(frames, TugParams())
    sds_s = np.full(7, 0.1)
    sds_s[list(unsure)] = 9.0
    evidence = TrialEvidence(
        frames,
        reading.track,
        reading.signals,
        replace(reading.segmentation, sds_s=sds_s),
        TugParams(),
    )
    verdict = judge(evidence)
    assert verdict.valid is valid
    assert valid or (verdict.reason is TrialReason.UNCERTAIN and "9.0 s" in verdict.sentence)


def test_an_unsure_total_is_refused() -> None:
    frames = Figure().frames()
    reading = read_frames(frames, TugParams())
    segmentation = replace(reading.segmentation, sds_s=np.array([1.5] + [0.1] * 6))
    evidence = TrialEvidence(frames, reading.track, reading.signals, segmentation, TugParams())
    assert judge(evidence).reason is TrialReason.UNCERTAIN


def test_two_who_sit_stand_up_and_walk() -> None:
    frames = Figure(seed=1).frames()
    both = [
        replace(f, persons=(*f.persons, moved(g.persons[0], -16.0, 2)))
        for f, g in zip(frames, Figure(seed=2).frames(), strict=True)
    ]
    assert reason(both) is TrialReason.SECOND_PERSON


def test_never_stood() -> None:
    assert reason(Figure(edges_s=FAR).frames()) is TrialReason.NEVER_STOOD


def test_never_sat() -> None:
    edges = (-9.0, -8.0, 5.8, 7.6, 40.0, 41.0, 42.0)
    assert reason(Figure(edges_s=edges).frames()) is TrialReason.NEVER_SAT


@pytest.mark.parametrize("end_s", [5.0, 7.0, 9.0])
def test_stopped_early(end_s: float) -> None:
    result = analyze_frames(Figure(end_s=end_s).frames())
    assert result.timing.reason is TrialReason.STOPPED_EARLY
    # What was completed stands on its own.
    assert len(result.timing.phases) < 6


def test_gap_in_the_stamps() -> None:
    frames = Figure().frames()
    assert reason(frames[:40] + frames[60:]) is TrialReason.STAMP_GAP


def test_gap_before_the_test_does_not_matter() -> None:
    frames = Figure(edges_s=tuple(np.array(Figure().edges_s) + 4.0), end_s=19.0).frames()
    assert reason(frames[:6] + frames[18:]) is TrialReason.VALID


def test_person_vanished_within_the_view() -> None:
    assert reason(emptied(Figure().frames(), 40, 70)) is TrialReason.FRAMES_LOST


def test_short_losses_are_bridged() -> None:
    assert reason(emptied(Figure().frames(), 40, 45)) is TrialReason.VALID


def test_a_slower_test_than_the_limit_is_refused() -> None:
    assert reason(Figure().frames(), TugParams(max_total_s=10.0)) is TrialReason.TOO_SLOW


def test_nobody() -> None:
    assert reason(emptied(Figure().frames(), 0, 1000)) is TrialReason.NO_PERSON
