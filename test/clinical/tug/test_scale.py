# SPDX-License-Identifier: Apache-2.0
"""Places on the floor from size and column in the image of a pinhole camera."""

import numpy as np
import pytest

from thermal_pose.clinical.tug.scale import HIP_OVER_ANKLE_SHARE, floor_place_m

FOCAL_PX, WIDTH_PX, HEIGHT_M = 84.0, 80, 1.7


@pytest.mark.parametrize("place_m", [(3.0, 0.0), (3.0, -0.8), (6.0, 1.5)])
def test_a_place_comes_back_from_its_image(place_m) -> None:
    depth_m, aside_m = place_m
    size_px = np.array([FOCAL_PX * HIP_OVER_ANKLE_SHARE * HEIGHT_M / depth_m])
    column_px = np.array([39.5 + FOCAL_PX * aside_m / depth_m])
    found = floor_place_m(size_px, column_px, WIDTH_PX, FOCAL_PX, HEIGHT_M)
    assert found == pytest.approx(np.array([place_m]))


def test_who_comes_nearer_on_the_optical_axis_does_not_go_aside() -> None:
    place = floor_place_m(np.array([9.0, 18.0]), np.full(2, 39.5), WIDTH_PX, FOCAL_PX, HEIGHT_M)
    assert place[:, 1] == pytest.approx(0.0)


def test_what_was_not_seen_has_no_place() -> None:
    place = floor_place_m(np.array([np.nan]), np.array([40.0]), WIDTH_PX, FOCAL_PX, HEIGHT_M)
    assert np.isnan(place).all()
    assert floor_place_m(np.zeros(0), np.zeros(0), WIDTH_PX, FOCAL_PX, HEIGHT_M).shape == (0, 2)
