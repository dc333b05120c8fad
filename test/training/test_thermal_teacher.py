# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from thermal_pose.models.decoder import ClassicDecoder
from thermal_pose.models.width import widen


def test_widened_decoder_computes_the_same_heatmaps():
    torch.manual_seed(0)
    narrow = ClassicDecoder(latent_channels=12, width=8).eval()
    for layer in (narrow.batchnorm1, narrow.batchnorm2):
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.5, 2.0)
    latent = torch.randn(2, 12, 16, 12)
    wide = widen(narrow, 24).eval()
    assert wide.width == 24
    torch.testing.assert_close(wide(latent), narrow(latent), rtol=1e-5, atol=1e-5)


def test_width_must_be_a_multiple():
    with pytest.raises(ValueError, match="expected a multiple of 8, got 20"):
        widen(ClassicDecoder(latent_channels=4, width=8), 20)
