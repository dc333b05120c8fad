# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from thermal_pose.imaging.camera_model import (
    LEPTON,
    RGB_1024,
    CameraIntrinsics,
    CameraModel,
    CameraPose,
    intrinsics_of_view,
)

BARREL = CameraIntrinsics((80, 60), 84.0, 83.0, 39.0, 30.0, (-0.31, 0.1, 0.002, -0.001, 0.01))


def test_target_projects_to_the_principal_point():
    camera = CameraModel(LEPTON, CameraPose.looking_at((6.0, 0.5, 1.5), (0.0, 0.0, 1.0)))
    pixels, depths_m = camera.project([(0.0, 0.0, 1.0)])
    assert pixels[0] == pytest.approx((39.5, 29.5), abs=1e-9)
    assert depths_m[0] == pytest.approx(np.sqrt(36.0 + 0.25 + 0.25))


def test_known_offset_in_pixels():
    # 0.84 m to the right of the axis at 8.4 m: 84 px * 0.1. Seen from +x, room +y is right.
    camera = CameraModel(LEPTON, CameraPose.looking_at((8.4, 0.0, 1.0), (0.0, 0.0, 1.0)))
    pixels, _ = camera.project([(0.0, 0.84, 1.0), (0.0, 0.0, 1.84)])
    assert pixels[0] == pytest.approx((39.5 + 8.4, 29.5))
    assert pixels[1] == pytest.approx((39.5, 29.5 - 8.4))


def test_roll_turns_the_image():
    camera = CameraModel(LEPTON, CameraPose.looking_at((8.4, 0, 1), (0, 0, 1), np.pi / 2))
    pixels, _ = camera.project([(0.0, 0.84, 1.0)])
    assert pixels[0] == pytest.approx((39.5, 29.5 - 8.4))


def test_behind_the_camera_is_nan():
    camera = CameraModel(LEPTON, CameraPose.looking_at((5.0, 0.0, 1.0), (0.0, 0.0, 1.0)))
    pixels, depths_m = camera.project([(6.0, 0.0, 1.0)])
    assert np.isnan(pixels).all() and depths_m[0] == pytest.approx(-1.0)


def test_distortion_is_opencvs():
    points = np.array([(0.3, -0.2, 1.2), (-0.4, 0.3, 2.0), (0.0, 0.0, 1.0)])
    expected, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), BARREL.matrix, np.array(BARREL.distortion)
    )
    np.testing.assert_allclose(BARREL.to_pixels(points), expected[:, 0], atol=1e-9)


@pytest.mark.parametrize("intrinsics", [LEPTON, RGB_1024, BARREL])
def test_unproject_undoes_project(intrinsics):
    camera = CameraModel(intrinsics, CameraPose.looking_at((6.0, 2.0, 1.7), (1.0, 0.0, 0.9), 0.05))
    points = np.random.default_rng(0).uniform((0, -0.6, 0.2), (3, 0.6, 1.7), (50, 3))
    pixels, depths_m = camera.project(points)
    np.testing.assert_allclose(camera.unproject(pixels, depths_m), points, atol=1e-6)


def test_relative_pose_chains():
    left = CameraPose.looking_at((6.0, 0.0, 1.5), (0.0, 0.0, 1.0))
    right = CameraPose.looking_at((6.0, 0.05, 1.5), (0.0, 0.1, 1.0), 0.02)
    point = np.array((1.0, 0.2, 0.8))
    np.testing.assert_allclose(
        right.relative_to(left).to_camera(left.to_camera(point)), right.to_camera(point)
    )


def test_position_is_recovered():
    pose = CameraPose.looking_at((5.0, -2.0, 1.3), (0.0, 0.0, 1.0), 0.3)
    assert pose.position_m == pytest.approx((5.0, -2.0, 1.3))


def test_field_of_view():
    assert RGB_1024.fx_px == pytest.approx(512 / np.tan(np.deg2rad(34.5)))
    with pytest.raises(ValueError, match="hfov_rad"):
        intrinsics_of_view((80, 60), 3.5)


@pytest.mark.parametrize("size_wh, fx_px", [((0, 60), 84.0), ((80, 60), -1.0)])
def test_impossible_intrinsics_are_refused(size_wh, fx_px):
    with pytest.raises(ValueError, match="size_wh, fx_px"):
        CameraIntrinsics(size_wh, fx_px, 84.0, 0.0, 0.0)


def test_vertical_sight_is_refused():
    with pytest.raises(ValueError, match="target_m"):
        CameraPose.looking_at((0.0, 0.0, 3.0), (0.0, 0.0, 0.0))


def test_skewed_rotation_is_refused():
    with pytest.raises(ValueError, match="orthonormal"):
        CameraPose(np.full((3, 3), 0.5), np.zeros(3))
