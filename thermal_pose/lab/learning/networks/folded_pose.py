# SPDX-License-Identifier: Apache-2.0
"""A pose network that computes latent and heatmaps in the folded form, for the paper's loss.

Without a latent, `PoseNetwork.heatmaps` is the same form.
"""

import torch
from torch import nn

from thermal_pose.lab.learning.networks.pose import PoseNetwork, PoseOutput
from thermal_pose.lab.learning.networks.width import without_copies


class FoldedPoseNetwork(PoseNetwork):
    """`PoseNetwork` under the same parameter names, heatmaps equal up to rounding."""

    def forward(self, image: torch.Tensor) -> PoseOutput:
        """Compute features, latent and heatmaps of (N, 3, 256, 192) crops."""
        features, latent = self.encode(image)
        assert isinstance(self.project, nn.Conv2d)
        first = self._folded(self.project, features)
        return PoseOutput(features, latent, self.decoder.after_first(first))


def folded_network(network: PoseNetwork) -> PoseNetwork:
    """Return the same network (its own modules) in the form that trains fastest.

    Folding is faster if the encoder is narrower than the latent; other networks are returned
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


def slim(network: PoseNetwork) -> PoseNetwork:
    """Return a folded network with the same encoder and 1x1, and a decoder without equal channels.

    It computes what `network` does; a decoder widened from 64 to 256 channels costs a sixteenth.
    """
    project, decoder = network.project, without_copies(network.decoder)
    same = PoseNetwork(network.encoder, decoder, project=isinstance(project, nn.Conv2d))
    same.project = project
    if not any(parameter.requires_grad for parameter in network.decoder.parameters()):
        same.freeze_decoder()
    return folded_network(same.train(network.training))
