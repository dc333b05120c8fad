# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraModel, CameraPose
from thermal_pose.lab.simulation.rooms.scene import Room
from thermal_pose.lab.simulation.sensors.rasteriser import View
from thermal_pose.lab.simulation.sensors.room_rays import Plane, slow_field, view_room

pytestmark = pytest.mark.simulation

LENS = CameraIntrinsics((80, 60), 84.0, 83.0, 39.0, 30.0, (-0.2, 0.03, 0.001, -0.002, 0.0))
CAMERA = CameraModel(LENS, CameraPose.looking_at((6.0, 0.5, 1.5), (0.0, 0.0, 0.9), 0.02))
ROOM = Room()


@pytest.mark.parametrize("scale", [1, 2])
def test_points_project_back_onto_their_pixels(scale):
    view = View(CAMERA, scale)
    seen = view_room(ROOM, view)
    pixels, depths_m = CAMERA.project(seen.points_m)
    rows, columns = np.mgrid[: 60 * scale, : 80 * scale]
    np.testing.assert_allclose(pixels[..., 0], view.pixels(columns), atol=2e-3)
    np.testing.assert_allclose(pixels[..., 1], view.pixels(rows), atol=2e-3)
    np.testing.assert_allclose(1.0 / depths_m, seen.inverse_depth, rtol=1e-4)


def test_points_lie_on_the_plane_they_are_said_to():
    seen = view_room(ROOM, View(CAMERA))
    for plane, axis, at_m in (
        (Plane.BACK_WALL, 0, ROOM.x_min_m),
        (Plane.LEFT_WALL, 1, ROOM.y_max_m),
        (Plane.RIGHT_WALL, 1, ROOM.y_min_m),
        (Plane.FLOOR, 2, 0.0),
    ):
        mask = seen.on(plane)
        assert mask.any()
        np.testing.assert_allclose(seen.points_m[mask][:, axis], at_m, atol=1e-5)
    assert not seen.on(Plane.FAR_WALL).any()


def test_cosine_is_that_of_the_ray_and_the_normal():
    seen = view_room(ROOM, View(CAMERA))
    to_camera = CAMERA.pose.position_m - seen.points_m
    expected = np.abs(to_camera[..., 2]) / np.linalg.norm(to_camera, axis=-1)
    floor = seen.on(Plane.FLOOR)
    np.testing.assert_allclose(seen.cosine[floor], expected[floor], atol=1e-5)


def test_slow_field_is_smooth_and_bounded():
    a, b = np.meshgrid(np.linspace(0, 5, 200), np.linspace(0, 3, 120))
    field = slow_field(a, b, np.random.default_rng(0))
    assert np.abs(field).max() < 2.0
    assert np.abs(np.diff(field, axis=1)).max() < 0.3
