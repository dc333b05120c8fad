# SPDX-License-Identifier: Apache-2.0
import numpy as np
from support.bodies import body, rest_pose

from thermal_pose.lab.simulation.people.annotation import ANKLE_DROP_SHARE, annotated_keypoints
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.skeleton import Joint


def test_only_ankles_move_and_down_the_shank():
    labels = annotated_keypoints(body(), rest_pose(body()))
    joints = pose_keypoints(body(), rest_pose(body()))
    moved = labels - joints
    ankles = [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]
    others = [joint for joint in Joint if joint not in ankles]
    assert np.abs(moved[others]).max() == 0
    drop_m = ANKLE_DROP_SHARE * body().shape.height_m
    assert np.allclose(moved[ankles, 2], -drop_m, atol=1e-5)
    assert np.abs(moved[ankles, :2]).max() < 1e-5


def test_annotated_ankles_lie_where_malleoli_do():
    labels = annotated_keypoints(body(), rest_pose(body()))
    share = labels[[Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE], 2] / body().shape.height_m
    assert (share > 0.04).all() and (share < 0.065).all()
