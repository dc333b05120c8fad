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


def test_a_looped_recording_takes_the_memory_of_one_loop():
    film = TrialFilm()
    for _ in range(50):
        for index in range(120):
            film.add_frame(frame(index / 8))
            film.add_keypoints(keypoints(index / 8))
    frames, points = film.between(0, 10**12)
    assert len(frames) == len(points) == 120
    assert film.held_bytes == 120 * 8


def test_large_images_are_thinned_out_evenly():
    film = TrialFilm(max_bytes=1 << 20)
    for index in range(3000):
        image = np.zeros((120, 160), np.uint16)
        film.add_frame(ThermalFrame(index * NS_PER_S // 30, "cam", image))
    frames, _ = film.between(0, 10**15)
    assert film.held_bytes <= 1 << 20 and len(frames) > 12
    steps = np.diff(stamps(frames))
    assert steps.max() - steps.min() < 1e-6
    assert stamps(frames)[0] == 0.0 and stamps(frames)[-1] > 90


def test_stamps_that_stand_still_take_bounded_memory():
    film = TrialFilm(max_bytes=1000)
    for _ in range(20_000):
        film.add_frame(frame(5))
        film.add_keypoints(keypoints(5))
    assert film.held_bytes <= 1000
    assert len(film.between(0, 10**12)[1]) == 1


def test_an_image_of_another_size_begins_a_new_film():
    film = TrialFilm()
    film.add_frame(frame(1))
    film.add_frame(ThermalFrame(2 * NS_PER_S, "cam", np.zeros((3, 2), np.uint16)))
    assert stamps(film.between(0, 10**12)[0]) == [2]


def test_empty_film_and_bad_length():
    assert TrialFilm().between(0, 1) == ([], [])
    with pytest.raises(ValueError, match="expected > 0, got 0 and"):
        TrialFilm(max_s=0)
