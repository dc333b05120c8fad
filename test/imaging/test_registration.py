# SPDX-License-Identifier: Apache-2.0
"""Registration: round trips, parallax as geometry says, images, boxes, fixed homographies."""

import numpy as np
import pytest
from support.rigs import boxes_to_rgb

from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraPose
from thermal_pose.imaging.registration import (
    PlaneRegistration,
    Registration,
    depth_of_person,
    plane_error_by_depth,
    plane_registration,
)

THERMAL = CameraIntrinsics((80, 60), 84.0, 84.0, 39.5, 29.5, (-0.2, 0.05, 0.0, 0.0, 0.0))
RGB = CameraIntrinsics((1024, 576), 745.0, 745.0, 511.5, 287.5)
BESIDE = CameraPose(np.eye(3), np.array([0.05, 0.0, 0.0]))
REGISTRATION = Registration(THERMAL, RGB, BESIDE)
GRID = np.stack(np.meshgrid(np.linspace(8, 70, 5), np.linspace(5, 55, 5)), axis=-1)


@pytest.mark.parametrize("depth_m", [1.0, 3.0, 7.0])
def test_there_and_back(depth_m: float) -> None:
    back = REGISTRATION.to_thermal(REGISTRATION.to_rgb(GRID, depth_m), depth_m)
    np.testing.assert_allclose(back, GRID, atol=1e-5)


def test_parallax_of_five_centimetres() -> None:
    """1.4 thermal px at 3 m, 0.7 at 6 m: f B / z."""
    straight = Registration(
        CameraIntrinsics((80, 60), 84.0, 84.0, 39.5, 29.5),
        CameraIntrinsics((80, 60), 84.0, 84.0, 39.5, 29.5),
        BESIDE,
    )
    for depth_m, shift_px in ((3.0, 1.4), (6.0, 0.7)):
        moved = straight.to_thermal([[39.5, 29.5]], depth_m)[0]
        np.testing.assert_allclose(moved, [39.5 + shift_px, 29.5], atol=1e-9)


def test_boxes_are_mapped_around_their_corners() -> None:
    boxes = np.array([[10.0, 10.0, 30.0, 50.0], [40.0, 5.0, 60.0, 55.0]])
    there = boxes_to_rgb(REGISTRATION, boxes, [3.0, 5.0])
    assert (there[:, 2] > there[:, 0]).all()
    back = REGISTRATION.boxes_to_thermal(there, [3.0, 5.0])
    assert (back[:, :2] <= boxes[:, :2] + 1e-6).all()
    np.testing.assert_allclose(back, boxes, atol=1.0)
    assert REGISTRATION.boxes_to_thermal(np.zeros((0, 4)), 3.0).shape == (0, 4)


def test_a_fixed_homography_is_right_at_its_depth_only() -> None:
    straight = Registration(CameraIntrinsics((80, 60), 84.0, 84.0, 39.5, 29.5), RGB, BESIDE)
    plane = plane_registration(straight, 4.5)
    errors = plane_error_by_depth(plane, straight, [3.0, 4.5, 6.0], GRID.reshape(-1, 2))
    assert errors[1] < 1e-3
    parallax_px = [84 * 0.05 * abs(1 / depth_m - 1 / 4.5) for depth_m in (3.0, 6.0)]
    np.testing.assert_allclose(errors[[0, 2]], parallax_px, atol=1e-2)


def test_homographies_invert_and_refuse_a_singular_matrix() -> None:
    plane = PlaneRegistration(np.array([[0.08, 0.001, 1], [0.002, 0.08, 2], [1e-5, 0, 1.0]]))
    np.testing.assert_allclose(plane.to_thermal(plane.to_rgb(GRID)), GRID, atol=1e-9)
    with pytest.raises(ValueError, match="invertible"):
        PlaneRegistration(np.zeros((3, 3)))


def test_depth_from_the_height_of_a_box() -> None:
    assert depth_of_person(24.0, 1.72, 84.0) == pytest.approx(6.02, abs=0.01)
    with pytest.raises(ValueError, match="positive"):
        depth_of_person(0.0, 1.7, 84.0)
