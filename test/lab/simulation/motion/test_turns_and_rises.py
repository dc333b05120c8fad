# SPDX-License-Identifier: Apache-2.0
"""Styles of turning and failed attempts to rise: whether the motion is what the name says."""

from dataclasses import replace

import numpy as np
import pytest
from support.people import subject

from thermal_pose.lab.simulation.motion.manner import Manner
from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.skeleton import Joint
from thermal_pose.types import Phase

STEP_S = 0.02
HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]
SHOULDERS = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER]


def planned(manner, person=None):
    return plan_trial(person or subject(), np.random.default_rng(4), manner=manner)


def joints_in(trial, start_s, end_s):
    """Times (T,) and joints (T, 17, 3) of a part of a trial."""
    times_s = np.arange(start_s, end_s, STEP_S)
    return times_s, np.stack([trial.joints(float(time_s)) for time_s in times_s])


def turn_of(trial):
    """The interval of the turn at the mark."""
    return next(interval for interval in trial.truth if interval.phase is Phase.TURN)


def yaw_rad(joints):
    aside = joints[:, Joint.LEFT_HIP] - joints[:, Joint.RIGHT_HIP]
    return np.unwrap(np.arctan2(-aside[:, 0], aside[:, 1]))


def way_m(joints):
    """How far the hips travel over the floor."""
    hips = joints[:, HIPS, :2].mean(axis=1)
    return float(np.linalg.norm(np.diff(hips, axis=0), axis=1).sum())


def test_a_spin_stays_on_its_spot_and_a_walked_turn_goes_around():
    spin, around = (planned(Manner(turn_dip=dip)) for dip in (1.0, 0.0))
    ways_m = []
    for trial in (spin, around):
        turn = turn_of(trial)
        _, joints = joints_in(trial, turn.start_s, turn.end_s)
        # Both turn by 180 degrees, less 20 at either end.
        assert np.degrees(abs(np.ptp(yaw_rad(joints)))) == pytest.approx(140, abs=8)
        ways_m.append(way_m(joints))
    assert ways_m[0] < 0.65 * ways_m[1]


def aside_m(trial):
    """Width of the turn: how far apart the ways out and back are."""
    turn = turn_of(trial)
    _, joints = joints_in(trial, turn.start_s, turn.end_s)
    return float(np.ptp(joints[:, HIPS, 1].mean(axis=1)))


def test_a_walked_turn_is_wider_than_a_spin():
    assert aside_m(planned(Manner(turn_dip=0.0))) > 1.3 * aside_m(planned(Manner(turn_dip=1.0)))


def steps_in_turn(trial):
    turn = turn_of(trial)
    swings = trial.performers[0].motion.swings_s
    return [swing for swing in swings if turn.start_s <= swing[2] < turn.end_s]


@pytest.mark.parametrize("turn_s", [1.5, 3.0, 6.0])
def test_a_longer_turn_takes_more_steps_at_the_same_cadence(turn_s):
    trial = planned(Manner(turn_dip=0.5), replace(subject(), turn_s=turn_s))
    steps = steps_in_turn(trial)
    person = trial.subject
    # Slow steps come at 0.72 of the cadence at least.
    most = turn_of(trial).duration_s * person.cadence_spm / 60
    assert 0.72 * most - 1.5 <= len(steps) <= 1.1 * most + 1.5
    assert {side for side, _, _ in steps} == {0, 1}


def test_many_steps_turn_a_little_each():
    few, many = (planned(Manner(), replace(subject(), turn_s=turn_s)) for turn_s in (1.5, 6.0))
    per_step_deg = [140 / len(steps_in_turn(trial)) for trial in (few, many)]
    assert per_step_deg[0] > 35
    assert per_step_deg[1] < 20


def half_turned_share(trial):
    """Share of the turn's time after which half of it is done."""
    turn = turn_of(trial)
    times_s, joints = joints_in(trial, turn.start_s, turn.end_s)
    turned = np.abs(yaw_rad(joints) - yaw_rad(joints)[0])
    half_s = times_s[int(np.argmax(turned > turned.max() / 2))]
    return (half_s - turn.start_s) / turn.duration_s


def test_an_uneven_turn_begins_or_ends_slowly():
    # A long turn, in which the hips' rotation with each step counts little.
    person = replace(subject(), turn_s=4.0)
    shares = [
        half_turned_share(planned(Manner(turn_skew=skew), person)) for skew in (0.6, 1.0, 1.6)
    ]
    assert shares[0] < shares[1] < shares[2]
    assert shares[1] == pytest.approx(0.5, abs=0.1)


def rocking(lifts):
    return planned(Manner(lifts=lifts), replace(subject("slow"), n_rocks=3))


def lean_deg(joints):
    trunk = joints[:, SHOULDERS].mean(axis=1) - joints[:, HIPS].mean(axis=1)
    return np.degrees(np.arctan2(trunk[:, 0], trunk[:, 2]))


def times_above(curve, level):
    """Times at which a curve rises through a level, as indices."""
    return np.flatnonzero(np.diff((curve > level).astype(int)) == 1)


def test_each_failed_attempt_is_a_lean_before_the_truth_starts():
    trial = rocking(0.0)
    n_rocks = trial.subject.n_rocks
    assert n_rocks >= 1
    onset_s = trial.truth.phases[0].start_s
    _, joints = joints_in(trial, 0.0, onset_s)
    lean = lean_deg(joints)
    attempts = times_above(lean, np.median(lean[: int(0.8 / STEP_S)]) + 7.0)
    assert len(attempts) == n_rocks


@pytest.mark.parametrize(("lifts", "lifted"), [(0.0, False), (0.3, True)])
def test_a_failed_attempt_lifts_the_person_off_the_seat_and_back(lifts, lifted):
    trial = rocking(lifts)
    onset_s = trial.truth.phases[0].start_s
    times_s, joints = joints_in(trial, 0.0, onset_s)
    height_m = joints[:, HIPS, 2].mean(axis=1)
    ups = times_above(height_m, height_m[0] + 0.03)
    assert len(ups) == (trial.subject.n_rocks if lifted else 0)
    # The person sits again when the attempt that succeeds begins.
    assert height_m[-1] == pytest.approx(height_m[0], abs=0.03)
    motion = trial.performers[0].motion
    contact = motion.seat_contact[np.searchsorted(motion.times_s, times_s)]
    assert contact.all() != lifted


def test_the_total_counts_from_the_attempt_that_succeeds():
    trial = rocking(0.3)
    rise = trial.truth.phases[0]
    _, joints = joints_in(trial, rise.start_s, rise.end_s)
    height_m = joints[:, HIPS, 2].mean(axis=1)
    assert len(times_above(height_m, height_m[0] + 0.1)) == 1
    assert rise.start_s > 1.0 + 0.8 * trial.subject.n_rocks
