# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from support.stick_figure import EDGES_S, Figure

from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import HMM, read_frames, segment_other

PARAMS = TugParams(segmenter=HMM)


@pytest.fixture(scope="module")
def reading():
    return read_frames(Figure(noise_px=0.2).frames(), PARAMS)


def test_a_whole_test_is_over_since_its_last_boundary(reading) -> None:
    assert reading.begun and reading.risen
    assert reading.over_for_s() == pytest.approx(15.0 - 0.125 - EDGES_S[-1], abs=0.8)


def test_who_only_sits_has_rested_and_not_risen() -> None:
    frames = [frame for frame in Figure(noise_px=0.2).frames() if frame.stamp_ns < 2.6e9]
    seated = read_frames(frames, PARAMS)
    assert seated.rested(1.0) and not seated.risen
    assert seated.over_for_s() == float("-inf")
    assert not seated.rested(60.0)  # longer than the recording


def test_who_walks_has_not_rested() -> None:
    frames = [frame for frame in Figure(noise_px=0.2).frames() if frame.stamp_ns < 6e9]
    walking = read_frames(frames, PARAMS)
    assert walking.risen and not walking.rested(1.0)


def test_the_seat_is_where_the_subject_sat_before_the_test(reading) -> None:
    first = reading.frames[0].persons[0].box.xyxy
    assert reading.seat_box() == pytest.approx(np.array(first), abs=3.0)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_frames_have_no_boundaries(count: int) -> None:
    short = read_frames(Figure().frames()[:count], PARAMS)
    assert np.isnan(short.segmentation.boundaries_s).all()
    assert short.segmentation.posteriors.shape == (count, 7)
    assert not short.begun and not short.rested(1.0)


def test_nobody_else_means_no_other_test(reading) -> None:
    assert segment_other(reading) is None


def test_empty_pictures_have_nobody_to_read() -> None:
    frames = [replace(frame, persons=()) for frame in Figure().frames()]
    nobody = read_frames(frames, PARAMS)
    assert not nobody.begun and segment_other(nobody) is None
    assert np.isnan(nobody.seat_box()).all()
