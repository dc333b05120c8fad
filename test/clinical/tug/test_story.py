# SPDX-License-Identifier: Apache-2.0
"""Refusals with their own reasons, and standstills, on stick figures that do something else."""

from dataclasses import replace

import numpy as np
import pytest
from support.courses import PI, TEST, course, found_rarely, later, reason, story_of
from support.stick_figure import Figure

from thermal_pose.clinical.tug.course_measures import distance_note, walk_distance_m
from thermal_pose.clinical.tug.evidence import TrialEvidence
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import Reading, read_frames, time_lapse
from thermal_pose.clinical.tug.scale import HIP_OVER_ANKLE_SHARE
from thermal_pose.clinical.tug.story import MIN_WAY
from thermal_pose.clinical.tug.validity import judge
from thermal_pose.pipeline.trial import TrialAnalyzer, analyze_frames
from thermal_pose.skeleton import MIRROR
from thermal_pose.types import FrameKeypoints, PersonBox, PersonKeypoints, TrialReason


def test_the_plain_course_is_a_test() -> None:
    frames = course(TEST)
    assert reason(frames) is TrialReason.VALID
    story = story_of(frames)
    assert (story.laps(), story.rises, story.walked) == (1, 1, True)
    assert not story.never_turned
    assert not story.walked_away
    (span,) = story.upright
    assert span == pytest.approx((3.2, 12.2), abs=0.7)


def test_two_laps() -> None:
    again = [(t + 9.4, rise, x, yaw + 2 * PI) for t, rise, x, yaw in TEST[3:]]
    frames = course([*TEST[:-1], (12.8, 1, 0.25, 2 * PI), *again])
    assert story_of(frames).laps() == 2
    assert reason(frames) is TrialReason.TWO_LAPS


def test_walked_backwards() -> None:
    knots = [(t, rise, x, 0.0) for t, rise, x, _ in TEST]
    assert reason(course(knots)) is TrialReason.WALKED_BACKWARDS


def test_a_few_frames_taken_for_the_back_are_no_turn() -> None:
    frames = course([(t, rise, x, 0.0) for t, rise, x, _ in TEST])
    for row in (60, 61, 62):
        (person,) = frames[row].persons
        seen = replace(person, xy=person.xy[list(MIRROR)])
        frames[row] = replace(frames[row], persons=(seen,))
    assert story_of(frames).never_turned
    assert reason(frames) is TrialReason.WALKED_BACKWARDS


def test_taking_the_front_for_the_back_half_way_is_no_turn() -> None:
    frames = course([(t, rise, x, 0.0) for t, rise, x, _ in TEST])
    for row in range(68, 95):
        (person,) = frames[row].persons
        seen = replace(person, xy=person.xy[list(MIRROR)])
        frames[row] = replace(frames[row], persons=(seen,))
    assert story_of(frames).never_turned
    assert reason(frames) is TrialReason.WALKED_BACKWARDS


@pytest.mark.parametrize("turn_s", [0.8, 1.8])
def test_a_quick_turn_is_seen_from_the_side(turn_s: float) -> None:
    knots = [*TEST[:4], (5.8 + turn_s, 1, 2.9, PI), *TEST[5:]]
    assert not story_of(course(knots)).never_turned


def test_a_slow_camera_may_miss_the_side_of_a_turn() -> None:
    frames = course([(t, rise, x, 0.0) for t, rise, x, _ in TEST])[::2]
    for row in range(34, 48):
        (person,) = frames[row].persons
        seen = replace(person, xy=person.xy[list(MIRROR)])
        frames[row] = replace(frames[row], persons=(seen,))
    assert not story_of(frames).never_turned


#: A test on a walkway of 1.5 m: 1.1 m from where the person stands up, and to another spot back.
SHORT = (
    (0.0, 0, 0.0, 0),
    (2.0, 0, 0.0, 0),
    (3.4, 1, 0.45, 0),
    (5.6, 1, 0.5, 0),
    (6.8, 1, 1.55, 0.4 * PI),
    (7.6, 1, 1.5, PI),
    (8.8, 1, 0.8, PI),
    (10.6, 1, 0.5, 2 * PI),
    (11.6, 0, 0.0, 2 * PI),
)
#: The turn of `SHORT` and of `on_the_spot`.
TURN_S = (6.4, 7.6)


def far_away(knots, seed: int = 0) -> list[FrameKeypoints]:
    """A course in front of a low camera at 7 m, straight ahead; noise as the pose model's."""
    return course(knots, camera_m=(7.0, 0.1, 1.0), noise_px=0.2, seed=seed)


@pytest.mark.parametrize("seed", range(2))
def test_a_short_way_towards_a_far_camera_is_a_walk(seed) -> None:
    frames = far_away(SHORT, seed)
    # The feet move little in the image, and part of the time the person is near already.
    assert not story_of(frames).walked
    assert story_of(frames).way(3.4, TURN_S) == pytest.approx(1.0, abs=0.4)
    assert reason(frames) is TrialReason.VALID


@pytest.mark.parametrize("seed", range(3))
def test_steps_on_the_spot_are_no_walk(seed) -> None:
    knots = [(t, rise, min(x, 0.45), yaw) for t, rise, x, yaw in SHORT]
    frames = far_away(knots, seed)
    assert story_of(frames).way(3.4, TURN_S) < MIN_WAY / 2
    assert reason(frames) is TrialReason.STOPPED_EARLY


def test_a_way_that_was_not_seen_is_unknown() -> None:
    story = story_of(found_rarely(far_away(SHORT), range(20)))
    assert np.isnan(story.way(3.4, TURN_S))
    assert np.isnan(story.way(np.nan, (np.nan, np.nan)))


def test_five_rises_are_the_sit_to_stand_test() -> None:
    knots = [(0.0, 0, 0, 0)]
    for k in range(5):
        start_s = 2.0 + 3.0 * k
        knots += [(start_s, 0, 0, 0), (start_s + 1, 1, 0.1, 0), (start_s + 1.6, 1, 0.1, 0)]
        knots += [(start_s + 2.4, 0, 0, 0)]
    frames = course(knots)
    assert story_of(frames).rises == 5
    assert reason(frames) is TrialReason.SIT_TO_STANDS
    # Standing people may look smaller than seated ones: only a walk leads away from the camera.
    reading = read_frames(frames, TugParams())
    away = replace(reading.signals, size_px=reading.signals.size_px * shrinking(reading))
    evidence = TrialEvidence(frames, reading.track, away, reading.segmentation, TugParams())
    assert evidence.story.walked_away
    assert judge(evidence).reason is TrialReason.SIT_TO_STANDS


def shrinking(reading: Reading) -> np.ndarray:
    """A scale that is less wherever the person stands."""
    return np.where(reading.story.on_feet, 0.8, 1.0)


def test_who_stands_on_the_spot_never_left_the_chair() -> None:
    knots = [(t, rise, min(x, 0.25), yaw) for t, rise, x, yaw in TEST]
    result = analyze_frames(course(knots))
    assert result.timing.reason in (TrialReason.STOPPED_EARLY, TrialReason.WRONG_ORDER)
    assert result.total_s is None


def test_sitting_down_on_the_floor_is_not_the_end_of_a_test() -> None:
    knots = [*TEST[:-1], (12.6, 0, 0.9, 2 * PI)]
    frames = course(knots, end_s=16.0, floor_from_s=11.5)
    assert reason(frames) is TrialReason.SAT_ELSEWHERE


def test_a_recording_that_begins_in_the_walk_began_late() -> None:
    frames = [frame for frame in course(TEST) if frame.stamp_ns > 5_500_000_000]
    result = analyze_frames(frames)
    assert result.timing.reason is TrialReason.BEGAN_LATE
    assert "already standing" in result.timing.sentence


def test_a_recording_that_begins_while_the_person_rises_began_late() -> None:
    frames = [frame for frame in course(TEST) if frame.stamp_ns > 3_500_000_000]
    assert reason(frames) is TrialReason.BEGAN_LATE


@pytest.mark.parametrize("missing_s", [0.1, 0.2, 0.4, 0.6, 0.9])
def test_a_recording_that_ends_before_the_seat_is_cut_off(missing_s: float) -> None:
    frames = course(TEST, end_s=TEST[-1][0] - missing_s)
    assert reason(frames) is TrialReason.CUT_OFF


def test_a_camera_behind_the_chair() -> None:
    frames = course(TEST, camera_m=(-5.0, 0.8, 1.4))
    assert story_of(frames).walked_away
    assert reason(frames) is TrialReason.CAMERA_BEHIND


@pytest.mark.parametrize("at_s", [3.4, 5.8, 10.0])
def test_a_pause_is_found_where_it_is(at_s: float) -> None:
    story = story_of(course(later(TEST, at_s, 4.0)))
    spans = story.standstills((3.4, 16.0))
    longest = max(spans, key=lambda span: span[1] - span[0])
    assert longest == pytest.approx((at_s, at_s + 4.0), abs=0.8)


def test_who_walks_without_a_pause_never_stands_still() -> None:
    assert story_of(course(TEST)).standstills((3.6, 9.8)) == ()


@pytest.mark.parametrize("pause_s", [3.0, 8.0])
def test_a_pause_before_the_chair_does_not_end_the_test(pause_s: float) -> None:
    knots = later(TEST, 11.4, pause_s)
    analyzer = TrialAnalyzer()
    finished_s = None
    for frame in course(knots):
        if analyzer.update(frame).finished and finished_s is None:
            finished_s = (frame.stamp_ns - 1_000_000_000) / 1e9
    # Whoever stands before the chair has not finished.
    assert finished_s is None or finished_s > 12.0 + pause_s
    result = analyzer.finish()
    if result.timing.valid:
        assert result.total_s == pytest.approx(10.6 + pause_s, abs=0.8)
    else:
        assert result.timing.reason is TrialReason.PAUSED


def faint(frame: FrameKeypoints, number: int) -> PersonKeypoints:
    """A radiator beside the chair: a seated shape with joints of little score, always the same."""
    figure = Figure(edges_s=(90.0, 91.0, 92.0, 93.0, 94.0, 95.0, 96.0), seed=number)
    person = figure.frame(0.0, 0, np.random.default_rng(7)).persons[0]
    left, top, right, bottom = person.box.xyxy
    box = PersonBox((left + 20, top, right + 20, bottom), 0.6, 9)
    xy = person.xy + np.array([20.0, 0.0], np.float32)
    return PersonKeypoints(9, box, xy, np.full(17, 0.06, np.float32))


def test_a_radiator_is_neither_the_patient_nor_a_second_person() -> None:
    frames = [replace(f, persons=(faint(f, 0), *f.persons)) for f in course(TEST)]
    result = analyze_frames(frames)
    assert result.timing.reason is TrialReason.VALID
    assert result.track_id == 1


def test_a_radiator_alone_is_no_test() -> None:
    frames = [replace(f, persons=(faint(f, 0),)) for f in course(TEST)]
    assert analyze_frames(frames).total_s is None


def measures_of(frames: list[FrameKeypoints], **options):
    result = analyze_frames(frames, TugParams(height_m=1.75, focal_px=84.0, **options))
    assert result.timing.valid, result.timing.sentence
    return {measure.name: measure for measure in result.measures}, result


def test_pauses_are_measures() -> None:
    found, _ = measures_of(course(later(TEST, 5.8, 3.0)))
    assert found["pauses"].value == 1.0
    assert found["pause_time_s"].value == pytest.approx(3.0, abs=0.8)
    assert "turn" in found["longest_pause"].value or "out" in found["longest_pause"].value
    none, _ = measures_of(course(TEST))
    assert none["pauses"].value == 0.0
    assert none["longest_pause"].omitted


def test_who_stands_still_takes_no_steps() -> None:
    plain, _ = measures_of(course(TEST))
    paused, _ = measures_of(course(later(TEST, 3.4, 6.0)))
    # The rhythm of the walk times the time of standing would be ten steps more.
    if paused["steps_out"].value is not None and plain["steps_out"].value is not None:
        assert paused["steps_out"].value < plain["steps_out"].value + 3.0


def test_who_stands_still_in_the_turn_takes_no_steps_there() -> None:
    plain, _ = measures_of(course(TEST))
    knots = [*TEST[:4], (6.7, 1, 2.9, PI / 2), *TEST[4:]]
    paused, result = measures_of(course(later(knots, 6.7, 4.0)))
    turn = result.timing.phases[2]
    assert turn.duration_s > 4.5  # the pause is a part of the turn
    # The rhythm of the walk times the time of standing would be seven steps more.
    assert paused["turn_steps"].value < plain["turn_steps"].value + 2.5


def rocking(tries: int) -> list[FrameKeypoints]:
    """Someone who leans forwards and falls back before the rise that succeeds."""
    moves = [(0.0, 0, 0.0, 0)]
    for k in range(tries):
        start_s = 1.5 + 2.0 * k
        moves += [(start_s, 0, 0.0, 0), (start_s + 0.8, 0.3, 0.0, 0), (start_s + 1.6, 0, 0.0, 0)]
    shift_s = moves[-1][0]
    return course([*moves, *((t + shift_s, *rest) for t, *rest in TEST[1:])])


@pytest.mark.parametrize("tries", [0, 1, 2])
def test_attempts_to_rise_are_counted(tries) -> None:
    found, _ = measures_of(rocking(tries))
    attempts = found["rise_attempts"]
    assert attempts.value == 1 + tries, attempts.omitted


@pytest.mark.parametrize("times", [6, 7, 8, 9])
def test_who_takes_a_minute_and_more_is_timed(times) -> None:
    knots = [(t if t < 2 else 2 + (t - 2) * times, *rest) for t, *rest in TEST]
    result = analyze_frames(course(knots))
    assert result.timing.valid, result.timing.sentence
    assert result.total_s == pytest.approx(10.6 * times, rel=0.04)


def slow_walker(times: float) -> list[FrameKeypoints]:
    """A person whose walks take `times` longer, and whose other movements are as in `TEST`."""
    out_s, back_s = 2.4 * (times - 1), 4.8 * (times - 1)
    knots = [*TEST[:3], *((t + out_s, *r) for t, *r in TEST[3:5])]
    return course([*knots, *((t + back_s, *r) for t, *r in TEST[5:])], noise_px=0.2)


def test_a_longer_walk_does_not_change_the_edges_of_what_is_not_walking() -> None:
    """Nine times longer, the test is read at its own pace; eleven times, in time lapse too."""
    readings = [read_frames(slow_walker(times), TugParams()) for times in (9, 11)]
    found = [reading.segmentation for reading in readings]
    assert found[0].boundaries_s[-1] - found[0].boundaries_s[0] < 50.0
    assert time_lapse(found[1], readings[1].story) > 1.8
    longer_s = 4.8 * np.array([0, 0, 1, 1, 2, 2, 2])
    assert found[1].boundaries_s - longer_s == pytest.approx(found[0].boundaries_s, abs=0.1)
    assert (found[1].sds_s < 0.5).all()


def test_who_stands_long_before_the_test_is_not_slow() -> None:
    before = [(0.0, 1, 0.2, 0), (60.0, 1, 0.2, 0), (62.0, 0, 0.0, 0)]
    knots = [*before, *((t + 68.0, *rest) for t, *rest in TEST[1:])]
    reading = read_frames(course(knots), TugParams())
    assert max(end_s - start_s for start_s, end_s in reading.story.upright) > 50.0
    assert reading.segmentation.complete
    assert time_lapse(reading.segmentation, reading.story) == 1.0


@pytest.mark.parametrize("length_s", [25.0, 40.0])
def test_a_long_freeze_in_the_turn_is_refused_as_a_pause(length_s: float) -> None:
    """Standing beside the turn's start for longer than the walk: hardly anybody has taught that."""
    result = analyze_frames(course(later(TEST, 5.8, length_s)))
    assert result.timing.reason is TrialReason.PAUSED
    assert f"stood still for {length_s:.0f} s" in result.timing.sentence


def test_a_freeze_counts_if_it_is_long_outlasts_the_walk_and_lies_beside_an_edge() -> None:
    story = read_frames(course(later(TEST, 5.8, 12.0)), TugParams()).story
    ((start_s, end_s),) = story.standstills((4.0, 22.0))
    assert end_s - start_s == pytest.approx(12.0, abs=0.6)
    walk_s = (start_s - 3.0, end_s + 4.0)
    assert story.frozen_beside(np.array([end_s + 0.5]), walk_s, 10.0)
    assert not story.frozen_beside(np.array([end_s + 1.5]), walk_s, 10.0)
    assert not story.frozen_beside(np.array([end_s + 0.5]), walk_s, 13.0)
    assert not story.frozen_beside(np.array([end_s + 0.5]), (start_s - 9.0, end_s + 4.0), 10.0)


def test_a_long_freeze_before_sitting_is_timed_and_counted() -> None:
    found, result = measures_of(course(later(TEST, 11.4, 25.0)))
    edges_s = Figure().edges_s
    total_s = edges_s[-1] - edges_s[0] + 25.0
    assert result.timing.valid
    assert found["pause_time_s"].value == pytest.approx(25.0, abs=0.5)
    assert found["total_s"].value == pytest.approx(total_s, abs=1.96 * result.total_sd_s)


@pytest.mark.parametrize(("mark_m", "said"), [(2.9, False), (1.3, True)])
def test_the_distance_is_estimated_and_said_where_it_is_not_three_metres(mark_m, said) -> None:
    knots = [(t, rise, min(x, mark_m), yaw) for t, rise, x, yaw in TEST]
    found, result = measures_of(course(knots))
    distance = found["walk_distance_m"]
    assert distance.value == pytest.approx(mark_m, abs=2.0 * distance.uncertainty)
    assert any("walkway" in remark for remark in result.remarks) is said


@pytest.mark.parametrize("aside_m", [-2.7, 0.0, 2.7])
@pytest.mark.parametrize("mark_m", [1.5, 2.9])
def test_the_distance_is_the_same_from_every_side(mark_m, aside_m) -> None:
    """Also where the person crosses the image while coming nearer."""
    knots = [(t, rise, min(x, mark_m), yaw) for t, rise, x, yaw in TEST]
    reading = read_frames(course(knots, camera_m=(5.1, aside_m, 1.4), noise_px=0.1), TugParams())
    # The figure's hips are 0.84 m above its ankles.
    params = TugParams(height_m=0.84 / HIP_OVER_ANKLE_SHARE, focal_px=84.0)
    edges_s = np.array(Figure().edges_s)
    value, spread = walk_distance_m(reading.story, edges_s, params)
    assert value == pytest.approx(mark_m, abs=0.3)
    assert bool(distance_note(reading.story, edges_s, params)) is (mark_m < 2.0)
    assert 0.2 < spread < 0.6


def test_without_the_lens_no_distance_is_given() -> None:
    result = analyze_frames(course(TEST))
    distance = result.measure("walk_distance_m")
    assert distance.value is None
    assert "calibration" in distance.omitted
    assert result.remarks == ()
