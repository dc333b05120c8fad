# SPDX-License-Identifier: Apache-2.0
"""A pose network that looks at pictures of half the size, to learn the coarse things cheaply.

The encoder is most of the cost of a large student. On half the size it costs a quarter; its
features are enlarged to their usual size, so that latent, decoder and targets stay the same.
"""

from typing import cast

import torch
from torch import nn
from torch.nn import functional

from thermal_pose.errors import ConfigError
from thermal_pose.lab.learning.networks.folded_pose import folded_network
from thermal_pose.lab.learning.networks.pose import Encoder, PoseNetwork
from thermal_pose.lab.learning.networks.vit import VisionTransformerEncoder


class HalvedEncoder(nn.Module):
    """Encode a picture at half its size; features are as large as those of the whole one."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = cast(nn.Module, encoder)
        self.out_channels = encoder.out_channels

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return features (N, C, H/16, W/16) of (N, 3, H, W) pictures."""
        features = self.encoder(functional.avg_pool2d(image, 2))
        return functional.interpolate(features, scale_factor=2.0, mode="bilinear")


def halved(network: PoseNetwork) -> PoseNetwork:
    """Return a network of the same modules that sees pictures at half their size.

    What it learns, `network` has learnt.

    Raises
    ------
    ConfigError
        The encoder is a ViT, which has a place for each patch of a whole picture.
    """
    if isinstance(network.encoder, VisionTransformerEncoder):
        raise ConfigError(
            "distill.coarse_share: expected 0 for a ViT, whose pictures have one size"
        )
    project = network.project
    encoder = HalvedEncoder(network.encoder)
    same = PoseNetwork(encoder, network.decoder, project=isinstance(project, nn.Conv2d))
    same.project = project
    same.train(network.training)
    if not any(parameter.requires_grad for parameter in network.decoder.parameters()):
        same.freeze_decoder()
    return folded_network(same)
