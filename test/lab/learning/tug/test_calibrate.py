# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.lab.learning.tug.calibrate import (
    fitted_floor_s,
    left_out_coverage,
)


def test_honest_uncertainties_need_hardly_a_floor():
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 0.1, (4000, 7))
    assert fitted_floor_s(errors, np.full((4000, 7), 0.1)).max() <= 0.03


def test_the_floor_is_what_the_distributions_do_not_know():
    rng = np.random.default_rng(1)
    errors = rng.normal(0, np.hypot(0.1, 0.2), (4000, 7))
    floor = fitted_floor_s(errors, np.full((4000, 7), 0.1))
    assert floor == pytest.approx(np.full(7, 0.2), abs=0.02)


def test_both_ends_get_what_the_total_lacks():
    rng = np.random.default_rng(3)
    errors = rng.normal(0, 0.2, (4000, 7))
    # Late at the start and early at the end: the total errs by the sum.
    errors[:, -1] = -errors[:, 0]
    floor = fitted_floor_s(errors, np.full((4000, 7), 0.1))
    total_sd = np.hypot(*np.hypot(0.1, floor[[0, -1]]))
    covered = np.mean(np.abs(errors[:, -1] - errors[:, 0]) <= 1.96 * total_sd)
    assert covered == pytest.approx(0.95, abs=0.02)
    assert floor[1:-1] == pytest.approx(np.full(5, 0.17), abs=0.02)


def test_coverage_of_people_left_out():
    rng = np.random.default_rng(2)
    errors, sds = rng.normal(0, 0.3, (600, 7)), np.full((600, 7), 0.1)
    people = np.repeat([f"p{k}" for k in range(20)], 30)
    inside, totals = left_out_coverage(errors, sds, people)
    assert inside == pytest.approx(0.95, abs=0.02)
    assert totals == pytest.approx(0.95, abs=0.04)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="expected two"):
        fitted_floor_s(np.zeros((3, 6)), np.zeros((3, 6)))
    with pytest.raises(ValueError, match="at least one"):
        fitted_floor_s(np.zeros((0, 7)), np.zeros((0, 7)))
