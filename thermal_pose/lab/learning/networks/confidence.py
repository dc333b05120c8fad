# SPDX-License-Identifier: Apache-2.0
"""A small head that estimates the reliability of the heatmaps.

A heatmap's peak is not a probability: on empty rooms it is as high as on people. The head is
fitted, on data that the pose network was not trained on, to P(joint within 0.5 s k_i of the
truth) and P(this crop holds a person), from the peaks and from the encoder's features.
"""

from typing import Final

import torch
from torch import nn

from thermal_pose.skeleton import N_JOINTS

#: A Gaussian of sigma 2 on 64 x 48 has the mean 0.008: this brings it to the order of one.
MEAN_SCALE: Final = 100.0


class ConfidenceHead(nn.Module):
    """Features and heatmaps -> 17 joint logits and one person logit.

    Attributes
    ----------
    scale, offset : (18,) buffers, the calibration (Platt 1999) of each logit, fitted after
        training on yet other data; logit' = scale * logit + offset.
    """

    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, feature_channels: int, hidden: int = 96) -> None:
        super().__init__()
        inputs = 2 * N_JOINTS + 2 * feature_channels
        self.norm = nn.BatchNorm1d(inputs, eps=1e-3, affine=False)
        self.hidden = nn.Linear(inputs, hidden)
        self.out = nn.Linear(hidden, N_JOINTS + 1)
        self.register_buffer("scale", torch.ones(N_JOINTS + 1))
        self.register_buffer("offset", torch.zeros(N_JOINTS + 1))

    def summary(self, features: torch.Tensor, heatmaps: torch.Tensor) -> torch.Tensor:
        """Pool (N, C, 16, 12) and (N, 17, 64, 48) to (N, 34 + 2 C)."""
        return torch.cat(
            [
                heatmaps.amax(dim=(2, 3)),
                heatmaps.mean(dim=(2, 3)) * MEAN_SCALE,
                features.mean(dim=(2, 3)),
                features.amax(dim=(2, 3)),
            ],
            dim=1,
        )

    def logits(self, summary: torch.Tensor) -> torch.Tensor:
        """Return (N, 18) calibrated logits, the person's last."""
        raw = self.out(torch.relu(self.hidden(self.norm(summary))))
        return raw * self.scale + self.offset

    def forward(
        self, features: torch.Tensor, heatmaps: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return joint scores (N, 17) and person scores (N,), in 0..1."""
        scores = torch.sigmoid(self.logits(self.summary(features, heatmaps)))
        return scores[:, :N_JOINTS], scores[:, N_JOINTS]
