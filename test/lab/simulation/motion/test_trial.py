# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from support.people import subject, trial

from thermal_pose.clinical.tug.definitions import STANDING_SHARE
from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.invalid import SENTENCES
from thermal_pose.lab.simulation.motion.limbs import measure_limbs
from thermal_pose.lab.simulation.motion.path import Rests, plan_tug
from thermal_pose.lab.simulation.motion.performers import Companions
from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.lab.simulation.people.bake import bake_body
from thermal_pose.types import TIMED_PHASES, Phase, TrialReason

pytestmark = pytest.mark.simulation

KINDS = ("normal", "slow", "stick", "frame")


def hips(planned, times_s):
    joints = np.stack([planned.joints(float(time_s)) for time_s in times_s])
    return joints[:, 11:13].mean(axis=1)


def heading_deg(planned, time_s):
    joints = planned.joints(time_s)
    x, y = (joints[11] - joints[12])[:2]
    return np.degrees(np.arctan2(-x, y))


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_fits_the_joints(kind):
    planned = trial(kind)
    phases = {phase.phase: phase for phase in planned.truth}
    assert tuple(phases) == TIMED_PHASES
    off = np.arange(phases[Phase.SIT_TO_STAND].start_s + 0.8, planned.truth.phases[-1].end_s, 0.01)
    standing_m = STANDING_SHARE * np.median(hips(planned, off)[:, 2])
    for boundary_s in (phases[Phase.SIT_TO_STAND].end_s, phases[Phase.STAND_TO_SIT].start_s):
        assert hips(planned, [boundary_s])[0, 2] == pytest.approx(standing_m, abs=0.01)
    # The low-passed yaw is 20 degrees from the headings there; gait adds a few more.
    assert abs(abs(heading_deg(planned, phases[Phase.TURN].start_s)) - 20) < 9
    assert abs(abs(heading_deg(planned, phases[Phase.TURN].end_s)) - 160) < 9
    assert abs(abs(heading_deg(planned, phases[Phase.TURN_TO_SIT].start_s)) - 160) < 9
    seated_m = hips(planned, [planned.duration_s - 0.1])[0, 2]
    contact_m = hips(planned, [phases[Phase.STAND_TO_SIT].end_s])[0, 2]
    assert 0.0 <= contact_m - seated_m < 0.04


@pytest.mark.parametrize("kind", KINDS)
def test_people_sit_for_a_second_on_both_ends_and_reach_the_mark(kind):
    planned = trial(kind)
    assert planned.truth.phases[0].start_s > 1.0
    assert planned.duration_s - planned.truth.phases[-1].end_s > 1.0
    track = hips(planned, np.arange(0, planned.duration_s, 0.1))
    assert 2.6 < track[:, 0].max() < 3.6
    assert np.abs(track[:, 1]).max() < 0.6
    assert abs(track[0, 0]) < 0.06
    assert abs(track[-1, 0]) < 0.06


def test_slow_people_take_longer():
    assert trial("slow").truth.total_s > trial("normal").truth.total_s + 3


def test_the_same_seed_gives_the_same_trial():
    first, second = (plan_trial(subject(), np.random.default_rng(5)) for _ in range(2))
    assert first.truth == second.truth
    np.testing.assert_array_equal(first.joints(4.0), second.joints(4.0))


@pytest.mark.parametrize("reason", SENTENCES)
def test_what_cannot_be_timed_says_why(reason):
    planned = trial("normal", reason)
    assert planned.truth.reason is reason
    assert planned.truth.sentence
    assert planned.truth.total_s is None
    assert not planned.truth.phases


def test_who_never_sits_is_never_low():
    planned = trial("normal", TrialReason.NEVER_SAT)
    track = hips(planned, np.arange(0, planned.duration_s, 0.1))
    assert track[:, 2].min() > 0.85 * track[:, 2].max()


def test_who_never_stands_is_never_high():
    planned = trial("normal", TrialReason.NEVER_STOOD)
    track = hips(planned, np.arange(0, planned.duration_s, 0.1))
    assert track[:, 2].max() < track[0, 2] + 0.05


def test_who_stops_early_is_not_seated_at_the_end():
    planned = trial("normal", TrialReason.STOPPED_EARLY)
    first, last = hips(planned, [0.1, planned.duration_s])[:, 2]
    assert last > first + 0.2


def test_who_leaves_goes_beyond_the_cameras():
    planned = trial("normal", TrialReason.LEFT_VIEW)
    assert hips(planned, np.arange(0, planned.duration_s, 0.2))[:, 0].max() > 7.5


def test_two_people_have_two_chairs():
    planned = trial("normal", TrialReason.SECOND_PERSON)
    assert [performer.role for performer in planned.performers] == ["subject", "bystander"]
    assert len(planned.chairs) == 2
    aside_m = planned.performers[1].joints(0.5)[11:13, 1].mean()
    assert aside_m == pytest.approx(planned.chairs[1].position_m[1], abs=0.1)


def test_two_people_need_a_second():
    with pytest.raises(SimulationError, match="second"):
        plan_trial(subject(), np.random.default_rng(0), kind=TrialReason.SECOND_PERSON)


def test_the_wrong_order_ends_on_the_feet():
    planned = trial("normal", TrialReason.WRONG_ORDER)
    height = hips(planned, [0.1, planned.duration_s])[:, 2]
    lowest = hips(planned, np.arange(0, planned.duration_s, 0.1))[:, 2].min()
    assert height.min() > lowest + 0.2


def test_nobody_is_nobody():
    motion = trial("normal", TrialReason.NO_PERSON).performers[0].motion
    assert not motion.present(3.0)


@pytest.mark.parametrize("reason", [TrialReason.STAMP_GAP, TrialReason.FRAMES_LOST])
def test_faulty_recordings_are_at_fault_within_the_test(reason):
    planned = trial("normal", reason)
    start_s, end_s = planned.fault_s
    assert 1.0 < start_s < end_s < planned.duration_s
    assert end_s - start_s > 1.5


def test_a_carer_keeps_clear():
    others = Companions(carer=subject("normal", index=4))
    for seed in range(6):
        planned = plan_trial(subject(), np.random.default_rng(seed), companions=others)
        assert planned.performers[1].role == "carer"
        for time_s in np.arange(0, planned.duration_s, 0.25):
            first, second = (performer.joints(time_s) for performer in planned.performers)
            middles = [person[11:13, :2].mean(axis=0) for person in (first, second)]
            assert np.linalg.norm(middles[0] - middles[1]) > 0.4


def test_rests_shorter_than_a_second_are_refused():
    with pytest.raises(SimulationError, match="before_s"):
        Rests(0.5, 2.0)


def test_steps_longer_than_legs_are_refused():
    with pytest.raises(SimulationError, match="step length"):
        replace(subject(), speed_mps=1.9, cadence_spm=70.0)


def test_a_plan_that_legs_cannot_walk_is_refused():
    person = subject()
    long_steps = replace(person, speed_mps=1.4, cadence_spm=95.0)
    body = bake_body(person.shape)
    short_legs = replace(measure_limbs(body), thigh_m=0.3, shank_m=0.3)
    with pytest.raises(SimulationError, match="step length"):
        plan_tug(long_steps, short_legs, Rests(1.0, 1.0), np.random.default_rng(0))


def test_who_walks_two_laps_comes_back_twice():
    planned = trial("normal", TrialReason.TWO_LAPS)
    x = hips(planned, np.arange(0, planned.duration_s, 0.1))[:, 0]
    far = x > 2.0
    assert np.flatnonzero(np.diff(far.astype(int)) == 1).size == 2


def test_who_walks_backwards_never_turns():
    planned = trial("normal", TrialReason.WALKED_BACKWARDS)
    times_s = np.arange(0, planned.duration_s, 0.1)
    assert max(abs(heading_deg(planned, float(t))) for t in times_s) < 40
    track = hips(planned, times_s)
    assert track[:, 0].max() > 2.0
    assert track[-1, 2] < track[:, 2].max() - 0.25


def test_who_sits_on_the_floor_is_lower_than_on_the_chair():
    planned = trial("normal", TrialReason.SAT_ELSEWHERE)
    first, last = hips(planned, [0.1, planned.duration_s - 0.1])[:, 2]
    assert last < first - 0.2


def test_who_does_sit_to_stands_rises_five_times():
    planned = trial("normal", TrialReason.SIT_TO_STANDS)
    track = hips(planned, np.arange(0, planned.duration_s, 0.05))
    high = track[:, 2] > (track[:, 2].min() + track[:, 2].max()) / 2
    assert np.flatnonzero(np.diff(high.astype(int)) == 1).size == 5
    assert np.ptp(track[:, 0]) < 0.6


@pytest.mark.parametrize("reason", [TrialReason.BEGAN_LATE, TrialReason.CUT_OFF])
def test_a_recording_may_hold_less_than_the_test(reason):
    whole, part = trial("normal"), trial("normal", reason)
    assert part.duration_s < whole.duration_s
    seated_m = hips(whole, [0.1])[0, 2]
    end_s = 0.0 if reason is TrialReason.BEGAN_LATE else part.duration_s
    assert hips(part, [end_s])[0, 2] > seated_m + 0.01


@pytest.mark.parametrize("reason", [TrialReason.PAUSED, TrialReason.UNCERTAIN])
def test_reasons_of_the_analysis_alone_cannot_be_simulated(reason):
    with pytest.raises(SimulationError, match="simulated"):
        trial("normal", reason)
