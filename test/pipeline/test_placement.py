# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.imaging.camera_model import CameraIntrinsics
from thermal_pose.pipeline.placement import Mounting, place_person
from thermal_pose.skeleton import Joint
from thermal_pose.types import PersonBox, PersonKeypoints

INTRINSICS = CameraIntrinsics((80, 60), 84.0, 84.0, 39.5, 29.5)


def standing(distance_m, pitch_deg=0.0, height_m=1.2, across_m=0.4, feet=True):
    """A flat person upright on the floor, projected into the picture."""
    joints_m = np.zeros((17, 3))
    up = np.linspace(1.7, 0.0, 17)
    up[[Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]] = 0.0
    joints_m[:, 0], joints_m[:, 1], joints_m[:, 2] = across_m, height_m - up, distance_m
    pitch = np.radians(pitch_deg)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    seen = joints_m @ turn.T  # y (down) tips towards the view as the camera looks down
    xy = INTRINSICS.to_pixels(seen).astype(np.float32)
    scores = np.ones(17, np.float32)
    if not feet:
        scores[[Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]] = 0.0
    box = PersonBox((xy[0, 0] - 5, float(xy[:, 1].min()), xy[0, 0] + 5, float(xy[:, 1].max())), 1.0)
    return PersonKeypoints(1, box, xy, scores), seen


@pytest.mark.parametrize("distance_m", [2.6, 5.0, 8.0])
def test_feet_on_the_floor_tell_the_distance(distance_m):
    person, truth = standing(distance_m)
    place = place_person(person, INTRINSICS, Mounting(height_m=1.2))
    np.testing.assert_allclose(place.joints_m, truth, atol=0.01)
    np.testing.assert_allclose(place.floor_m, [0.4, 1.2, distance_m], atol=0.01)


def test_a_tilted_camera_puts_people_onto_the_same_floor():
    person, _ = standing(5.0, pitch_deg=10.0, height_m=1.8)
    mounting = Mounting(height_m=1.8, pitch_deg=10.0)
    place = place_person(person, INTRINSICS, mounting)
    assert place.floor_m @ mounting.down() == pytest.approx(1.8)
    ahead = np.array([0.0, -np.sin(np.radians(10)), np.cos(np.radians(10))])
    assert place.floor_m @ ahead == pytest.approx(5.0, rel=0.05)


def test_without_feet_the_body_height_tells_the_distance():
    person, _ = standing(4.0, feet=False)
    place = place_person(person, INTRINSICS, Mounting(height_m=1.2))
    assert place.floor_m[2] == pytest.approx(4.0, rel=0.05)
    short = place_person(person, INTRINSICS, Mounting(height_m=1.2, person_height_m=1.5))
    assert short.floor_m[2] == pytest.approx(4.0 * 1.5 / 1.7, rel=0.05)


def test_unsure_joints_have_no_place():
    person, _ = standing(4.0, feet=False)
    place = place_person(person, INTRINSICS, Mounting())
    assert np.isnan(place.joints_m[Joint.LEFT_ANKLE]).all()
    assert np.isfinite(place.floor_m).all()


def test_mounting_validates_itself():
    with pytest.raises(ValueError, match="height_m"):
        Mounting(height_m=0.0)
