# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from support.people import subject

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.manner import (
    PLAIN,
    Manner,
    Pause,
    Place,
    draw_manner,
    trial_manner,
)
from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.types import Phase

#: In which phase each pause falls.
PHASE_OF = {
    Place.AFTER_RISING: Phase.WALK_OUT,
    Place.WALK_OUT: Phase.WALK_OUT,
    Place.TURN: Phase.TURN,
    Place.WALK_BACK: Phase.WALK_BACK,
}


def planned(manner=PLAIN, kind="normal"):
    return plan_trial(subject(kind), np.random.default_rng(4), manner=manner)


def durations(trial):
    return {phase.phase: phase.duration_s for phase in trial.truth}


def test_plain_adds_nothing():
    first, second = planned(), plan_trial(subject(), np.random.default_rng(4))
    assert first.truth == second.truth


@pytest.mark.parametrize("place", Place)
def test_a_pause_makes_the_total_longer_by_itself(place):
    paused = planned(Manner(pauses=(Pause(place, 3.0, 0.5),)))
    plain = planned()
    longer_s = paused.truth.total_s - plain.truth.total_s
    # Coming to a halt and getting going again take a little more.
    assert 2.8 < longer_s < 4.0
    if place in PHASE_OF:
        phase = PHASE_OF[place]
        assert durations(paused)[phase] - durations(plain)[phase] > 2.3


@pytest.mark.parametrize("place", [Place.WALK_OUT, Place.TURN, Place.BEFORE_CHAIR])
def test_who_pauses_stands_still(place):
    trial = planned(Manner(pauses=(Pause(place, 4.0, 0.5),)))
    times_s = np.arange(trial.truth.phases[0].end_s, trial.truth.phases[-1].start_s, 0.05)
    hips = np.stack([trial.joints(float(t))[11:13].mean(axis=0) for t in times_s])
    speed = np.linalg.norm(np.diff(hips[:, :2], axis=0), axis=1) / 0.05
    assert (speed < 0.1).sum() * 0.05 > 3.0


def test_several_pauses_add_up():
    pauses = (Pause(Place.WALK_OUT, 2.0), Pause(Place.BEFORE_CHAIR, 3.0), Pause(Place.TURN, 1.0))
    longer_s = planned(Manner(pauses=pauses)).truth.total_s - planned().truth.total_s
    assert 5.5 < longer_s < 8.5


def test_a_two_stage_lean_is_held_before_the_onset():
    held = Manner(lean_deg=12.0, lean_s=0.6, lean_hold_s=1.5)
    trial, plain = planned(held), planned()
    # The last rise of the trunk's pitch counts: the first lean is before the test.
    assert trial.truth.phases[0].start_s == pytest.approx(plain.truth.phases[0].start_s, abs=0.15)
    before_s = trial.truth.phases[0].start_s - 0.7
    lean = [
        t.joints(before_s)[5:7, 0].mean() - t.joints(before_s)[11:13, 0].mean()
        for t in (trial, plain)
    ]
    assert lean[0] > lean[1] + 0.05


def test_slow_settling_ends_the_test_later():
    settles = planned(Manner(settle_m=0.03, settle_s=1.0))
    assert settles.truth.total_s - planned().truth.total_s > 0.3


def test_sitting_down_may_begin_during_the_turn():
    overlapping = durations(planned(Manner(sit_overlap=0.6)))
    assert overlapping[Phase.TURN_TO_SIT] < 0.8 * durations(planned())[Phase.TURN_TO_SIT]


@pytest.mark.parametrize("mark_m", [2.0, 4.0])
def test_the_walkway_may_be_short_or_long(mark_m):
    trial = planned(Manner(mark_m=mark_m))
    times_s = np.arange(0.0, trial.duration_s, 0.1)
    farthest = max(trial.joints(float(t))[11:13, 0].mean() for t in times_s)
    assert farthest == pytest.approx(mark_m, abs=0.3)


def test_drawn_manners_are_whole_tests_mostly():
    whole = 0
    for index in range(12):
        rng = np.random.default_rng(index)
        try:
            whole += plan_trial(subject(), rng, manner=draw_manner(rng, 0.3)).truth.valid
        except (SimulationError, ValueError):
            continue
    assert whole >= 9


def test_people_who_are_not_patients_only_lean_back_on_the_chair():
    rng = np.random.default_rng(0)
    plain = [trial_manner(False, 0.5, rng) for _ in range(200)]
    assert {replace(manner, recline_deg=0.0) for manner in plain} == {PLAIN}
    reclines_deg = [manner.recline_deg for manner in plain]
    assert -14.0 <= min(reclines_deg) < -13.0
    assert 5.0 < max(reclines_deg) <= 6.0


def test_patients_have_manners():
    rng = np.random.default_rng(0)
    assert trial_manner(True, 0.5, rng) != PLAIN
    assert len({replace(trial_manner(True, 0.3, rng), seed=0) for _ in range(5)}) == 5


def test_impossible_pauses_are_refused():
    with pytest.raises(SimulationError, match="length_s"):
        Pause(Place.TURN, 0.0)


def contact_speed_mps(trial):
    """Speed at which the hips sink in the last 0.15 s before seat contact."""
    contact_s = trial.truth.phases[-1].end_s
    heights = [trial.joints(contact_s - lead_s)[11:13, 2].mean() for lead_s in (0.15, 0.0)]
    return (heights[0] - heights[1]) / 0.15


def test_who_drops_onto_the_seat_lands_fast_at_the_usual_time():
    soft, hard = (planned(Manner(plump=plump)) for plump in (1.15, 2.0))
    assert contact_speed_mps(hard) > 1.3 * contact_speed_mps(soft)
    assert hard.truth.total_s == pytest.approx(soft.truth.total_s, abs=0.25)


def test_the_trunk_leans_furthest_just_before_contact():
    trial = planned(Manner(sit_peak_lead_s=0.2, straighten_s=0.6))
    contact_s = trial.truth.phases[-1].end_s
    times_s = np.arange(contact_s - 1.0, contact_s + 1.0, 0.02)
    leans = [
        trial.joints(float(t))[5:7, 0].mean() - trial.joints(float(t))[11:13, 0].mean()
        for t in times_s
    ]
    assert times_s[int(np.argmax(leans))] - contact_s == pytest.approx(-0.2, abs=0.15)


def test_a_pivot_turns_faster_before_the_chair():
    def fastest_dps(trial):
        start_s, end_s = trial.truth.phases[4].start_s, trial.truth.phases[5].end_s
        joints = np.stack([trial.joints(float(t)) for t in np.arange(start_s, end_s, 0.02)])
        aside = joints[:, 11] - joints[:, 12]
        yaw = np.unwrap(np.arctan2(-aside[:, 0], aside[:, 1]))
        return np.degrees(np.abs(np.diff(yaw)).max() / 0.02)

    assert fastest_dps(planned(Manner(final_spin=0.25))) > 1.8 * fastest_dps(planned())


def test_a_level_pelvis_rises_and_falls_less():
    def range_m(trial):
        phase = trial.truth.phases[1]
        times_s = np.arange(phase.start_s + 0.5, phase.end_s, 0.02)
        return np.ptp([trial.joints(float(t))[11:13, 2].mean() for t in times_s])

    assert range_m(planned(Manner(bounce=0.1))) < 0.6 * range_m(planned())


def test_who_turns_ahead_of_the_path_is_farthest_later_in_the_turn():
    def lead_s(trial):
        start_s, end_s = trial.truth.phases[2].start_s, trial.truth.phases[2].end_s
        times_s = np.arange(start_s, end_s, 0.02)
        reach = [trial.joints(float(t))[11:13, 0].mean() for t in times_s]
        return times_s[int(np.argmax(reach))] - start_s

    assert lead_s(planned(Manner(turn_ahead_s=0.4))) > lead_s(planned()) + 0.2
