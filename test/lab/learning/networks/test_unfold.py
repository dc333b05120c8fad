# SPDX-License-Identifier: Apache-2.0
"""A shipped file can be trained on: what comes back computes what the file does."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from thermal_pose.errors import ModelArtifactError
from thermal_pose.inference.artifacts import ASSETS
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.onnx.graph import build_onnx
from thermal_pose.lab.learning.networks.onnx.unfold import unfold_student
from thermal_pose.lab.learning.networks.pose import StudentShape


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(0).random((4, 1, 256, 192), np.float32)


def _run(path, crops: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"thermal": crops})


@torch.no_grad()
def _outputs(network, head, crops: np.ndarray) -> list[np.ndarray]:
    out = network(torch.from_numpy(crops).expand(-1, 3, -1, -1))
    return [out.heatmaps.numpy(), *(s.numpy() for s in head(out.features, out.heatmaps))]


@pytest.fixture(scope="module", params=[0, 2], ids=["as the paper's", "deeper"])
def path(request, tmp_path_factory, crops: np.ndarray):
    """Write a student whose norms have seen something and whose 1x1 has a bias."""
    torch.manual_seed(3)
    network = StudentShape(16, extra=request.param).build()
    torch.nn.init.normal_(network.project.bias)
    for block in network.encoder.features[8:]:
        torch.nn.init.normal_(block.block[-1][1].weight)
    network.train()(torch.from_numpy(crops).expand(-1, 3, -1, -1))
    path = tmp_path_factory.mktemp("student") / "some.onnx"
    onnx.save(build_onnx(network.eval(), ConfidenceHead(48).eval(), "some"), path)
    return path


def test_a_network_unfolded_computes_what_its_file_does(path, crops) -> None:
    network, head = unfold_student(path, crops)
    assert network.decoder.width == 16
    for mine, theirs in zip(_outputs(network, head, crops), _run(path, crops), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())


def test_training_mode_computes_nearly_the_same_on_the_same_crops(path, crops) -> None:
    network, _ = unfold_student(path, crops)
    with torch.no_grad():
        got = network.train().heatmaps(torch.from_numpy(crops).expand(-1, 3, -1, -1)).numpy()
    expected = _run(path, crops)[0]
    assert np.abs(got - expected).max() < 0.02 * np.abs(expected).max()


def test_unfolding_and_folding_again_gives_the_same_file(path, tmp_path, crops) -> None:
    network, head = unfold_student(path, crops)
    again = tmp_path / "again.onnx"
    onnx.save(build_onnx(network, head, "some"), again)
    for mine, theirs in zip(_run(again, crops), _run(path, crops), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())


def test_deconvolutions_come_back_as_large_as_trained_ones(path, crops) -> None:
    decoder = unfold_student(path, crops)[0].decoder
    for layer in (decoder.deconv1, decoder.deconv2):  # Adam's steps are small beside them
        assert float(layer.weight.std()) == pytest.approx(0.05, rel=0.01)


def test_all_that_is_learnt_can_be_learnt_on(path, crops) -> None:
    network, _ = unfold_student(path, crops)
    network.train().heatmaps(
        torch.from_numpy(crops).expand(-1, 3, -1, -1)
    ).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()), name


def test_a_deepened_encoder_computes_the_same_and_learns(path, crops) -> None:
    network, head = unfold_student(path, crops)
    before = _outputs(network, head, crops)
    extra = network.encoder.extra
    network.encoder = network.encoder.deepened(extra + 2)
    for mine, theirs in zip(_outputs(network, head, crops), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    network.heatmaps(torch.from_numpy(crops).expand(-1, 3, -1, -1)).square().sum().backward()
    assert float(network.encoder.features[-1].block[-1][1].weight.grad.abs().max()) > 0
    with pytest.raises(ValueError, match=f"extra: expected at least {extra + 2}, got {extra}"):
        network.encoder.deepened(extra)


@pytest.mark.parametrize("name", ["student-lite-int8.onnx", "detector.onnx"])
def test_other_files_are_refused_by_name(name, crops) -> None:
    with pytest.raises(ModelArtifactError, match=f"{name}: not a student"):
        unfold_student(ASSETS / name, crops)


def test_what_is_no_onnx_file_is_refused(tmp_path, crops) -> None:
    (tmp_path / "x.onnx").write_bytes(b"not onnx")
    with pytest.raises(ModelArtifactError, match=r"x\.onnx: cannot be read"):
        unfold_student(tmp_path / "x.onnx", crops)


def test_one_crop_fixes_no_statistics(crops) -> None:
    with pytest.raises(ValueError, match="N >= 2"):
        unfold_student(ASSETS / "student-lite.onnx", crops[:1])
