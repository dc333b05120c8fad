# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from support.models import write_warmest_spot_model

from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.base import RuntimeOptions
from thermal_pose.inference.factory import make_estimator
from thermal_pose.types import PersonBox


@pytest.fixture(scope="module")
def card_path(tmp_path_factory):
    return write_warmest_spot_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def estimator(card_path):
    return make_estimator(str(card_path))


def frame_with_spots(*spots, shape=(60, 80)):
    """A room at 22 degC with a smooth warm spot 10 K high at each (x, y)."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    warmth = sum(np.exp(-((x - sx) ** 2 + (y - sy) ** 2) / (2 * 2.0**2)) for sx, sy in spots)
    return (29515 + 1000 * warmth).astype(np.uint16)


def box_around(x, y, width=18.0, height=30.0, track_id=0):
    return PersonBox((x - width / 2, y - height / 2, x + width / 2, y + height / 2), 0.9, track_id)


@pytest.mark.parametrize("shape", [(60, 80), (62, 80)])
@pytest.mark.parametrize("offset", [(0.0, 0.0), (3.3, -4.2)])
def test_joints_come_back_to_the_pixel_they_were_drawn_at(estimator, shape, offset):
    spot = (41.3, 28.7)
    frame = frame_with_spots(spot, shape=shape)
    (person,) = estimator.estimate(frame, [box_around(spot[0] + offset[0], spot[1] + offset[1])])
    np.testing.assert_allclose(person.xy, np.tile(spot, (17, 1)), atol=0.15)
    assert person.xy.dtype == np.float32 and person.scores.dtype == np.float32


def test_many_people_in_one_batch_keep_order_identity_and_place(estimator):
    spots = [(15.0 + 12 * n, 20.0 + 3 * n) for n in range(5)] * 2
    frame = frame_with_spots(*spots[:5])
    boxes = [box_around(x, y, 8.0, 10.0, n + 1) for n, (x, y) in enumerate(spots)]
    persons = estimator.estimate(frame, boxes)
    assert [person.track_id for person in persons] == list(range(1, 11))
    assert [person.box for person in persons] == boxes
    for person, spot in zip(persons, spots, strict=True):
        np.testing.assert_allclose(person.xy[0], spot, atol=0.2)


def test_no_people_need_no_inference(estimator):
    assert estimator.estimate(frame_with_spots((1.0, 1.0)), []) == ()


def test_boxes_outside_the_picture_give_finite_joints(estimator):
    boxes = [box_around(-300.0, 500.0), box_around(79.0, 59.0), box_around(40.0, 30.0, 400.0)]
    for person in estimator.estimate(frame_with_spots((40.0, 30.0)), boxes):
        assert np.isfinite(person.xy).all()


def test_two_runs_give_the_same_bytes(estimator, card_path):
    frame = frame_with_spots((30.0, 30.0))
    boxes = [box_around(31.0, 29.0), box_around(60.0, 29.0)]
    again = make_estimator(str(card_path), RuntimeOptions(threads=2)).estimate(frame, boxes)
    for one, other in zip(estimator.estimate(frame, boxes), again, strict=True):
        assert one.xy.tobytes() == other.xy.tobytes()


def test_what_really_runs_is_told(estimator):
    assert str(estimator.info).startswith("onnxruntime ") and "CPU, fp32, 1 thread" in str(
        estimator.info
    )
    assert estimator.model_id.startswith("warmest-")


def test_an_altered_model_is_refused(tmp_path):
    card = write_warmest_spot_model(tmp_path)
    model = card.with_suffix(".onnx")
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(ModelArtifactError, match="sha256"):
        make_estimator(str(card))


def test_a_model_of_the_wrong_shape_is_refused_at_load(tmp_path):
    card = write_warmest_spot_model(tmp_path, joints=13)
    with pytest.raises(ModelArtifactError, match=r"heatmaps.*\(1, 17, 64, 48\).*\(1, 13, 64, 48\)"):
        make_estimator(str(card))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    card = write_warmest_spot_model(tmp_path)
    model = card.with_suffix(".onnx")
    model.write_bytes(b"not a model")
    import hashlib

    fields = json.loads(card.read_text())
    fields["sha256"] = hashlib.sha256(b"not a model").hexdigest()
    card.write_text(json.dumps(fields))
    with pytest.raises(ModelArtifactError, match="cannot load"):
        make_estimator(str(card))


def test_an_unknown_name_lists_what_is_shipped():
    with pytest.raises(ModelArtifactError, match="shipped models"):
        make_estimator("no_such_model")


def test_cuda_is_never_replaced_in_silence(card_path):
    with pytest.raises(ModelArtifactError, match="cuda"):
        make_estimator(str(card_path), RuntimeOptions(device="cuda"))


@pytest.mark.parametrize("options", [{"engine": "tensorrt"}, {"device": "tpu"}, {"threads": 0}])
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        RuntimeOptions(**options)
