# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support.bodies import body, rest_pose

from thermal_pose.lab.simulation.people.annotation import DROP_SHARES, annotated_keypoints
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
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
