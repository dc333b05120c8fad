# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support.bodies import body, rest_pose
from support.people import subject

from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.lab.simulation.people import annotation
from thermal_pose.lab.simulation.people.annotation import DROP_SHARES, annotated_keypoints
from thermal_pose.lab.simulation.people.outfits import Outfit
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.lab.simulation.rooms.scene import Actor, Scene, StillMotion
from thermal_pose.lab.simulation.sensors.renderer import SceneRenderer
from thermal_pose.skeleton import Joint


def test_only_the_legs_joints_move_and_straight_down_in_a_standing_body():
    labels = annotated_keypoints(body(), rest_pose(body()))
    moved = labels - pose_keypoints(body(), rest_pose(body()))
    others = [joint for joint in Joint if joint not in DROP_SHARES]
    assert np.abs(moved[others]).max() == 0
    for joint, share in DROP_SHARES.items():
        assert moved[joint] == pytest.approx([0, 0, -share * body().shape.height_m], abs=1e-5)


def test_hips_and_knees_of_standing_people_lie_where_annotators_of_coco_put_them():
    """Shares of the way from shoulders to ankles, of 74 people of COCO val2017."""
    labels = annotated_keypoints(body(), rest_pose(body()))
    shoulder, hip, knee, ankle = (labels[[k, k + 1], 2].mean() for k in (5, 11, 13, 15))
    assert (shoulder - hip) / (shoulder - ankle) == pytest.approx(0.410, abs=0.02)
    assert (shoulder - knee) / (shoulder - ankle) == pytest.approx(0.715, abs=0.02)


def test_annotated_ankles_lie_where_malleoli_do():
    labels = annotated_keypoints(body(), rest_pose(body()))
    share = labels[[Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE], 2] / body().shape.height_m
    assert (share > 0.04).all() and (share < 0.065).all()


@pytest.fixture
def labels_far_below(monkeypatch):
    """Call to move the labels of all joints a fifth of stature down."""
    lower = dict.fromkeys(Joint, 0.2)
    return lambda: monkeypatch.setattr(annotation, "DROP_SHARES", lower)


def tug(kind):
    """Boundaries (phase, start, end; s) of a test, and its joints (T, 17, 3) at 4 Hz, m."""
    planned = plan_trial(subject(kind), np.random.default_rng(4), body=body())
    bounds = [(phase.phase, phase.start_s, phase.end_s) for phase in planned.truth]
    times_s = np.arange(0.0, planned.duration_s, 0.25)
    return bounds, np.stack([planned.joints(float(time_s)) for time_s in times_s])


@pytest.mark.simulation
@pytest.mark.parametrize("kind", ["normal", "frame"])
def test_the_test_s_definitions_do_not_depend_on_where_labels_lie(kind, labels_far_below):
    bounds, joints_m = tug(kind)
    labels_far_below()
    again, joints_again_m = tug(kind)
    assert again == bounds and len(bounds) == 6
    np.testing.assert_array_equal(joints_again_m, joints_m)


@pytest.mark.simulation
def test_a_frame_s_truth_has_moved_labels_and_the_same_joints(labels_far_below):
    pose = rest_pose(body())
    actor = Actor(1, "subject", body(), Outfit(), StillMotion(pose))

    def person():
        return SceneRenderer(Scene(), (actor,), with_rgb=False).frame(0).truth.persons[0]

    before = person()
    labels_far_below()
    after = person()
    np.testing.assert_array_equal(after.joints_m, before.joints_m)
    np.testing.assert_array_equal(after.joints_m, pose_keypoints(body(), pose))
    assert (after.xy[:, 1] - before.xy[:, 1] > 1.0).all()
