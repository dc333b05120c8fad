# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from thermal_pose.errors import ConfigError
from thermal_pose.inference.base import RuntimeInfo
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception import (
    Detections,
    DetectionStage,
    Perception,
    PoseSettings,
    PoseStage,
)
from thermal_pose.pipeline.perception_params import (
    apply_detector_parameters,
    build_detection_stage,
    pose_settings,
)
from thermal_pose.tracking.smoothing import OneEuroSettings
from thermal_pose.types import PersonBox, PersonKeypoints, ThermalFrame

STEP_NS = 125_000_000
INFO = RuntimeInfo("fake", "CPU", "fp32", 1)


class ScriptedDetector:
    """Finds one person whenever the frame's first pixel says so; counts its calls."""

    model_id, info = "scripted", INFO

    def __init__(self):
        self.calls = []

    def detect(self, centikelvin):
        self.calls.append(int(centikelvin[0, 1]))
        return (PersonBox((30.1, 10, 42, 45), 0.9),) if centikelvin[0, 0] else ()


class JitteryEstimator:
    """Joints spread over the box, shaken a little by the frame's number."""

    model_id, info = "jittery", INFO

    def estimate(self, centikelvin, boxes):
        shake = np.random.default_rng(int(centikelvin[0, 1])).normal(0, 0.3, (17, 2))
        people = []
        for box in boxes:
            left, top, right, bottom = box.xyxy
            xy = np.stack(
                [np.linspace(left + 2, right - 2, 17), np.linspace(top + 3, bottom - 2, 17)], 1
            )
            people.append(
                PersonKeypoints(
                    box.track_id,
                    box,
                    (xy + shake).astype(np.float32),
                    np.full(17, 0.9, np.float32),
                    0.9,
                )
            )
        return tuple(people)


def frame(number, someone=True, stamp_ns=None):
    image = np.full((60, 80), 29500, np.uint16)
    image[0, 0], image[0, 1] = int(someone), number
    return ThermalFrame(number * STEP_NS if stamp_ns is None else stamp_ns, "cam_3", image)


@pytest.mark.parametrize(("every_n", "expected"), [(1, list(range(9))), (4, [0, 4, 8])])
def test_cadence_counts_from_the_first_frame(every_n, expected):
    stage = DetectionStage(ScriptedDetector(), every_n)
    ran = [number for number in range(9) if stage.step(frame(number)).detected]
    assert ran == expected == stage.detector.calls


def test_an_image_sent_again_gets_its_answer_again_and_the_cadence_stays():
    stage = DetectionStage(ScriptedDetector(), every_n=4)
    once = [stage.step(frame(number)) for number in range(3)]
    assert stage.step(frame(2)) == once[2]
    assert [stage.step(frame(number)).detected for number in (3, 4)] == [False, True]
    other_picture = frame(9, stamp_ns=4 * STEP_NS)
    stage.step(other_picture)
    assert stage.detector.calls == [0, 4]


def test_while_nobody_is_found_every_frame_is_searched():
    stage = DetectionStage(ScriptedDetector(), 4)
    there = [False, False, True, True, True, True, True, False, False, False, True]
    ran = [stage.step(frame(n, someone)).detected for n, someone in enumerate(there)]
    #       lost  lost  found            due at 4            due at 8: lost, searched again
    assert ran == [True, True, True, False, True, False, False, False, True, True, True]


def test_a_gap_and_a_jump_back_begin_the_cadence_anew():
    stage = DetectionStage(ScriptedDetector(), 4)
    assert [stage.step(frame(n)).detected for n in range(2)] == [True, False]
    assert stage.step(frame(2, stamp_ns=20 * STEP_NS)).detected
    assert not stage.step(frame(3, stamp_ns=21 * STEP_NS)).detected
    assert stage.step(frame(0)).detected


def test_detections_that_did_not_run_hold_no_boxes():
    with pytest.raises(ValueError, match="expected none"):
        Detections(False, (PersonBox((0, 0, 1, 1), 0.5),))
    with pytest.raises(ValueError, match="every_n"):
        DetectionStage(ScriptedDetector(), 0)


def test_boxes_are_exact_in_float32():
    (box,) = DetectionStage(ScriptedDetector()).step(frame(0)).boxes
    assert box.xyxy[0] == float(np.float32(30.1)) and box.score == float(np.float32(0.9))


def run(frames, settings=None, every_n=2):
    perception = Perception(
        DetectionStage(ScriptedDetector(), every_n), PoseStage(JitteryEstimator(), settings)
    )
    return [perception.step(one) for one in frames]


def same_bytes(one, other):
    return all(
        a.stamp_ns == b.stamp_ns
        and len(a.persons) == len(b.persons)
        and all(
            p.xy.tobytes() == q.xy.tobytes() and p.box == q.box and p.track_id == q.track_id
            for p, q in zip(a.persons, b.persons, strict=True)
        )
        for a, b in zip(one, other, strict=True)
    )


def test_header_size_and_model_are_copied():
    (first, *_) = run([frame(n) for n in range(3)])
    assert (first.stamp_ns, first.frame_id) == (0, "cam_3")
    assert first.image_wh == (80, 60) and first.model_id == "jittery"


def test_a_looped_recording_gives_the_same_bytes_again():
    recording = [frame(n, someone=n % 7 != 0) for n in range(40)]
    looped = run(recording * 3)
    assert same_bytes(looped[:40], looped[40:80]) and same_bytes(looped[:40], looped[80:])
    assert same_bytes(looped[:40], run(recording))


def test_nobody_is_an_empty_answer():
    assert [len(one.persons) for one in run([frame(n, False) for n in range(3)])] == [0, 0, 0]


def test_smoothing_is_off_unless_asked_for_and_steadies_the_joints():
    recording = [frame(n) for n in range(40)]
    raw = np.array([one.persons[0].xy for one in run(recording, every_n=1)])
    smooth = np.array(
        [
            one.persons[0].xy
            for one in run(recording, PoseSettings(smoothing=OneEuroSettings()), every_n=1)
        ]
    )
    assert smooth[10:].std(0).mean() < 0.75 * raw[10:].std(0).mean()


def test_max_persons_bounds_the_work():
    stage = PoseStage(JitteryEstimator(), PoseSettings(max_persons=3))
    boxes = tuple(PersonBox((8.0 * n, 10, 8.0 * n + 6, 30), 0.9) for n in range(8))
    found = stage.step(frame(0), Detections(True, boxes))
    assert [person.track_id for person in found.persons] == [1, 2, 3]
    with pytest.raises(ValueError, match="max_persons"):
        PoseSettings(max_persons=0)


def test_node_parameters_become_settings():
    settings = pose_settings(
        PoseParameters(
            smoothing="one_euro", smoothing_min_cutoff_hz=2.0, max_lost_s=3.0, min_person_score=0.1
        )
    )
    assert settings.smoothing == OneEuroSettings(min_cutoff_hz=2.0)
    assert settings.tracker.max_lost_s == 3.0 and settings.tracker.min_person_score == 0.1
    assert pose_settings(PoseParameters()).smoothing is None


def test_detector_parameters_reach_the_detector():
    stage = build_detection_stage(DetectorParameters(model="warm_blob", detect_every_n=3))
    assert stage.every_n == 3
    warm = np.full((60, 80), 29500, np.uint16)
    warm[10:40, 30:40] = 29500 + 300
    assert len(stage.detector.detect(warm)) == 1
    apply_detector_parameters(stage, DetectorParameters(model="warm_blob", warm_threshold_k=5.0))
    assert stage.detector.detect(warm) == () and stage.every_n == 1
    with pytest.raises(ConfigError, match="score_threshold"):
        apply_detector_parameters(stage, DetectorParameters(model="warm_blob", score_threshold=0.5))
