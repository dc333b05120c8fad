# SPDX-License-Identifier: Apache-2.0
"""Three different input channels: what they hold, and that a start computes what it did."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.networks.confidence import ConfidenceHead
from thermal_pose.lab.learning.networks.contents import ChannelContents, ContentsEncoder
from thermal_pose.lab.learning.networks.onnx.graph import build_onnx
from thermal_pose.lab.learning.networks.onnx.unfold import unfold_student
from thermal_pose.lab.learning.networks.pose import PoseNetwork, StudentShape


@pytest.fixture
def crops() -> torch.Tensor:
    """Return smooth crops of different scale."""
    coarse = torch.rand((2, 1, 16, 12), generator=torch.Generator().manual_seed(0))
    crops = torch.nn.functional.interpolate(coarse, (256, 192), mode="bicubic")
    return crops * torch.tensor([2.0, 0.5])[:, None, None, None]


@pytest.fixture
def network(crops: torch.Tensor) -> PoseNetwork:
    """Return a network whose norms have seen something."""
    torch.manual_seed(1)
    network = StudentShape(16, extra=1).build()
    network.train()(crops.expand(-1, 3, -1, -1))
    return network.eval()


def contents(crop: torch.Tensor) -> torch.Tensor:
    return ChannelContents()(crop.expand(-1, 3, -1, -1))


def test_the_first_channel_is_the_crop(crops: torch.Tensor) -> None:
    assert torch.equal(contents(crops)[:, :1], crops)


def test_an_even_crop_has_neither_contrast_nor_slope() -> None:
    assert contents(torch.full((1, 1, 256, 192), 1.7))[:, 1:].abs().max() < 1e-4


def test_local_contrast_ignores_an_offset_and_hardly_depends_on_a_factor() -> None:
    stripes = (torch.arange(192) // 8 % 2).float().expand(1, 1, 256, 192) * 2
    plain = contents(stripes)[:, 1]
    assert torch.allclose(contents(stripes + 0.5)[:, 1], plain, atol=1e-3)
    ratio = contents(0.5 * stripes)[:, 1].std() / plain.std()
    assert 0.9 < ratio < 1.0  # 0.5 without the division
    assert float(plain[:, 64:-64, 64:-64].max()) == pytest.approx(1.0, abs=0.1)


def test_the_slope_of_a_ramp_is_its_rise_over_six_pixels_whatever_its_direction() -> None:
    ramp = 0.01 * torch.arange(256.0)
    down = contents(ramp[None, None, :, None].expand(1, 1, 256, 192))[0, 2]
    across = contents(ramp[None, None, None, :192].expand(1, 1, 256, 192))[0, 2]
    for slope in (down, across):
        inner = slope[8:-8, 8:-8]
        assert torch.allclose(inner, torch.full_like(inner, 0.06), atol=1e-4)


@torch.no_grad()
def test_a_start_computes_what_it_did(network: PoseNetwork, crops: torch.Tensor) -> None:
    image = crops.expand(-1, 3, -1, -1)
    before = network(image).heatmaps
    network.encoder = ContentsEncoder.like(network.encoder)
    assert not network.encoder.training
    after = network(image).heatmaps
    assert torch.allclose(after, before, atol=1e-4 * float(before.abs().max()))


def test_all_three_channels_are_learnt_from(network: PoseNetwork, crops: torch.Tensor) -> None:
    network.encoder = ContentsEncoder.like(network.encoder)
    network.heatmaps(crops.expand(-1, 3, -1, -1)).square().mean().backward()
    gradient = network.encoder.features[0][0].weight.grad
    assert (gradient.abs().amax(dim=(0, 2, 3)) > 0).all()


def test_a_deepened_encoder_keeps_its_contents(network: PoseNetwork) -> None:
    deep = ContentsEncoder.like(network.encoder).deepened(3)
    assert isinstance(deep, ContentsEncoder)
    assert deep.extra == 3


@torch.no_grad()
def test_its_file_computes_the_same_from_one_channel(
    network: PoseNetwork, crops: torch.Tensor, tmp_path
) -> None:
    network.encoder = ContentsEncoder.like(network.encoder)
    stem = network.encoder.features[0][0].weight
    stem.copy_(torch.randn(stem.shape, generator=torch.Generator().manual_seed(2)) / 3)
    path = tmp_path / "some.onnx"
    onnx.save(build_onnx(network, ConfidenceHead(48).eval(), "some"), path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got = session.run(["heatmaps"], {"thermal": crops.numpy()})[0]
    expected = network(crops.expand(-1, 3, -1, -1)).heatmaps.numpy()
    np.testing.assert_allclose(got, expected, atol=1e-3 * np.abs(expected).max())
    with pytest.raises(ModelArtifactError, match="different contents"):
        unfold_student(path, crops.numpy())
