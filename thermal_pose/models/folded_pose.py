# SPDX-License-Identifier: Apache-2.0
"""A pose network that trains in its folded form: the same function for fewer multiply-adds.

Between the 1x1 convolution and the first deconvolution nothing is nonlinear. Both are
multiplied out once a step instead of being run on every crop; gradients reach both as before.
"""

import torch
from torch import nn
from torch.nn.functional import conv_transpose2d

from thermal_pose.models.pose import PoseNetwork, PoseOutput


class FoldedPoseNetwork(PoseNetwork):
    """`PoseNetwork` under the same parameter names, heatmaps equal but for rounding."""

    def forward(self, image: torch.Tensor) -> PoseOutput:
        """Compute features, latent and heatmaps of (N, 3, 256, 192) crops."""
        features, latent = self.encode(image)
        return PoseOutput(features, latent, self._decode(features))

    def _decode(self, features: torch.Tensor) -> torch.Tensor:
        decoder, project = self.decoder, self.project
        assert isinstance(project, nn.Conv2d) and project.bias is not None
        first = decoder.deconv1.weight
        weight = torch.einsum("li,loyx->ioyx", project.weight[:, :, 0, 0], first)
        # Border pixels see fewer taps, so that the 1x1's bias becomes a map.
        constant = project.bias[None, :, None, None].expand(1, -1, *features.shape[2:])
        bias = conv_transpose2d(constant, first, None, 2, 1)
        hidden = conv_transpose2d(features, weight.to(features.dtype), None, 2, 1) + bias
        hidden = decoder.relu1(decoder.batchnorm1(hidden))
        hidden = decoder.relu2(decoder.batchnorm2(decoder.deconv2(hidden)))
        return decoder.conv(hidden)


def folded(network: PoseNetwork) -> PoseNetwork:
    """Return the same network (its own modules) in the form that trains fastest.

    Folding pays where the encoder is narrower than the latent; other networks come back as
    they are.
    """
    project = network.project
    if not isinstance(project, nn.Conv2d) or project.in_channels >= project.out_channels:
        return network
    cheap = FoldedPoseNetwork(network.encoder, network.decoder)
    cheap.project = project
    cheap.train(network.training)
    frozen = not any(parameter.requires_grad for parameter in network.decoder.parameters())
    return cheap.freeze_decoder() if frozen else cheap
