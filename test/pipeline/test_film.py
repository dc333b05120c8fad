# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.pipeline.film import TrialFilm
from thermal_pose.types import NS_PER_S, FrameKeypoints, ThermalFrame


def frame(second):
    return ThermalFrame(int(second * NS_PER_S), "cam", np.zeros((2, 2), np.uint16))


def keypoints(second):
    return FrameKeypoints(int(second * NS_PER_S), "cam", "m", (2, 2))


def stamps(items):
    return [item.stamp_ns / NS_PER_S for item in items]


def test_cut_is_inclusive_sorted_and_without_duplicates():
    film = TrialFilm()
    for second in (1, 3, 2, 2, 4):
        film.add_frame(frame(second))
        film.add_keypoints(keypoints(second))
    frames, points = film.between(2 * NS_PER_S, 4 * NS_PER_S)
    assert stamps(frames) == [2, 3, 4] == stamps(points)


def test_old_images_are_let_go():
    film = TrialFilm(max_s=10)
    for second in range(100):
        film.add_frame(frame(second))
    frames, _ = film.between(0, 200 * NS_PER_S)
    assert stamps(frames) == list(range(89, 100))


def test_a_jump_back_begins_anew():
    film = TrialFilm(max_s=10)
    film.add_frame(frame(500))
    film.add_frame(frame(1))
    assert stamps(film.between(0, 10**12)[0]) == [1]


def test_empty_film_and_bad_length():
    assert TrialFilm().between(0, 1) == ([], [])
    with pytest.raises(ValueError, match="expected > 0, got 0"):
        TrialFilm(max_s=0)
