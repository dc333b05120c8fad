# SPDX-License-Identifier: Apache-2.0
"""ViTPose's classic decoder, under the parameter names of Hugging Face `transformers`."""

import torch
from torch import nn

from thermal_pose.skeleton import N_JOINTS

LATENT_CHANNELS = 768
DECODER_WIDTH = 256


class ClassicDecoder(nn.Module):
    """Two 4x4 stride-2 transposed convolutions and a 1x1 to heatmaps.

    (N, latent, H, W) -> (N, 17, 4H, 4W): 768 x 16 x 12 -> 17 x 64 x 48 for a 256 x 192 crop.

    Attributes
    ----------
    width : channels of both deconvolutions; 256 in ViTPose, less in `student-lite`.
    """

    def __init__(
        self,
        latent_channels: int = LATENT_CHANNELS,
        width: int = DECODER_WIDTH,
        joints: int = N_JOINTS,
    ) -> None:
        super().__init__()
        self.latent_channels = latent_channels
        self.width = width
        self.deconv1 = nn.ConvTranspose2d(latent_channels, width, 4, 2, padding=1, bias=False)
        self.batchnorm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.deconv2 = nn.ConvTranspose2d(width, width, 4, 2, padding=1, bias=False)
        self.batchnorm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        self.conv = nn.Conv2d(width, joints, 1)
        for layer in (self.deconv1, self.deconv2, self.conv):
            nn.init.normal_(layer.weight, std=0.02)
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Decode a latent into heatmaps."""
        return self.after_first(self.deconv1(latent))

    def after_first(self, features: torch.Tensor) -> torch.Tensor:
        """Decode the output of `deconv1`, (N, width, 2H, 2W), to heatmaps."""
        features = self.relu1(self.batchnorm1(features))
        features = self.relu2(self.batchnorm2(self.deconv2(features)))
        return self.conv(features)
