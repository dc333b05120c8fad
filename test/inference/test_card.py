# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from thermal_pose.digest import sha256_of
from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.card import (
    CropRule,
    DecodeRule,
    ModelCard,
    Normalization,
    load_card,
)


@pytest.fixture
def card_path(tmp_path):
    model = tmp_path / "m.onnx"
    model.write_bytes(b"weights")
    card = ModelCard("m", "m.onnx", sha256_of(model), "fp32", figures={"ap": 0.5})
    path = tmp_path / "m.json"
    card.save(path)
    return path


def test_round_trip(card_path) -> None:
    card = load_card(card_path)
    assert card.crop == CropRule()
    assert card.decode == DecodeRule()
    assert card.figures == {"ap": 0.5}
    assert card.model_id == f"m-{card.sha256[:12]}"


def test_altered_model_is_refused(card_path) -> None:
    (card_path.parent / "m.onnx").write_bytes(b"other")
    with pytest.raises(ModelArtifactError, match="altered"):
        load_card(card_path)


def test_missing_model_and_unknown_field_are_refused(card_path) -> None:
    (card_path.parent / "m.onnx").unlink()
    with pytest.raises(ModelArtifactError, match="missing"):
        load_card(card_path)
    fields = json.loads(card_path.read_text())
    card_path.write_text(json.dumps({**fields, "bogus": 1}))
    with pytest.raises(ModelArtifactError, match="bogus"):
        load_card(card_path)


def test_a_card_must_own_up_to_its_limits() -> None:
    with pytest.raises(ValueError, match="real patients"):
        ModelCard("m", "m.onnx", "0" * 64, "fp32", limits=("none",))


def test_minmax_spans_the_crop_and_flat_crops_are_zero() -> None:
    frame = np.full((60, 80), 29500, np.uint16)
    crop = np.linspace(29400, 30400, 256 * 192).reshape(256, 192)
    out = Normalization().apply(crop, frame)
    assert (out.min(), out.max()) == (0.0, 1.0)
    assert Normalization().apply(np.full((256, 192), 29500), frame).max() == 0


def test_frame_median_keeps_kelvin() -> None:
    frame = np.full((60, 80), 29500, np.uint16)
    out = Normalization("frame_median", scale_k=5.0).apply(np.array([[29500, 30000, 40000]]), frame)
    np.testing.assert_allclose(out, [[0.0, 1.0, 3.0]])


def test_region_keeps_centre_aspect_and_padding() -> None:
    region = CropRule().region([[10, 10, 20, 50], [10, 10, 70, 20]])
    np.testing.assert_allclose(region[0], [15, 30, 37.5, 50])
    np.testing.assert_allclose(region[1], [40, 15, 75, 100])


def test_crop_corners_map_to_the_region() -> None:
    rule = CropRule()
    region = rule.region([[10, 10, 20, 50]])
    corners = rule.to_frame([[[-0.5, -0.5], [191.5, 255.5]]], region)
    np.testing.assert_allclose(corners[0], [[-3.75, 5], [33.75, 55]])


def _person_crop(contrast: float, offset: float) -> np.ndarray:
    """A warm box of 30 K x `contrast` counts in a room of slowly changing temperature."""
    crop = np.tile(np.linspace(0.0, 40.0, 192, dtype=np.float32), (256, 1))
    crop[60:220, 70:120] += 500.0
    crop[60:90, 85:105] += 400.0
    return crop * contrast + offset


@pytest.mark.parametrize("contrast", [0.4, 1.0, 3.0])
def test_percentiles_make_contrast_and_offset_vanish(contrast: float) -> None:
    rule = Normalization(kind="crop_percentile", clip_min=-1.0)
    frame = np.zeros((60, 80), np.uint16)
    plain = rule.apply(_person_crop(1.0, 29000.0), frame)
    assert np.allclose(rule.apply(_person_crop(contrast, 28000.0), frame), plain, atol=1e-2)


def test_a_small_lamp_takes_no_more_contrast_than_stated() -> None:
    rule = Normalization(kind="crop_percentile", clip_min=-1.0)
    frame = np.zeros((60, 80), np.uint16)
    crop = _person_crop(1.0, 29000.0)
    plain = rule.apply(crop.copy(), frame)
    crop[10:50, 140:185] += 5000.0  # 50 K on 3.7 % of the crop
    lit = rule.apply(crop, frame)
    body = (slice(100, 200), slice(80, 110))
    assert lit[body].mean() > 0.3 * plain[body].mean()
    assert lit.max() == rule.clip_max


def test_percentiles_of_an_empty_crop_do_not_blow_its_noise_up() -> None:
    rule = Normalization(kind="crop_percentile", clip_min=-1.0)
    noise = np.random.default_rng(0).normal(29500.0, 5.0, (256, 192)).astype(np.float32)
    assert rule.apply(noise, np.zeros((60, 80), np.uint16)).std() < 0.25


def test_percentiles_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        Normalization(kind="crop_percentile", low_percentile=99.0)
