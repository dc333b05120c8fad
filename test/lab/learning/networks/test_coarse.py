# SPDX-License-Identifier: Apache-2.0
"""Networks that see pictures at half their size."""

import pytest
import torch

from thermal_pose.errors import ConfigError
from thermal_pose.lab.learning.networks.coarse import halved
from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.pose import build_network


@pytest.mark.parametrize("name", ["mobilenetv3", "resnet50"])
def test_shapes_are_those_of_the_whole_picture_and_weights_are_shared(name) -> None:
    network = build_network(name, ClassicDecoder(width=4)).eval().freeze_decoder()
    coarse = halved(network)
    assert not coarse.training
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for one, other in zip(network(image), coarse(image), strict=True):
            assert one.shape == other.shape and not torch.equal(one, other)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    coarse.train()(image).latent.square().sum().backward()
    with torch.no_grad():
        for parameter in coarse.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad)
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert "project.weight" in changed and any(k.startswith("encoder.") for k in changed)
    assert not any(key.startswith("decoder.") for key in changed)


def test_a_uniform_picture_looks_the_same_at_half_its_size() -> None:
    network = build_network("mobilenetv3", ClassicDecoder(width=4)).eval()
    image = torch.full((1, 3, 256, 256), 0.7)
    with torch.no_grad():
        whole, half = network.encode(image)[0], halved(network).encode(image)[0]
    torch.testing.assert_close(half[..., 8, 8], whole[..., 8, 8], rtol=1e-3, atol=1e-4)


def test_a_vit_has_one_size() -> None:
    with pytest.raises(ConfigError, match="coarse_share: expected 0 for a ViT"):
        halved(build_network("vit_b", ClassicDecoder(width=4)))
