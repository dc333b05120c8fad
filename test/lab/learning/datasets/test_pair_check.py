# SPDX-License-Identifier: Apache-2.0
"""Asynchronous pairs found without truth, also across windows."""

import numpy as np
from support.real_bags import walk

from thermal_pose.lab.learning.datasets import pair_check
from thermal_pose.lab.learning.datasets.pair_check import PairCheck


def checked(pairs):
    check = PairCheck()
    for thermal, rgb in pairs:
        check.add(thermal, rgb)
    check.finish()
    return check


def test_late_pictures_are_found_in_every_window(monkeypatch) -> None:
    late = (17, 32, 48, 79, 95)  # where the figure is quick
    frames = list(walk(120, late))
    stamps = np.array([thermal.stamp_ns for thermal, _ in frames])
    whole = checked(frames)
    assert whole.asynchronous == set(stamps[list(late)])
    assert not whole.asynchronous & whole.undecidable
    monkeypatch.setattr(pair_check, "_WINDOW", 64)
    assert checked(frames).asynchronous == whole.asynchronous


def test_nothing_is_said_of_few_or_no_pairs() -> None:
    few = checked(walk(3, (1,)))
    assert few.asynchronous == set() and len(few.undecidable) == 3
    none = checked([])
    assert none.asynchronous == none.undecidable == set()
