# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.lab.metrics.detection import FrameDetections, evaluate_detections

NONE = np.zeros((0, 4), np.float32)
A, B = [0, 0, 10, 20], [40, 0, 50, 20]


def frame(truth, found, scores):
    return FrameDetections(
        np.array(truth, np.float32).reshape(-1, 4),
        np.array(found, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
    )


def test_perfect_boxes_score_one():
    figures = evaluate_detections([frame([A, B], [B, A], [0.9, 0.8])], 0.5)
    assert (figures.ap50, figures.recall, figures.precision) == (1.0, 1.0, 1.0)
    assert figures.false_alarms_per_h == 0 and figures.persons == 2


def test_half_found_with_one_false_box_ranked_first():
    figures = evaluate_detections([frame([A, B], [[60, 30, 70, 50], A], [0.9, 0.8])], 0.5)
    # Precision at every recall up to one half is 1/2: 51 of 101 points.
    assert figures.ap50 == pytest.approx(0.5 * 51 / 101)
    assert figures.recall == 0.5 and figures.precision == 0.5
    assert figures.false_alarms_per_h == 8 * 3600


def test_a_second_box_on_the_same_person_is_a_false_alarm():
    figures = evaluate_detections([frame([A], [A, A], [0.9, 0.8])], 0.5)
    assert figures.recall == 1.0 and figures.precision == 0.5


def test_boxes_below_the_threshold_do_not_count_as_alarms():
    empty = [frame(NONE, [A], [0.4]) for _ in range(10)]
    figures = evaluate_detections(empty, 0.5)
    assert figures.false_alarms_per_h == 0
    assert figures.ap50 is None and figures.recall is None and figures.precision is None
    assert evaluate_detections(empty, 0.3, rate_hz=1.0).false_alarms_per_h == 3600


def test_overlap_just_below_one_half_is_a_miss():
    figures = evaluate_detections([frame([[0, 0, 10, 10]], [[0, 0, 10, 4.9]], [0.9])], 0.5)
    assert figures.recall == 0 and figures.ap50 == 0


def test_nothing_found_and_bad_shapes():
    assert evaluate_detections([frame([A], NONE, [])], 0.5).ap50 == 0.0
    with pytest.raises(ValueError, match="frames"):
        evaluate_detections([], 0.5)
    with pytest.raises(ValueError, match="scores"):
        frame([A], [A], [])
