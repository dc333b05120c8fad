# SPDX-License-Identifier: Apache-2.0
"""Parts of one data set: groups stay whole, and nothing is lost or in two parts."""

import numpy as np
import pytest

from thermal_pose.lab.learning.students.splits import split_rows


def test_people_are_held_out_then_trials_then_the_end(figures) -> None:
    every = np.arange(len(figures))
    (train, held), kind = split_rows(figures, every, (0.2,), 1)
    assert kind == "people"
    assert not set(figures.subject[train]) & set(figures.subject[held])
    one = np.flatnonzero(figures.subject == 0)
    (train, held), kind = split_rows(figures, one, (0.2,), 1)
    assert kind == "trials" and not set(figures.trial[train]) & set(figures.trial[held])
    trial = one[figures.trial[one] == figures.trial[one[0]]]
    (train, held), kind = split_rows(figures, trial, (0.2,), 1)
    assert kind == "the last minutes"
    assert figures.stamp_ns[train].max() < figures.stamp_ns[held].min()


@pytest.mark.parametrize("people", [3, 2, 1])
def test_every_row_is_in_one_of_three_parts(figures, people) -> None:
    rows = np.flatnonzero(figures.subject < people)
    parts, kind = split_rows(figures, rows, (0.1, 0.1), 1)
    assert kind == {3: "people", 2: "trials", 1: "the last minutes"}[people]
    assert len(parts) == 3 and all(len(part) for part in parts)
    assert sorted(np.concatenate(parts)) == rows.tolist()


def test_too_few_rows_leave_nothing_to_learn_from(figures) -> None:
    (train, held), _ = split_rows(figures, np.array([3]), (0.2,), 1)
    assert len(train) == 0 and held.tolist() == [3]
