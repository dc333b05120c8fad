# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from support.models import write_warmest_spot_model
from support.replayed import replay_trial

from thermal_pose.bags.reader import BagReader
from thermal_pose.errors import BagNotFoundError, ModelArtifactError
from thermal_pose.parameters.nodes import DetectorParameters, PoseParameters
from thermal_pose.pipeline.perception_params import build_perception
from thermal_pose.pipeline.replay import replay_keypoints

DEMO = Path(__file__).parents[2] / "thermal_pose" / "assets" / "demo"


@pytest.fixture
def perception(tmp_path):
    model = write_warmest_spot_model(tmp_path, spread=True)
    return build_perception(DetectorParameters(model="warm_blob"), PoseParameters(model=str(model)))


def test_every_image_is_answered_in_order_with_its_header(perception):
    with BagReader(DEMO) as bag:
        frames = list(bag.thermal_frames())
    answers = list(replay_keypoints(DEMO, perception))
    assert [one.stamp_ns for one in answers] == [frame.stamp_ns for frame in frames]
    assert {one.frame_id for one in answers} == {frames[0].frame_id}
    assert any(one.persons for one in answers)


def test_a_replay_begins_anew_each_time(perception):
    first, second = (list(replay_keypoints(DEMO, perception)) for _ in range(2))
    assert [p.xy.tobytes() for one in first for p in one.persons] == [
        p.xy.tobytes() for one in second for p in one.persons
    ]
    assert [p.track_id for one in first for p in one.persons] == [
        p.track_id for one in second for p in one.persons
    ]


def test_the_truth_of_a_simulated_recording_is_put_beside_the_result(perception):
    result = replay_trial(DEMO, perception)
    assert result.truth is not None and result.truth.valid
    assert result.provenance.model_id.startswith("warmest-")


def test_missing_recordings_and_models_are_named(perception, tmp_path):
    with pytest.raises(BagNotFoundError, match="nowhere"):
        next(replay_keypoints(tmp_path / "nowhere", perception))
    with pytest.raises(ModelArtifactError, match="no_such_model"):
        build_perception(
            DetectorParameters(model="warm_blob"), PoseParameters(model="no_such_model")
        )
