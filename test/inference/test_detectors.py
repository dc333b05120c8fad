# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support.models import write_fixed_box_model

from thermal_pose.errors import MissingExtraError, ModelArtifactError
from thermal_pose.inference.base import RuntimeInfo
from thermal_pose.inference.detector_card import DetectorCard
from thermal_pose.inference.factory import make_detector
from thermal_pose.inference.network_detector import NetworkDetector
from thermal_pose.inference.warm_blob import WarmBlobDetector, WarmBlobSettings

ROOM = 29515


def frame_with(*boxes, shape=(60, 80), degrees=6.0):
    """A room with a warm rectangle over columns [left, right) and rows [top, bottom)."""
    frame = np.full(shape, ROOM, np.uint16)
    for left, top, right, bottom in boxes:
        frame[top:bottom, left:right] = ROOM + int(100 * degrees)
    return frame


class FixedEngine:
    """Returns what it is given and remembers what it was fed."""

    def __init__(self, boxes, scores, labels=None):
        self.outputs = {
            "boxes": np.asarray(boxes, np.float32),
            "scores": np.asarray(scores, np.float32),
        }
        if labels is not None:
            self.outputs["labels"] = np.asarray(labels, np.float32)
        self.fed = []
        self.info = RuntimeInfo("fixed", "CPU", "fp32", 1)
        self.input_shape = (1, 1, 64, 80)
        self.output_names = tuple(self.outputs)

    def run(self, tensor):
        self.fed.append(tensor)
        return self.outputs


def network(engine, **fields):
    return NetworkDetector(engine, DetectorCard("d", "d.onnx", "0" * 64, **fields))


# -- warm_blob --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(60, 80), (62, 80)])
def test_warm_blob_boxes_a_rectangle_exactly_edge_to_edge(shape):
    (box,) = WarmBlobDetector().detect(frame_with((20, 10, 32, 45), shape=shape))
    assert box.xyxy == (19.5, 9.5, 31.5, 44.5)
    assert box.score == 1.0


def test_warm_blob_orders_people_by_size_and_leaves_out_specks_and_walls():
    frame = frame_with((5, 5, 15, 40), (40, 10, 52, 50), (70, 2, 72, 5))
    assert [box.xyxy[0] for box in WarmBlobDetector().detect(frame)] == [39.5, 4.5]
    wall = np.full((60, 80), ROOM, np.uint16)
    wall[:29] = ROOM + 900
    assert WarmBlobDetector(WarmBlobSettings(max_share=0.4)).detect(wall) == ()


def test_an_empty_room_with_noise_has_nobody():
    noise = np.random.default_rng(3).normal(0, 8, (60, 80)).astype(int)
    assert WarmBlobDetector().detect((ROOM + noise).astype(np.uint16)) == ()


def test_warm_blob_threshold_can_be_raised_while_running():
    detector = WarmBlobDetector()
    frame = frame_with((20, 10, 32, 45), degrees=3.0)
    assert len(detector.detect(frame)) == 1
    detector.set_threshold(4.0)
    assert detector.detect(frame) == ()


# -- any exported detector --------------------------------------------------------------------


def test_boxes_pass_unchanged_in_our_own_convention_best_first():
    engine = FixedEngine([[[10, 5, 20, 40], [30, 5, 44, 50]]], [[0.6, 0.9]])
    boxes = network(engine).detect(frame_with())
    assert [box.xyxy for box in boxes] == [(30, 5, 44, 50), (10, 5, 20, 40)]
    assert [box.score for box in boxes] == pytest.approx([0.9, 0.6])


@pytest.mark.parametrize("rows", [60, 62])
def test_the_frame_is_padded_by_repeating_its_last_row(rows):
    engine = FixedEngine(np.zeros((0, 4)), np.zeros(0))
    frame = frame_with((0, rows - 1, 80, rows), shape=(rows, 80), degrees=5.0)
    assert network(engine, scale_k=5.0).detect(frame) == ()
    fed = engine.fed[-1]
    assert fed.shape == (1, 1, 64, 80) and fed.dtype == np.float32
    np.testing.assert_allclose(fed[0, 0, rows - 1 :], 1.0, atol=1e-6)
    np.testing.assert_allclose(fed[0, 0, : rows - 1], 0.0, atol=1e-6)


def test_stretched_and_corner_origin_boxes_come_back_to_the_frame():
    # The whole of a 320 x 240 input, corners at (0, 0), is the whole of the 80 x 60 frame.
    engine = FixedEngine([[0, 0, 320, 240], [40, 80, 80, 240]], [0.9, 0.8])
    boxes = network(
        engine, input_wh=(320, 240), resize="stretch", origin="corner", channels=3
    ).detect(frame_with())
    assert boxes[0].xyxy == (-0.5, -0.5, 79.5, 59.5)
    assert boxes[1].xyxy == (9.5, 19.5, 19.5, 59.5)
    assert engine.fed[-1].shape == (1, 3, 240, 320)


def test_scores_below_the_threshold_are_left_out_and_it_moves_while_running():
    detector = network(FixedEngine([[1, 1, 9, 9], [20, 1, 29, 9]], [0.55, 0.4]))
    assert len(detector.detect(frame_with())) == 1
    detector.set_score_threshold(0.3)
    assert len(detector.detect(frame_with())) == 2
    detector.set_score_threshold(None)
    assert len(detector.detect(frame_with())) == 1


def test_duplicates_are_suppressed_where_the_card_asks_for_it():
    boxes = [[10, 10, 20, 40], [11, 10, 21, 40], [40, 10, 50, 40]]
    scores = [0.8, 0.9, 0.7]
    assert len(network(FixedEngine(boxes, scores)).detect(frame_with())) == 3
    kept = network(FixedEngine(boxes, scores), nms_iou=0.5).detect(frame_with())
    assert [box.xyxy[0] for box in kept] == [11, 40]


def test_other_classes_nan_and_boxes_outside_the_picture_are_left_out():
    boxes = [[10, 10, 20, 40], [np.nan, 0, 5, 5], [200, 10, 220, 40], [30, 10, 40, 40]]
    engine = FixedEngine(boxes, [0.9, 0.9, 0.9, 0.9], labels=[1, 1, 1, 7])
    found = network(engine, labels="labels", person_label=1).detect(frame_with())
    assert [box.xyxy for box in found] == [(10, 10, 20, 40)]


def test_at_most_max_persons_come_back():
    boxes = [[5 * n, 0, 5 * n + 4, 30] for n in range(12)]
    scores = np.linspace(0.6, 0.9, 12)
    assert len(network(FixedEngine(boxes, scores)).detect(frame_with())) == 10


def test_missing_outputs_and_wrong_shapes_are_refused_at_load():
    with pytest.raises(ModelArtifactError, match="expected outputs detections"):
        network(FixedEngine([], []), boxes="detections")
    with pytest.raises(ModelArtifactError, match="expected boxes"):
        network(FixedEngine(np.zeros((3, 4)), np.zeros(7)))


def test_boxes_of_a_larger_frame_are_in_its_own_pixels():
    box = np.array([[10.0, 10.0, 30.0, 50.0]])
    small = network(FixedEngine(box, np.array([0.9]))).detect(np.full((60, 80), 29500, np.uint16))
    large = network(FixedEngine(box, np.array([0.9]))).detect(np.full((120, 160), 29500, np.uint16))
    expected = (np.array(small[0].xyxy) + 0.5) * 2 - 0.5
    np.testing.assert_allclose(large[0].xyxy, expected, atol=1e-4)


# -- loading ----------------------------------------------------------------------------------


def test_a_detector_is_loaded_by_its_card_and_checked(tmp_path):
    card = write_fixed_box_model(tmp_path, [[10, 5, 20, 40]], [0.75], score_threshold=0.6)
    detector = make_detector(str(card))
    assert detector.detect(frame_with())[0].xyxy == (10, 5, 20, 40)
    assert detector.model_id.startswith("fixed-")
    with card.with_suffix(".onnx").open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(ModelArtifactError, match="sha256"):
        make_detector(str(card))


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not a detector card"), ('{"name": "x"}', "not a detector card")],
)
def test_a_bad_card_is_refused(tmp_path, text, message):
    card = tmp_path / "bad.json"
    card.write_text(text)
    with pytest.raises(ModelArtifactError, match=message):
        make_detector(str(card))


@pytest.mark.parametrize(
    "fields",
    [{"resize": "crop"}, {"origin": "left"}, {"scale_k": 0.0}, {"nms_iou": 0.0}, {"sha256": "x"}],
)
def test_a_card_validates_itself(fields):
    with pytest.raises(ValueError, match="expected"):
        DetectorCard(**{"name": "d", "file": "d.onnx", "sha256": "0" * 64, **fields})


def test_faster_rcnn_without_torchvision_says_which_extra(tmp_path):
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        with pytest.raises(MissingExtraError, match=r"thermal-pose\[torchvision\]"):
            make_detector(f"faster_rcnn:{tmp_path / 'none.pt'}")
    else:
        with pytest.raises(ModelArtifactError, match="no such weights"):
            make_detector(f"faster_rcnn:{tmp_path / 'none.pt'}")
