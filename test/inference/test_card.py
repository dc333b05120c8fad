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
