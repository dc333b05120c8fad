# SPDX-License-Identifier: Apache-2.0
import sys

import numpy as np
import pytest
from support.models import write_warmest_spot_model

from thermal_pose.errors import MissingExtraError, ModelArtifactError
from thermal_pose.inference.base import RuntimeOptions
from thermal_pose.inference.factory import make_estimator
from thermal_pose.types import PersonBox

OPENVINO = RuntimeOptions(engine="openvino")


def test_without_openvino_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "openvino", None)
    card = write_warmest_spot_model(tmp_path)
    with pytest.raises(MissingExtraError, match=r"thermal-pose\[openvino\]"):
        make_estimator(str(card), OPENVINO)


def test_openvino_answers_as_onnxruntime_does_and_says_what_runs(tmp_path):
    pytest.importorskip("openvino", reason="extra `openvino`")
    card = str(write_warmest_spot_model(tmp_path, spread=True))
    frame = np.random.default_rng(0).integers(29400, 30600, (60, 80)).astype(np.uint16)
    boxes = [
        PersonBox((20.0, 10.0, 40.0, 50.0), 0.9, 1),
        PersonBox((45.0, 5.0, 60.0, 45.0), 0.9, 2),
    ]
    fast, lean = make_estimator(card, OPENVINO), make_estimator(card)
    for one, other in zip(fast.estimate(frame, boxes), lean.estimate(frame, boxes), strict=True):
        np.testing.assert_allclose(one.xy, other.xy, atol=1e-2)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
    assert str(fast.info).startswith("openvino 2") and "fp32" in str(fast.info)


def test_openvino_refuses_what_it_cannot_do(tmp_path):
    pytest.importorskip("openvino", reason="extra `openvino`")
    card = str(write_warmest_spot_model(tmp_path))
    with pytest.raises(ModelArtifactError, match="cuda"):
        make_estimator(card, RuntimeOptions(engine="openvino", device="cuda"))
    with pytest.raises(ModelArtifactError, match="expected heatmaps"):
        make_estimator(str(write_warmest_spot_model(tmp_path, "other", joints=13)), OPENVINO)
