# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
from support import rises as stick
from support.rises import even_rises, frames

from thermal_pose.clinical.chair_rises.about import CHAIR_STAND_30S, FIVE_TIMES_SIT_TO_STAND
from thermal_pose.clinical.chair_rises.measures import other_stands
from thermal_pose.clinical.history import EarlierTest
from thermal_pose.clinical.records import MeasureStatus
from thermal_pose.clinical.tug.about import TIMED_UP_AND_GO
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.pipeline.chair_rises import ChairRiseCourse
from thermal_pose.pipeline.detect import detect_test
from thermal_pose.pipeline.session import TrialSession
from thermal_pose.report.page import trial_page
from thermal_pose.report.table import trial_csv
from thermal_pose.types import NS_PER_S, TrialReason


def analysed(made, test=FIVE_TIMES_SIT_TO_STAND, params=None):
    course = ChairRiseCourse(params, test)
    updates = [course.update(frame) for frame in made]
    return course.finish(), updates


def test_five_rises_are_counted_and_timed() -> None:
    result, updates = analysed(frames(even_rises(5), 20.0))
    assert result.timing.valid, result.timing.sentence
    assert [one.complete for one in result.rises] == [True] * 5
    # The stick figure does not lean before it rises as people do: the onset is placed too early.
    assert 14.3 <= result.total_s < 15.8
    assert updates[-1].finished and updates[-1].repetitions == 5
    assert {update.label for update in updates} >= set(FIVE_TIMES_SIT_TO_STAND.phases)
    assert not result.arms_checked
    names = {measure.name for measure in result.measures}
    assert {"mean_rise_s", "mean_descent_s", "longest_rest_s", "to_fifth_stand_s"} <= names
    assert result.measures[0].status is MeasureStatus.SIMULATED


def test_stands_within_30_s_are_counted() -> None:
    result, _ = analysed(frames(even_rises(13), 43.0), CHAIR_STAND_30S)
    assert result.timing.valid, result.timing.sentence
    assert result.stands == 10
    assert result.total_s is None


@pytest.mark.parametrize(
    ("made", "test", "reason"),
    [
        (lambda: frames([], 8.0), FIVE_TIMES_SIT_TO_STAND, TrialReason.NEVER_STOOD),
        (lambda: frames(even_rises(3), 14.0), FIVE_TIMES_SIT_TO_STAND, TrialReason.STOPPED_EARLY),
        (lambda: frames(even_rises(4), 16.0), CHAIR_STAND_30S, TrialReason.STOPPED_EARLY),
        (
            lambda: frames([*even_rises(4), *even_rises(1, 3.0, 14.0, 0.6)], 20.0),
            FIVE_TIMES_SIT_TO_STAND,
            TrialReason.INCOMPLETE_RISE,
        ),
        (
            lambda: frames(even_rises(5), 20.0, 25.0, [(even_rises(4), 60.0)]),
            FIVE_TIMES_SIT_TO_STAND,
            TrialReason.SECOND_PERSON,
        ),
        (
            lambda: frames(even_rises(5), 20.0, lost=(6.5, 8.2)),
            FIVE_TIMES_SIT_TO_STAND,
            TrialReason.STAMP_GAP,
        ),
        (lambda: [], FIVE_TIMES_SIT_TO_STAND, TrialReason.NO_PERSON),
    ],
)
def test_what_is_not_the_test_gets_a_reason_and_no_figure(made, test, reason) -> None:
    result, _ = analysed(made(), test)
    assert result.timing.reason is reason, result.timing.sentence
    assert result.total_s is None and result.stands is None and result.measures == ()
    assert result.timing.sentence


def test_someone_who_stands_by_is_not_the_person_tested() -> None:
    standing = [(-5.0, -4.0, 99.0, 99.5, 1.0)]
    result, _ = analysed(frames(even_rises(5), 20.0, 25.0, [(standing, 60.0)]))
    assert result.timing.valid and len(result.rises) == 5


def test_the_30_s_count_from_the_signalled_go() -> None:
    course = ChairRiseCourse(None, CHAIR_STAND_30S)
    made = frames(even_rises(13), 43.0)
    course.update(made[0])
    course.start(made[0].stamp_ns + NS_PER_S)
    for frame in made[1:]:
        course.update(frame)
    result = course.finish()
    assert result.go_s == pytest.approx(1.0)
    assert result.stands == 10


def test_a_session_drives_the_test_and_gives_the_same_bytes_again() -> None:
    made = frames(even_rises(5), 20.0)
    session = TrialSession(TugParams(subject_id="P-1"), FIVE_TIMES_SIT_TO_STAND)
    for frame in made:
        session.keypoints(frame)
    first = session.finish().result
    session.begin_again()
    for frame in made:
        session.keypoints(frame)
    assert session.finish().result.to_json() == first.to_json()
    session.test = CHAIR_STAND_30S
    assert session.n_frames == 0 and session.test is CHAIR_STAND_30S


def test_frames_that_come_late_or_twice_change_nothing() -> None:
    made = frames(even_rises(5), 20.0)
    shuffled = [*made[:40], made[41], made[40], made[40], *made[42:]]
    result, _ = analysed(shuffled)
    plain, _ = analysed(made)
    assert result.total_s == plain.total_s
    assert (result.coverage.n_duplicated, result.coverage.n_out_of_order) == (1, 1)


def test_report_table_and_history_know_the_tests() -> None:
    for test, duration_s, shown in (
        (FIVE_TIMES_SIT_TO_STAND, 20.0, "Five times sit-to-stand"),
        (CHAIR_STAND_30S, 43.0, "30-second chair stand"),
    ):
        n = 5 if test is FIVE_TIMES_SIT_TO_STAND else 13
        result, _ = analysed(frames(even_rises(n), duration_s), test, TugParams(age_years=74.0))
        page = trial_page(result, None)
        assert shown in page and "checked in simulation only" in page
        assert "confirm that they stayed crossed" in page
        assert "rise_1,stand_s" in trial_csv(result)
        kept = EarlierTest.from_result(result)
        assert kept.test == test.key and kept.value == result.to_json_dict()[test.headline]


def test_the_stick_figure_is_what_it_claims() -> None:
    assert stick.up_at(2.5, even_rises(1)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("made", "test"),
    [
        (lambda: frames(even_rises(5), 20.0), FIVE_TIMES_SIT_TO_STAND),
        (lambda: frames(even_rises(12), 42.0), CHAIR_STAND_30S),
        (lambda: frames([], 8.0), TIMED_UP_AND_GO),
        (lambda: [], TIMED_UP_AND_GO),
    ],
)
def test_the_kind_of_test_is_detected(made, test) -> None:
    assert detect_test(made()) is test


def test_a_rise_at_the_limit_of_30_s_is_said() -> None:
    # The first movement is placed by the lean that a stick figure lacks: look at it, then shift.
    result, _ = analysed(frames(even_rises(13), 43.0), CHAIR_STAND_30S)
    start_s = result.rises[0].rise_start_s
    near = result.rises[9].half_up_s - start_s - 30.0
    said = {}
    for signalled in (False, True):
        for margin_s in (-0.02, 0.02, 0.12, 1.0):
            moved = tuple(rise.shifted(-near + margin_s) for rise in result.rises[1:])
            rises = (result.rises[0], *moved)
            said[signalled, margin_s] = other_stands(rises, start_s, signalled)
    assert said[False, -0.02] == 9 and said[False, 0.02] == 10
    assert said[False, 0.12] == 10, "the first movement is uncertain as well"
    assert said[True, 0.12] is None, "a signalled 'go' is not"
    assert said[False, 1.0] is None and said[True, 1.0] is None


def test_a_count_that_is_open_says_both() -> None:
    result, _ = analysed(frames(even_rises(13), 43.0), CHAIR_STAND_30S)
    page = trial_page(replace(result, stands=9, stands_also=10), None)
    assert "or 10" in page and "10 stands are as possible" in page
    assert "as possible" not in trial_page(replace(result, stands_also=None), None)


def of_heights(*heights: float):
    return [
        (*moves[:4], height)
        for moves, height in zip(even_rises(len(heights)), heights, strict=True)
    ]


@pytest.mark.parametrize(
    ("heights", "reason"),
    [
        # Full rises with one or two that are not: left out of the count.
        ((1, 1, 0.6, 1, 1, 1, 1, 0.6, 1, 1, 1, 1), TrialReason.VALID),
        ((1, 1, 0.98, 1, 0.97, 1, 0.98, 0.97, 1, 0.98, 1, 1), TrialReason.VALID),
        # None is lower than 85 % of the highest, but no legs are straight at so many heights.
        ((1, 0.9, 0.88, 1, 0.9, 1, 0.89, 0.9, 1, 0.9, 0.9, 1), TrialReason.INCOMPLETE_RISE),
        (
            (0.7, 0.63, 0.62, 0.7, 0.63, 0.7, 0.64, 0.7, 0.63, 0.63, 0.7),
            TrialReason.INCOMPLETE_RISE,
        ),
    ],
)
def test_rises_of_many_heights_are_hardly_full(heights, reason) -> None:
    result, _ = analysed(frames(of_heights(*heights), 43.0), CHAIR_STAND_30S)
    assert result.timing.reason is reason, result.timing.sentence
    assert (result.stands is None) == (reason is not TrialReason.VALID)
