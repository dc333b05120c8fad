# SPDX-License-Identifier: Apache-2.0
"""The economies of training on a CPU are exact: same heatmaps, same gradients."""

import copy

import pytest
import torch

from thermal_pose.lab.learning.networks.decoder import ClassicDecoder
from thermal_pose.lab.learning.networks.folded_pose import FoldedPoseNetwork, folded_network, slim
from thermal_pose.lab.learning.networks.pose import build_network
from thermal_pose.lab.learning.networks.width import narrowed, widen, without_copies


def _decoder(width: int = 8, latent: int = 12) -> ClassicDecoder:
    torch.manual_seed(0)
    decoder = ClassicDecoder(latent_channels=latent, width=width).eval()
    for layer in (decoder.batchnorm1, decoder.batchnorm2):
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.5, 2.0)
        torch.nn.init.normal_(layer.weight)
    return decoder


def test_widened_decoder_computes_the_same_heatmaps() -> None:
    narrow, latent = _decoder(), torch.randn(2, 12, 16, 12)
    wide = widen(narrow, 24).eval()
    assert wide.width == 24
    torch.testing.assert_close(wide(latent), narrow(latent), rtol=1e-5, atol=1e-5)


def test_width_must_be_a_multiple() -> None:
    with pytest.raises(ValueError, match="expected a multiple of 8, got 20"):
        widen(ClassicDecoder(latent_channels=4, width=8), 20)


def test_what_was_widened_is_found_again() -> None:
    narrow, latent = _decoder(), torch.randn(2, 12, 16, 12, requires_grad=True)
    wide = widen(narrow, 32).eval()
    back = without_copies(wide)
    assert back.width == 8 and not back.training
    gradients = [
        torch.autograd.grad(decoder(latent).square().sum(), latent)[0] for decoder in (wide, back)
    ]
    torch.testing.assert_close(back(latent), wide(latent), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


def test_a_widened_decoder_is_narrowed_though_its_copies_differ_by_rounding() -> None:
    wide = widen(_decoder(), 32).eval()
    with torch.no_grad():
        wide.deconv1.weight *= 1 + 1e-6 * torch.randn_like(wide.deconv1.weight)
    narrow = narrowed(wide, 8)
    latent = torch.randn(2, wide.latent_channels, 4, 3)
    assert narrow.width == 8
    torch.testing.assert_close(narrow(latent), wide(latent), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="not one of 4 channels, widened"):
        narrowed(narrow, 4)


def test_a_decoder_without_copies_comes_back_as_it_is() -> None:
    decoder = _decoder()
    assert without_copies(decoder) is decoder


@pytest.mark.parametrize("frozen", [True, False])
def test_a_folded_network_has_the_same_loss_and_gradients(frozen) -> None:
    plain = build_network("mobilenetv3", _decoder(latent=768)).double().eval()
    torch.nn.init.normal_(plain.project.bias)
    other = copy.deepcopy(plain)
    if frozen:
        plain.freeze_decoder(), other.freeze_decoder()
    cheap = folded_network(other)
    assert isinstance(cheap, FoldedPoseNetwork)
    assert set(cheap.state_dict()) == set(plain.state_dict())
    image = torch.randn(1, 3, 64, 48, dtype=torch.float64)
    for network in (plain, cheap):
        network.zero_grad()
        network(image).heatmaps.square().sum().backward()
    torch.testing.assert_close(cheap(image).heatmaps, plain(image).heatmaps)
    for (name, mine), other_one in zip(cheap.named_parameters(), plain.parameters(), strict=True):
        assert (mine.grad is None) == (other_one.grad is None), name
        if mine.grad is not None:
            torch.testing.assert_close(mine.grad, other_one.grad, rtol=1e-6, atol=1e-8)


def test_networks_that_gain_nothing_are_left_alone() -> None:
    network = build_network("resnet50", _decoder(latent=768))
    assert folded_network(network) is network


def test_a_slim_network_computes_the_same_with_the_same_encoder() -> None:
    network = build_network("mobilenetv3", widen(_decoder(latent=768), 32)).eval().freeze_decoder()
    cheap, image = slim(network), torch.randn(1, 3, 64, 48)
    assert cheap.decoder.width == 8 and not cheap.training
    assert cheap.encoder is network.encoder and cheap.project is network.project
    for one, other in zip(network(image), cheap(image), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in cheap.decoder.parameters())
