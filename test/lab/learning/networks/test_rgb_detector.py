# SPDX-License-Identifier: Apache-2.0
"""RT-DETR as detector of people in RGB pictures: from a saved folder, and where its boxes lie."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.networks.rgb_detector import RgbPersonDetector, load_rgb_detector

transformers = pytest.importorskip("transformers")


def _saved(folder, names):
    """Write an RT-DETR of random weights, a thousandth of the published size."""
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.RTDetrConfig(
        backbone_config=backbone,
        encoder_hidden_dim=16,
        encoder_in_channels=[8, 16, 16],
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        num_queries=10,
        num_denoising=0,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        decoder_n_points=2,
        decoder_layers=1,
        num_labels=len(names),
    )
    config.id2label = dict(enumerate(names))
    transformers.RTDetrForObjectDetection(config).save_pretrained(folder)
    return str(folder)


def test_a_saved_folder_finds_boxes_in_the_picture(tmp_path) -> None:
    detector = load_rgb_detector(_saved(tmp_path / "d", ["chair", "person"]), min_score=0.0)
    boxes = detector.detect(np.full((48, 64, 3), 90, np.uint8))
    assert boxes.shape == (10, 4) and np.isfinite(boxes).all()
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\)"):
        detector.detect(np.zeros((48, 64), np.uint8))


def test_boxes_are_in_pixels_the_surest_first_and_the_unsure_left_out() -> None:
    asked = []

    def model(image):
        asked.append(image)
        logits = torch.tensor([[[9.0, 0.2], [-9.0, 2.0], [9.0, -3.0]]])
        boxes = torch.tensor([[[0.5, 0.5, 1.0, 1.0], [0.25, 0.5, 0.1, 0.5], [0.1, 0.1, 0.1, 0.1]]])
        return SimpleNamespace(logits=logits, pred_boxes=boxes)

    boxes = RgbPersonDetector(model, person=1).detect(np.full((100, 200, 3), 255, np.uint8))
    np.testing.assert_allclose(boxes, [[40, 25, 60, 75], [0, 0, 200, 100]], atol=1e-4)
    assert asked[0].shape == (1, 3, 640, 640) and asked[0].max() == pytest.approx(1)


def test_other_models_are_refused(tmp_path) -> None:
    with pytest.raises(ModelArtifactError, match="no class 'person'"):
        load_rgb_detector(_saved(tmp_path / "chairs", ["chair", "table"]))
    transformers.ViTConfig().save_pretrained(tmp_path / "vit")
    with pytest.raises(ModelArtifactError, match="expected an RT-DETR, got 'vit'"):
        load_rgb_detector(str(tmp_path / "vit"))
    with pytest.raises(ModelArtifactError, match="cannot be loaded"):
        load_rgb_detector(str(tmp_path / "absent"))
