# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support.bodies import body

from thermal_pose.imaging.camera_model import CameraIntrinsics, CameraModel, CameraPose
from thermal_pose.lab.simulation.rooms.scene import (
    DISTRACTOR_KINDS,
    AidPose,
    Chair,
    Distractor,
    Scene,
)
from thermal_pose.lab.simulation.rooms.shapes import (
    aid_shape,
    chair_shape,
    cuboid,
    distractor_shape,
    ellipsoid,
    join_shapes,
    tube,
)
from thermal_pose.lab.simulation.sensors.rasteriser import Canvas, View, posed_normals, silhouettes

pytestmark = pytest.mark.simulation

LENS = CameraIntrinsics((40, 30), 40.0, 40.0, 19.5, 14.5)
FRONT = CameraModel(LENS, CameraPose.looking_at((4.0, 0.0, 1.0), (0.0, 0.0, 1.0)))


def drawn(shape, scale=4, camera=FRONT, object_id=1):
    view = View(camera, scale)
    canvas = Canvas.empty(view.shape_hw, 1)
    ones = np.ones((len(shape.vertices), 1), np.float32)
    canvas.draw(view.to_screen(shape.vertices), shape.faces, ones, object_id)
    return canvas, view


def test_square_covers_its_projected_area():
    # The front face of a 1 m cube stands at x = 0.5, 3.5 m away: (40 / 3.5)^2 px.
    canvas, view = drawn(cuboid((-0.5, -0.5, 0.5), (0.5, 0.5, 1.5), 0.0, (1, 1, 1)))
    area_px = silhouettes(canvas.ids, 1)[1, 4] / view.scale**2
    assert area_px == pytest.approx((40 / 3.5) ** 2, rel=0.03)


def test_silhouette_extent_is_the_projection_of_the_edges():
    canvas, view = drawn(cuboid((-0.5, -0.5, 0.5), (0.5, 0.5, 1.5), 0.0, (1, 1, 1)), scale=8)
    left, right, top, bottom, _ = silhouettes(canvas.ids, 1)[1]
    low, high = view.pixels(np.array((left - 0.5, right + 0.5)))
    half = 0.5 * 40 / 3.5
    assert low == pytest.approx(19.5 - half, abs=1 / 8)
    assert high == pytest.approx(19.5 + half, abs=1 / 8)
    low, high = view.pixels(np.array((top - 0.5, bottom + 0.5)))
    assert (low, high) == pytest.approx((14.5 - half, 14.5 + half), abs=1 / 8)


def test_nearer_hides_farther_in_any_order():
    near = cuboid((0.4, -0.1, 0.9), (0.6, 0.1, 1.1), 0.0, (1, 1, 1))
    far = cuboid((-0.6, -0.5, 0.5), (-0.4, 0.5, 1.5), 0.0, (1, 1, 1))
    view = View(FRONT, 2)
    for order in (((near, 1), (far, 2)), ((far, 2), (near, 1))):
        canvas = Canvas.empty(view.shape_hw, 1)
        for shape, number in order:
            ones = np.ones((len(shape.vertices), 1), np.float32)
            canvas.draw(view.to_screen(shape.vertices), shape.faces, ones, number)
        assert canvas.ids[30, 40] == 1
        assert {1, 2} == set(np.unique(canvas.ids)) - {0}


def test_depth_is_right_in_the_middle():
    canvas, _ = drawn(cuboid((-0.5, -0.5, 0.5), (0.5, 0.5, 1.5), 0.0, (1, 1, 1)))
    assert 1.0 / canvas.inverse_depth[60, 80] == pytest.approx(3.5, abs=1e-4)


def test_attributes_are_interpolated():
    shape = cuboid((-0.1, -0.5, 0.5), (0.0, 0.5, 1.5), 0.0, (1, 1, 1))
    view = View(FRONT, 1)
    canvas = Canvas.empty(view.shape_hw, 1)
    heights = np.ascontiguousarray(shape.vertices[:, 2:])
    canvas.draw(view.to_screen(shape.vertices), shape.faces, heights, 1)
    rows = np.arange(11, 19)
    expected = 1.0 - (rows - 14.5) * 4.0 / 40.0
    np.testing.assert_allclose(canvas.image[rows, 20, 0], expected, atol=1e-4)


def test_what_is_behind_the_camera_is_not_drawn():
    canvas, _ = drawn(cuboid((4.5, -0.5, 0.5), (5.5, 0.5, 1.5), 0.0, (1, 1, 1)))
    assert not canvas.ids.any()


def test_nothing_on_the_canvas_has_no_extent():
    extents = silhouettes(np.zeros((4, 5), np.uint8), 2)
    assert (extents[1:, 4] == 0).all() and (extents[1:, 1] < extents[1:, 0]).all()


def shapes():
    yield "cuboid", cuboid((0, 0, 0), (1, 2, 3), 0.0, (1, 1, 1), 3)
    yield "tube", tube((0, 0, 0), (1, 1, 2), 0.2, 0.0, (1, 1, 1))
    yield "ellipsoid", ellipsoid((0, 0, 1), (1, 2, 0.5), 0.0, (1, 1, 1), 24)


@pytest.mark.parametrize("name, shape", list(shapes()))
def test_faces_point_outwards(name, shape):
    a, b, c = (shape.vertices[shape.faces[:, k]].astype(float) for k in range(3))
    outward = np.cross(b - a, c - a)
    middle = (a + b + c) / 3 - shape.vertices.mean(axis=0)
    real = np.linalg.norm(outward, axis=1) > 1e-9
    assert (np.sum(outward * middle, axis=1)[real] > 0).all()


def test_normals_of_a_sphere_are_radial():
    sphere = ellipsoid((0, 0, 0), (1, 1, 1), 0.0, (1, 1, 1), 40)
    normals = posed_normals(sphere.vertices, sphere.faces)
    used = np.linalg.norm(normals, axis=1) > 0.5
    # Along the seam and at the poles a vertex knows only the faces on its side.
    assert np.median(np.sum(normals * sphere.vertices, axis=1)[used]) > 0.995


@pytest.mark.parametrize("kind", DISTRACTOR_KINDS)
def test_every_distractor_stands_on_the_floor_or_the_wall(kind):
    shape = distractor_shape(Distractor(kind, (1.0, 2.0, 0.0), 10.0, 0.4, 1.2))
    assert shape.vertices[:, 2].min() > -1e-3
    assert np.abs(shape.vertices[:, :2].mean(axis=0) - (1.0, 2.0)).max() < 0.6
    assert len(shape.warm_k) == len(shape.vertices) == len(shape.colour)


def test_chair_has_its_seat_where_it_says_and_takes_a_print():
    chair = Chair(seat_height_m=0.46, position_m=(1.0, -1.0))
    shape = chair_shape(chair, (0.2, 0.2, 0.2), (0.5, 0.5, 0.5))
    printed = shape.vertices[shape.heat_print > 0.5]
    assert len(printed) > 4
    assert printed[:, 2].max() <= chair.back_height_m
    assert np.isclose(printed[:, 2], 0.46).any()


@pytest.mark.parametrize("kind", ["stick", "frame"])
def test_aids_reach_from_floor_to_hand(kind):
    shape = aid_shape(AidPose(kind, (1.0, 0.2, 0.0), (1.0, 0.25, 0.9), 0.3))
    assert shape.vertices[:, 2].min() == pytest.approx(0.0, abs=0.02)
    assert shape.vertices[:, 2].max() == pytest.approx(0.9, abs=0.05)


def test_joining_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        join_shapes([])


def test_coarse_mesh_has_nearly_the_silhouette_of_the_fine_one():
    view = View(Scene().thermal_camera, 4)
    silhouette = []
    for mesh in (body().fine, body().coarse):
        canvas = Canvas.empty(view.shape_hw, 1)
        ones = np.ones((len(mesh.vertices), 1), np.float32)
        canvas.draw(view.to_screen(mesh.vertices), mesh.faces, ones, 1)
        silhouette.append(canvas.ids > 0)
    assert (silhouette[0] ^ silhouette[1]).sum() < 0.04 * silhouette[0].sum()
