# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.tracking.boxes import box_from_keypoints, iou_matrix, shifted, visible_share


def test_iou_of_known_pairs():
    ious = iou_matrix([[0, 0, 2, 2], [0, 0, 4, 4]], [[0, 0, 2, 2], [1, 1, 3, 3], [9, 9, 10, 10]])
    np.testing.assert_allclose(ious, [[1, 1 / 7, 0], [0.25, 0.25, 0]])
    assert iou_matrix(np.zeros((0, 4)), [[0, 0, 1, 1]]).shape == (0, 1)


def test_box_from_keypoints_holds_all_confident_joints_and_leaves_out_the_rest():
    xy = np.stack([np.linspace(30, 40, 17), np.linspace(10, 50, 17)], axis=1).astype(np.float32)
    scores = np.ones(17, np.float32)
    xy[3] = (500, 500)
    scores[3] = 0.1
    xy[4] = np.nan
    left, top, right, bottom = box_from_keypoints(xy, scores, 0.2)
    assert left < 30 and top < 10 and right > 40 and bottom > 50
    assert right < 45 and bottom < 55


def test_too_few_confident_joints_imply_no_box():
    scores = np.zeros(17, np.float32)
    scores[:5] = 1.0
    assert box_from_keypoints(np.zeros((17, 2), np.float32), scores, 0.2) is None


def test_joints_in_one_point_still_imply_a_box_with_area():
    xy = np.full((17, 2), 20.0, np.float32)
    left, top, right, bottom = box_from_keypoints(xy, np.ones(17, np.float32), 0.2)
    assert right > left and bottom > top


@pytest.mark.parametrize(
    ("xyxy", "share"),
    [((10, 10, 20, 20), 1.0), ((-10.5, 0, 9.5, 20), 0.5), ((100, 100, 120, 120), 0.0)],
)
def test_visible_share(xyxy, share):
    assert visible_share(xyxy, (80, 60)) == pytest.approx(share)


def test_shifted():
    assert shifted((0, 1, 2, 3), 10, -1) == (10, 0, 12, 2)
