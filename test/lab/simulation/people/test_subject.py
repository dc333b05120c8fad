# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from support.people import subject

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.people.presets import IMPAIRED, PRESETS
from thermal_pose.lab.simulation.people.subject import LIMITS, draw_subject


def test_the_same_identity_gives_the_same_person():
    assert draw_subject(IMPAIRED, "a", 1, 2) == draw_subject(IMPAIRED, "a", 1, 2)


@pytest.mark.parametrize("other", [("b", 1, 2), ("a", 2, 2), ("a", 1, 3)])
def test_another_namespace_seed_or_index_gives_another_person(other):
    first, second = draw_subject(IMPAIRED, "a", 1, 2), draw_subject(IMPAIRED, *other)
    assert first.shape != second.shape
    assert first.appearance_seed != second.appearance_seed


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_impossible_parameters_are_refused_by_name(name):
    with pytest.raises(SimulationError, match=name):
        replace(subject(), **{name: LIMITS[name][1] + 1})


def test_sides_are_left_or_right():
    with pytest.raises(SimulationError, match="turn_side"):
        replace(subject(), turn_side=0)


def test_trials_of_a_person_differ_but_stay_that_person():
    rng = np.random.default_rng(0)
    variants = [subject().trial_variant(rng) for _ in range(20)]
    speeds = np.array([variant.speed_mps for variant in variants])
    assert 0.02 < speeds.std() / speeds.mean() < 0.12
    assert {variant.shape for variant in variants} == {subject().shape}
    assert {variant.turn_side for variant in variants} == {-1, 1}


def test_drawn_people_can_all_walk():
    for preset in PRESETS.values():
        for index in range(40):
            person = preset.subject(0, index)
            step_m = person.trial_variant(np.random.default_rng(index)).speed_mps * 60
            assert step_m / person.cadence_spm < 0.6 * person.shape.height_m


def test_either_leg_may_be_the_slow_one():
    drawn = [draw_subject(IMPAIRED, "sides", 0, index).asymmetry for index in range(60)]
    assert 0.3 < np.mean(np.array(drawn) < 0) < 0.7
    assert min(drawn) < -0.05 and max(drawn) > 0.05
