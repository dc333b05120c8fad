# SPDX-License-Identifier: Apache-2.0
"""Asynchronous pairs found without truth, also across windows."""

import numpy as np
from support.real_bags import walk

from thermal_pose.lab.learning.datasets import pair_check
from thermal_pose.lab.learning.datasets.pair_check import asynchronous_stamps


def test_late_pictures_are_found_in_every_window(monkeypatch) -> None:
    late = (17, 32, 48, 79, 95)  # where the figure is quick
    frames = list(walk(120, late))
    stamps = np.array([thermal.stamp_ns for thermal, _ in frames])
    whole, undecidable = asynchronous_stamps(frames)
    assert whole == set(stamps[list(late)]) and not whole & undecidable
    monkeypatch.setattr(pair_check, "_WINDOW", 64)
    windowed, _ = asynchronous_stamps(frames)
    assert windowed == whole


def test_nothing_is_said_of_few_or_no_pairs() -> None:
    few, undecidable = asynchronous_stamps(list(walk(3, (1,))))
    assert few == set() and len(undecidable) == 3
    assert asynchronous_stamps([(thermal, None) for thermal, _ in walk(3)]) == (set(), set())
