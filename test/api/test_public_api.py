# SPDX-License-Identifier: Apache-2.0
"""`from thermal_pose import ...`: same results as the graph, any size and unit, light imports."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import thermal_pose
from thermal_pose import People, PoseEstimator, Tracker, analyze, draw
from thermal_pose.bags.reader import BagReader
from thermal_pose.bags.recording import DEMO_BAG
from thermal_pose.errors import BagNotFoundError
from thermal_pose.imaging.radiometry import to_degc
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.types import ThermalFrame


@pytest.fixture(scope="module")
def frames() -> list[ThermalFrame]:
    """Three frames of the shipped recording in which the person walks."""
    with BagReader(DEMO_BAG) as bag:
        return [frame for k, frame in enumerate(bag.thermal_frames()) if k in (40, 41, 42)]


@pytest.fixture(scope="module")
def pose() -> PoseEstimator:
    return PoseEstimator()


def test_arrays_of_a_person(pose: PoseEstimator, frames: list[ThermalFrame]) -> None:
    people = pose(frames[0].centikelvin)
    assert (len(people), people.image_wh) == (1, (80, 60))
    assert people.keypoints.shape == (1, 17, 2) and people.keypoints.dtype == np.float32
    assert people.scores.shape == (1, 17) and people.boxes_xyxy.shape == (1, 4)
    assert people.person_scores[0] > 0.5
    left, top, right, bottom = people.boxes_xyxy[0]
    x, y = people.keypoints[0].T
    assert left - 4 < x.min() and x.max() < right + 4 and top - 4 < y.min() and y.max() < bottom + 4
    assert [person.track_id for person in people] == people.track_ids == [0]


def test_a_batch_is_its_images(pose: PoseEstimator, frames: list[ThermalFrame]) -> None:
    images = [frame.centikelvin for frame in frames]
    for batch in (images, np.stack(images)):
        answers = pose(batch)
        assert [len(people) for people in answers] == [1, 1, 1]
        np.testing.assert_array_equal(answers[1].keypoints, pose(images[1]).keypoints)


def test_degrees_celsius_give_the_same_people(
    pose: PoseEstimator, frames: list[ThermalFrame]
) -> None:
    counts = frames[0].centikelvin
    np.testing.assert_array_equal(pose(to_degc(counts)).keypoints, pose(counts).keypoints)


def test_a_larger_image_gives_the_same_places(
    pose: PoseEstimator, frames: list[ThermalFrame]
) -> None:
    counts = frames[0].centikelvin
    large = pose(np.repeat(np.repeat(counts, 4, axis=0), 4, axis=1))
    small = pose(counts)
    assert large.image_wh == (320, 240)
    np.testing.assert_allclose((large.keypoints + 0.5) / 4 - 0.5, small.keypoints, atol=1e-3)
    np.testing.assert_allclose((large.boxes_xyxy + 0.5) / 4 - 0.5, small.boxes_xyxy, atol=1e-3)


def test_eight_bits_need_their_span(frames: list[ThermalFrame]) -> None:
    degc = to_degc(frames[0].centikelvin)
    grey = np.clip(np.rint((degc - 15) / 25 * 255), 0, 255).astype(np.uint8)
    with pytest.raises(ValueError, match="span_degc"):
        PoseEstimator()(grey)
    found, exact = PoseEstimator(span_degc=(15, 40))(grey), PoseEstimator()(degc)
    assert np.median(np.abs(found.keypoints - exact.keypoints)) < 0.5


def test_given_boxes_are_looked_at(pose: PoseEstimator, frames: list[ThermalFrame]) -> None:
    found = pose(frames[0].centikelvin)
    again = pose(frames[0].centikelvin, boxes_xyxy=found.boxes_xyxy)
    np.testing.assert_allclose(again.keypoints, found.keypoints, atol=1e-3)
    with pytest.raises(ValueError, match=r"\(M, 4\)"):
        pose(frames[0].centikelvin, boxes_xyxy=[1, 2, 3, 4])


def test_the_tracker_is_the_perception_of_the_graph(frames: list[ThermalFrame]) -> None:
    track, perception = Tracker(), build_perception()
    for frame in frames:
        people = track(frame.centikelvin, frame.stamp_ns / 1e9)
        expected = perception.step(frame).persons
        assert people.track_ids == [person.track_id for person in expected] == [1]
        np.testing.assert_array_equal(people.keypoints[0], expected[0].xy)
    with pytest.raises(ValueError, match="time_s"):
        track(frames[0].centikelvin, 0.0)
    track.reset()
    assert track(frames[0].centikelvin).track_ids == [1]


def test_the_shipped_recording_is_analyzed_and_reported(tmp_path: Path) -> None:
    test = analyze()
    assert test.valid and test.reason == "valid" and test.sentence == ""
    assert test.test == "timed_up_and_go" and test.stands is None and test.further == ()
    assert test.total_s == pytest.approx(sum(test.phases_s.values()))
    assert test.write_report(tmp_path).read_text().startswith("<!DOCTYPE html>")
    assert test.to_dict()["total_s"] == pytest.approx(test.total_s)


def test_another_test_is_refused_for_its_own_reason() -> None:
    """Nobody rises five times in the shipped recording."""
    test = analyze(test="five_times_sit_to_stand")
    assert test.test == "five_times_sit_to_stand"
    assert not test.valid and test.total_s is None and test.sentence
    with pytest.raises(ValueError, match="chair_stand_30s"):
        analyze(test="dance")


def test_a_missing_recording_is_an_error() -> None:
    with pytest.raises(BagNotFoundError):
        analyze("/nowhere")


def test_pictures(frames: list[ThermalFrame], pose: PoseEstimator) -> None:
    counts = frames[0].centikelvin
    people = pose(counts)
    picture = draw(counts, people)
    assert picture.shape == (480, 640, 3) and picture.dtype == np.uint8
    assert (picture != draw(counts)).any()
    assert draw(counts, people, scale=2, colormap="gray").shape == (120, 160, 3)
    np.testing.assert_array_equal(draw(counts, People((), (80, 60))), draw(counts))


def test_a_folder_of_images_becomes_a_film(tmp_path: Path) -> None:
    """The script of the documents, as it stands there."""
    with BagReader(DEMO_BAG) as bag:
        for k, frame in enumerate(bag.thermal_frames()):
            if 40 <= k < 48:
                cv2.imwrite(str(tmp_path / f"{k:03d}.png"), frame.centikelvin)
    script = Path(thermal_pose.__file__).parents[1] / "examples" / "overlay_film.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(tmp_path / "film.mp4")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 8
    lines = [line for line in script.read_text().splitlines() if line and line[0] not in '#"']
    assert len([line for line in lines if "import " not in line]) <= 10


def test_import_is_lazy() -> None:
    code = (
        "import sys, thermal_pose\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} "
        "& {'numpy', 'cv2', 'onnxruntime', 'rosbags', 'yaml', 'rclpy', 'torch'}))\n"
        "from thermal_pose import PoseEstimator\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'rclpy', 'torch', 'scipy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="PoseEstimatr"):
        _ = thermal_pose.PoseEstimatr
    assert "analyze" in dir(thermal_pose)
    assert (Path(thermal_pose.__file__).parent / "py.typed").exists()
