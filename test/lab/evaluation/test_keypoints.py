# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest
from support.models import write_warmest_spot_model

from thermal_pose.bags.reader import BagReader
from thermal_pose.cli import main as command
from thermal_pose.lab.evaluation.keypoints import (
    PoseScores,
    keypoints_in_true_boxes,
    visible_people,
)
from thermal_pose.types import FrameKeypoints, PersonBox, PersonKeypoints

DEMO = Path(__file__).parents[3] / "thermal_pose" / "assets" / "demo"


@pytest.fixture(scope="module")
def truth():
    with BagReader(DEMO) as bag:
        return list(bag.true_frames())[:40]


def exact(frames, shift_px=0.0):
    """Keypoints that are the truth, moved by `shift_px`."""
    return [
        FrameKeypoints(
            frame.stamp_ns,
            "cam",
            "exact",
            (80, 60),
            tuple(
                PersonKeypoints(
                    person.person_id,
                    PersonBox(person.box_xyxy, 1.0),
                    (person.xy + np.float32(shift_px)).astype(np.float32),
                    np.ones(17, np.float32),
                )
                for person in visible_people(frame)
            ),
        )
        for frame in frames
    ]


def score(frames, keypoints):
    scores = PoseScores()
    scores.add("demo", frames, keypoints)
    return scores.average_precision()


def test_the_truth_itself_scores_one_and_a_displaced_one_less(truth):
    assert score(truth, exact(truth)).ap == pytest.approx(1.0)
    displaced = score(truth, exact(truth, shift_px=0.3)).ap
    assert 0.0 < displaced < 1.0
    assert score(truth, exact(truth, shift_px=30.0)).ap == 0.0


def test_frames_without_keypoints_are_people_missed(truth):
    half = score(truth, exact(truth[::2]))
    assert half.ap == pytest.approx(0.5, abs=0.02)


def test_two_recordings_of_equal_stamps_do_not_mix(truth):
    scores = PoseScores()
    scores.add("a", truth, exact(truth))
    scores.add("b", truth, [])
    assert scores.average_precision().ap == pytest.approx(0.5, abs=0.02)


def test_true_boxes_are_handed_to_the_estimator(tmp_path):
    from thermal_pose.inference.factory import make_estimator

    estimator = make_estimator(str(write_warmest_spot_model(tmp_path, spread=True)))
    answers = keypoints_in_true_boxes(DEMO, estimator)
    with BagReader(DEMO) as bag:
        first = next(bag.true_frames())
    assert answers[0].persons[0].box.xyxy == pytest.approx(first.persons[0].box_xyxy)


@pytest.mark.graph
@pytest.mark.slow
def test_the_verb_finds_the_same_through_the_nodes(ros_domain, tmp_path, capsys):
    model = write_warmest_spot_model(tmp_path, spread=True)
    out = tmp_path / "figures.json"
    words = ["evaluate-perception", "--model", str(model), "--detector", "warm_blob", "--live"]
    assert command.main([*words, "--out", str(out), str(DEMO)]) == 0
    figures = json.loads(out.read_text())
    assert figures["live"] == figures["offline"] and figures["frames"] > 100
    assert "true_boxes: AP" in capsys.readouterr().out
