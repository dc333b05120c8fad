# SPDX-License-Identifier: Apache-2.0
import hashlib
from dataclasses import replace

import numpy as np
import pytest
from support.people import subject

from thermal_pose.errors import SimulationError
from thermal_pose.gates.reasons import REMEDIES
from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.lab.simulation.people.presets import (
    FASTEST,
    INVALID_KINDS,
    MISUSED_KINDS,
    PRESETS,
    SLOWEST,
    find_preset,
)
from thermal_pose.lab.simulation.people.subject import draw_subject
from thermal_pose.types import TrialReason


def test_the_paper_had_eight_men_and_two_women():
    sexes = [PRESETS["paper"].subject(1, index).shape.sex for index in range(10)]
    assert sexes.count("female") == 2
    assert PRESETS["paper"].n_subjects * PRESETS["paper"].n_trials == 50


def test_the_clinic_is_old_and_uses_aids():
    people = [PRESETS["clinic"].subject(1, index) for index in range(60)]
    assert sum(person.shape.age_years >= 60 for person in people) >= 54
    assert {person.aid.value for person in people} == {"none", "stick", "frame"}


def test_every_reason_to_refuse_a_trial_is_made():
    told_by_analysis = {TrialReason.VALID, TrialReason.PAUSED, TrialReason.UNCERTAIN}
    # Reasons of the other movement tests.
    told_by_analysis |= {TrialReason.ARMS_USED, TrialReason.INCOMPLETE_RISE}
    # Reasons that lie in the recording and not in the person.
    told_by_analysis |= set(REMEDIES)
    assert set(INVALID_KINDS) | set(MISUSED_KINDS) == set(TrialReason) - told_by_analysis
    preset = PRESETS["invalid"]
    made = {preset.kind(s, t, 4) for s in range(preset.n_subjects) for t in range(4)}
    assert made == set(INVALID_KINDS)


def test_the_other_presets_are_valid():
    for name in ("paper", "clinic", "stress", "teacher", "adults", "slowest", "fastest"):
        assert PRESETS[name].kind(3, 2, 5) is TrialReason.VALID


def test_no_person_is_in_two_cohorts():
    shapes = [
        preset.subject(seed, index).shape.key
        for preset in PRESETS.values()
        for seed in (0, 1, 9000)
        for index in range(30)
    ]
    assert len(set(shapes)) == len(shapes)


def test_company_is_nobody_who_is_tested():
    preset = PRESETS["clinic"]
    tested = {preset.subject(0, index).shape.key for index in range(40)}
    company = {
        preset.extra_subject(0, index, trial, role).shape.key
        for index in range(10)
        for trial in range(3)
        for role in (2, 3)
    }
    assert len(company) == 60
    assert not tested & company


def test_an_unknown_preset_is_refused_naming_those_there_are():
    with pytest.raises(SimulationError, match=r"paper.*got 'ward'"):
        find_preset("ward")


@pytest.mark.parametrize(
    ("population", "shortest_s", "longest_s"), [(SLOWEST, 55.0, 105.0), (FASTEST, 4.5, 7.0)]
)
def test_the_slowest_take_up_to_100_s_and_the_fastest_5_s(population, shortest_s, longest_s):
    shape = subject().shape
    people = [
        replace(draw_subject(population, "pace", 0, k, "male"), shape=shape) for k in range(4)
    ]
    totals_s = [
        plan_trial(person, np.random.default_rng(k)).truth.total_s
        for k, person in enumerate(people)
    ]
    assert shortest_s < min(totals_s)
    assert max(totals_s) < longest_s


def test_people_of_older_presets_are_who_they_were():
    people = "".join(
        repr(PRESETS[name].subject(412, index))
        for name in ("paper", "clinic", "patients", "misused", "stress", "invalid", "teacher")
        for index in range(20)
    )
    assert hashlib.sha256(people.encode()).hexdigest()[:16] == "638944d3c062fd3b"
