# SPDX-License-Identifier: Apache-2.0
"""Every parameter of detector and pose node changes what it says."""

from dataclasses import replace

import numpy as np
import pytest
from rclpy.parameter import Parameter
from support.models import write_fixed_box_model
from support.perception_bench import frame

from thermal_pose.skeleton import MIRROR
from thermal_pose.types import ThermalFrame

pytestmark = pytest.mark.graph


def test_detect_every_n_changes_how_often_it_detects(bench):
    bench.show(frame(0), frame(1))
    bench.set(bench.detector, detect_every_n=100)
    bench.show(frame(2), frame(3))
    assert [message.detected for message in bench.persons] == [True, True, False, False]


def test_warm_threshold_changes_who_is_found(bench):
    assert len(bench.show(frame(0))[0].persons) == 1
    bench.set(bench.detector, warm_threshold_k=15.0)
    bench.show(frame(1))
    assert len(bench.persons[-1].persons) == 0


def test_score_threshold_changes_who_is_found(benches, tmp_path):
    fixed = write_fixed_box_model(tmp_path, [[6, 12, 18, 48], [31, 12, 43, 48]], [0.9, 0.6])
    bench = benches(detector={"model": str(fixed)})
    assert len(bench.show(frame(0, people=2))[0].persons) == 2
    bench.set(bench.detector, score_threshold=0.8)
    bench.show(frame(1))
    assert len(bench.persons[-1].persons) == 1


def test_a_score_threshold_that_the_detector_cannot_use_is_refused(bench):
    (result,) = bench.detector.set_parameters([Parameter("score_threshold", value=0.5)])
    assert not result.successful and "takes none" in result.reason
    assert bench.detector.parameters.score_threshold == -1.0


def test_min_person_score_changes_who_is_let_through(bench):
    assert len(bench.show(frame(0))[0].persons) == 1
    bench.set(bench.pose, min_person_score=1.0)
    warm = frame(1)
    faint = ThermalFrame(
        warm.stamp_ns, warm.frame_id, (29515 + (warm.centikelvin - 29400.0) * 0.4).astype(np.uint16)
    )
    assert bench.show(faint)[0].persons == ()


def test_max_persons_changes_how_many(bench):
    assert len(bench.show(frame(0, people=2))[0].persons) == 2
    bench.set(bench.pose, max_persons=1)
    assert len(bench.show(frame(1, people=2))[0].persons) == 1


def test_max_lost_s_changes_whether_an_identity_survives(bench):
    bench.set(bench.pose, max_lost_s=0.2)
    gone = [frame(n, people=0) for n in range(1, 6)]
    before, *_, after = bench.show(frame(0), *gone, frame(6))
    assert before.persons[0].track_id == 1 and after.persons[0].track_id == 2
    bench.set(bench.pose, max_lost_s=5.0)
    gone = [frame(n, people=0) for n in range(7, 12)]
    *_, again = bench.show(*gone, frame(12))
    assert again.persons[0].track_id == 2


def test_keep_sides_changes_what_one_mirrored_answer_shows(bench):
    stage = bench.pose._stage
    honest = stage.estimator

    class Mirrors:
        model_id, info = honest.model_id, honest.info

        def estimate(self, image, boxes):
            return tuple(
                replace(person, xy=person.xy[list(MIRROR)], scores=person.scores[list(MIRROR)])
                for person in honest.estimate(image, boxes)
            )

    def apart_px(numbers, keep_sides):
        """Return how far right joints lie from left ones, before and after the mirrored answer."""
        bench.set(bench.pose, keep_sides=keep_sides)
        stage.reset()
        stage.estimator = honest
        *_, before = bench.show(*map(frame, numbers[:-1]))
        stage.estimator = Mirrors()
        (after,) = bench.show(frame(numbers[-1]))
        joints = [one.persons[0].xy for one in (before, after)]
        return [xy - xy[list(MIRROR)] for xy in joints]

    before, after = apart_px(range(6), keep_sides=True)
    assert np.sum(before * after) > 0, "sides stay"
    before, after = apart_px(range(6, 12), keep_sides=False)
    assert np.sum(before * after) < 0, "sides are as the network says"


def test_min_joint_score_changes_the_box_between_detections(bench):
    bench.set(bench.detector, detect_every_n=100, warm_threshold_k=0.8)
    bench.set(bench.pose, min_person_score=0.0)

    def second_box(numbers, min_joint_score):
        bench.set(bench.pose, min_joint_score=min_joint_score)
        bench.pose._stage.reset()
        bench.detector._stage.reset()
        # Cool people: no joint is surer than about 0.5.
        cool = [
            ThermalFrame(
                one.stamp_ns,
                "cam_7",
                (29515 + (one.centikelvin - 29515.0) * 0.3).astype(np.uint16),
            )
            for one in map(frame, numbers)
        ]
        return bench.show(*cool)[1].persons[0].box.xyxy

    kept = second_box((0, 1), 1.0)
    assert kept == (5.5, 11.5, 17.5, 47.5)  # as detected
    assert second_box((2, 3), 0.0) != kept


@pytest.mark.parametrize(
    "change",
    [
        {"smoothing": "one_euro"},
        {"smoothing": "one_euro", "smoothing_min_cutoff_hz": 0.05},
        {"smoothing": "one_euro", "smoothing_beta_s_per_px": 9.0},
    ],
    ids=["smoothing", "min_cutoff", "beta"],
)
def test_smoothing_and_its_tuning_change_the_joints(bench, card, change):
    base = {} if len(change) == 1 else {"smoothing": "one_euro"}
    recording = [frame(n) for n in range(6)]

    def last(values):
        defaults = {"smoothing_min_cutoff_hz": 1.0, "smoothing_beta_s_per_px": 0.3}
        bench.set(bench.pose, **{"smoothing": "none", **defaults, **values})
        bench.pose._stage.reset()
        return bench.show(*recording)[-1].persons[0].xy

    assert not np.array_equal(last(base), last(change))
