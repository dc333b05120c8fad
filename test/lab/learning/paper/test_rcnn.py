# SPDX-License-Identifier: Apache-2.0
"""Keypoint R-CNN as a row and Faster R-CNN on the folds: a step trained, exported, judged."""

import dataclasses
import json
import sys

import numpy as np
import pytest
import torch
from support.torchvision_cpu import import_torchvision

from thermal_pose.errors import MissingExtraError
from thermal_pose.inference.card import DecodeRule
from thermal_pose.inference.factory import make_detector
from thermal_pose.lab.learning.detector import faster_rcnn
from thermal_pose.lab.learning.detector.fit import DetectorTraining
from thermal_pose.lab.learning.fitting.config import FitConfig, RcnnConfig, TrainingConfig
from thermal_pose.lab.learning.fitting.predict import Predictions
from thermal_pose.lab.learning.fitting.training import Progress
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.pose import build_network
from thermal_pose.lab.learning.networks.teacher import TeacherInfo
from thermal_pose.lab.learning.paper import keypoint_rcnn
from thermal_pose.lab.learning.paper.cohort import Cohort
from thermal_pose.lab.learning.paper.fold_detectors import train_fold_detector
from thermal_pose.lab.learning.paper.fold_results import row_entry
from thermal_pose.lab.learning.paper.keypoint_rcnn import build_keypoint_rcnn
from thermal_pose.lab.learning.paper.rcnn_rows import WholeFrames
from thermal_pose.lab.learning.paper.run import detected_boxes
from thermal_pose.lab.learning.paper.train import run_folds
from thermal_pose.lab.learning.teachers.cache import TeacherCache

CPU = torch.device("cpu")
SMALL = RcnnConfig(
    "resnet18", 64, FitConfig(epochs=1, batch=4, validate_every=1, lr=1e-4, cuda_graph=False)
)


@pytest.fixture(scope="module", autouse=True)
def _torchvision() -> None:
    import_torchvision()


@pytest.fixture
def cohort(figures) -> Cohort:
    nothing = torch.zeros(1, len(figures), 0)
    labels = Predictions(figures.xy, np.ones((len(figures), 17), np.float32))
    return Cohort(
        figures,
        dataclasses.replace(TrainingConfig(), rcnn=SMALL),
        build_network("mobilenetv3", ClassicDecoder(width=16)),
        TeacherInfo("made up", "mobilenetv3", DecodeRule().alignment),
        TeacherCache(nothing, nothing, nothing, labels, "none"),
        CPU,
    )


def test_the_row_trains_a_step_and_fills_its_entry(cohort, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(keypoint_rcnn, "_MOST_PEOPLE", 2)
    monkeypatch.setattr(keypoint_rcnn, "_PROPOSALS_LEARNT", 8)
    found = run_folds(cohort, "keypoint_rcnn", [1], Progress(tmp_path))
    assert found[0].steps > 0 and found[0].subject == "s1"
    assert found[0].predictions.xy.shape == (len(cohort.folds[1].test), 17, 2)
    assert np.isfinite(found[0].predictions.xy).all()
    assert found[0].detected is not None  # by boxes of its own
    entry = row_entry(cohort, "keypoint_rcnn", found)
    assert entry["folds_run"] == 1 and entry["params"] > 1e7 and entry["macs"] > 0
    again = run_folds(cohort, "keypoint_rcnn", [1], Progress(tmp_path))
    np.testing.assert_array_equal(again[0].predictions.xy, found[0].predictions.xy)


def test_joints_asked_for_in_a_box_lie_in_it(cohort) -> None:
    network = build_keypoint_rcnn("resnet18", 64).eval()
    box = torch.tensor([[20.0, 10.0, 40.0, 50.0]])
    joints, scores = network.joints_in([torch.rand(3, 60, 80)], [box])
    assert joints[0].shape == (1, 17, 2) and scores[0].shape == (1, 17)
    assert (joints[0] >= box[0, :2] - 0.5).all() and (joints[0] <= box[0, 2:] + 0.5).all()


def test_mirrored_people_are_where_the_picture_shows_them(cohort) -> None:
    data = cohort.data
    present = torch.ones(len(data), 17, dtype=torch.bool)
    whole = WholeFrames(cohort.source, data.boxes, torch.from_numpy(data.xy), present)
    rows = torch.arange(2)
    inputs = whole.draw(rows, None)
    inputs["mirrored"] = torch.tensor([False, True])
    pictures, targets = whole.pictures(inputs), whole.targets(inputs)
    assert pictures[0].shape == (3, 60, 80) and 0 <= pictures[0].min() < pictures[0].max() <= 1
    for picture, target in zip(pictures, targets, strict=True):
        left, top, right, bottom = target["boxes"][0].round().int().tolist()
        inside = picture[0, max(top, 0) : bottom, max(left, 0) : right]
        assert inside.mean() > picture[0].mean()
    # A left shoulder stays a left shoulder: it changes sides with the picture.
    mirrored = targets[1]["keypoints"][0, 5, 0]
    assert mirrored == pytest.approx(80 - (data.xy[1, 6, 0] + 0.5))


def test_the_papers_size() -> None:
    with torch.device("meta"):
        network = build_keypoint_rcnn()
    norms = sum(
        p.numel()
        for module in network.modules()
        if isinstance(module, torch.nn.BatchNorm2d)
        for p in module.parameters()
    )
    # The paper counts 122.217 M, as torchvision's with norms that do not learn.
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters - norms == pytest.approx(122.217e6, abs=0.01e6)


def test_a_fold_of_faster_rcnn_is_trained_exported_and_judged(
    figures, tmp_path, monkeypatch
) -> None:
    def small():
        from torchvision.models.detection import FasterRCNN
        from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

        features = resnet_fpn_backbone(backbone_name="resnet18", weights=None)
        sizes = {"min_size": 64, "max_size": 80, "rpn_pre_nms_top_n_test": 50}
        return FasterRCNN(features, num_classes=2, **sizes)

    monkeypatch.setattr(faster_rcnn, "build_faster_rcnn", small)
    settings = DetectorTraining(max_minutes=5, max_steps=1, batch=2, device="cpu")
    card = train_fold_detector(figures, 1, settings, tmp_path, "made by a test")
    about = json.loads(card.read_text())
    assert about["data"]["left_out"] == "s1" and about["data"]["simulated"]
    assert about["data"]["frames"] == len(figures) * 2 // 3 - 8
    assert "ap50" in about["figures"]["left_out_subject"]["all"]
    detector = make_detector(str(card))
    detector.set_score_threshold(0.0)
    boxes = detector.detect(figures.frames[0])
    assert all(box.xyxy[0] >= -0.5 and box.xyxy[2] <= 79.5 for box in boxes)
    found = detected_boxes(figures, str(tmp_path / "{subject}.json"))
    assert set(figures.subject[found.frame_of]) <= {1}  # others have no detector here


def test_without_torchvision_one_is_told_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models.detection.keypoint_rcnn", None)
    with pytest.raises(MissingExtraError, match=r"thermal-pose\[torchvision\]"):
        build_keypoint_rcnn("resnet18")


def test_a_library_that_is_there_but_does_not_load_is_not_called_absent() -> None:
    absent = str(MissingExtraError("it", "torchvision", "torchvision", ModuleNotFoundError("x")))
    broken = RuntimeError("operator torchvision::nms does not exist")
    assert "is not installed" in absent
    assert "does not load here (operator torchvision::nms" in str(
        MissingExtraError("it", "torchvision", "torchvision", broken)
    )
