# SPDX-License-Identifier: Apache-2.0
"""Teacher and students: an encoder, a 1x1 convolution to the latent, the classic decoder."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol, Self

import torch
from torch import nn
from torch.nn import functional

from thermal_pose.errors import ModelArtifactError
from thermal_pose.lab.learning.networks.decoder import LATENT_CHANNELS, ClassicDecoder
from thermal_pose.lab.learning.networks.mobilenet import MobileNetV3SmallEncoder
from thermal_pose.lab.learning.networks.resnet import ResNet50Encoder
from thermal_pose.lab.learning.networks.vit import VisionTransformerEncoder, VitConfig


class Encoder(Protocol):
    """(N, 3, H, W) -> (N, out_channels, H/16, W/16); also an `nn.Module`."""

    out_channels: int

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Encode a crop."""
        ...


class PoseOutput(NamedTuple):
    """Outputs of a pose network for (N, 3, 256, 192).

    Attributes
    ----------
    features : (N, C, 16, 12), the encoder's own channels.
    latent : (N, 768, 16, 12).
    heatmaps : (N, 17, 64, 48).
    """

    features: torch.Tensor
    latent: torch.Tensor
    heatmaps: torch.Tensor


class PoseNetwork(nn.Module):
    """Encoder -> 1x1 convolution -> classic decoder.

    Parameters
    ----------
    encoder : (N, 3, H, W) -> (N, C, H/16, W/16), with an `out_channels` attribute.
    decoder : the teacher's, or one of its own for supervised baselines.
    project : whether a 1x1 convolution (with bias, no norm) maps C to the latent; without
        it C must be the latent's channels (a teacher, or a ViT student).
    """

    def __init__(
        self, encoder: Encoder, decoder: ClassicDecoder | None = None, project: bool = True
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder or ClassicDecoder()
        channels, latent = encoder.out_channels, self.decoder.latent_channels
        if not project and channels != latent:
            raise ValueError(f"encoder: expected {latent} channels without a 1x1, got {channels}")
        self.project: nn.Module = nn.Conv2d(channels, latent, 1) if project else nn.Identity()
        self._decoder_frozen = self._encoder_frozen = False

    def freeze_decoder(self) -> Self:
        """Freeze the decoder's weights and running statistics; return self."""
        self._decoder_frozen = True
        self.decoder.requires_grad_(False)
        return self.train(self.training)

    def thaw_decoder(self) -> Self:
        """Let the decoder learn again; return self."""
        self._decoder_frozen = False
        self.decoder.requires_grad_(True)
        return self.train(self.training)

    def freeze_encoder(self) -> Self:
        """Freeze encoder and 1x1; return self."""
        self._encoder_frozen = True
        for part in self._before_the_latent():
            part.requires_grad_(False)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        if self._decoder_frozen:
            self.decoder.eval()
        if self._encoder_frozen:
            for part in self._before_the_latent():
                part.eval()
        return self

    def _before_the_latent(self) -> tuple[nn.Module, nn.Module]:
        assert isinstance(self.encoder, nn.Module)
        return self.encoder, self.project

    def encode(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the encoder's features and the latent, without the decoder's cost."""
        features = self.encoder(image)
        return features, self.project(features)

    def forward(self, image: torch.Tensor) -> PoseOutput:
        """Compute features, latent and heatmaps of (N, 3, 256, 192) crops."""
        features, latent = self.encode(image)
        return PoseOutput(features, latent, self.decoder(latent))

    def heatmaps(self, image: torch.Tensor) -> torch.Tensor:
        """Compute the heatmaps alone, for a fraction of `forward`'s cost and with its gradients.

        Notes
        -----
        Nothing nonlinear stands between 1x1 and first deconvolution: their weights are
        multiplied once per batch (the 1x1's bias becomes a map), and no latent is made.
        """
        features = self.encoder(image)
        if isinstance(self.project, nn.Conv2d):
            return self.decoder.after_first(self._folded(self.project, features))
        return self.decoder(features)

    def _folded(self, project: nn.Conv2d, features: torch.Tensor) -> torch.Tensor:
        """Apply 1x1 and first deconvolution to (N, C, H, W) features as one."""
        weight = self.decoder.deconv1.weight
        one = torch.einsum("lc,lokj->cokj", project.weight[:, :, 0, 0], weight)
        assert project.bias is not None
        constant = project.bias[None, :, None, None].expand(-1, -1, *features.shape[2:])
        offset = functional.conv_transpose2d(constant, weight, stride=2, padding=1)
        return functional.conv_transpose2d(features, one, stride=2, padding=1) + offset


class StudentShape(NamedTuple):
    """The dimensions in which students with a MobileNetV3-Small encoder differ.

    Attributes
    ----------
    width : channels of the decoder.
    extra : bottlenecks behind the paper's layers (`MobileNetV3SmallEncoder`).
    """

    width: int
    extra: int = 0

    def build(self) -> PoseNetwork:
        """Build the student with random weights."""
        return PoseNetwork(MobileNetV3SmallEncoder(self.extra), ClassicDecoder(width=self.width))


def _mobilenet(decoder: ClassicDecoder | None) -> PoseNetwork:
    return PoseNetwork(MobileNetV3SmallEncoder(), decoder)


def _resnet50(decoder: ClassicDecoder | None) -> PoseNetwork:
    return PoseNetwork(ResNet50Encoder(), decoder)


def _vit_b(decoder: ClassicDecoder | None) -> PoseNetwork:
    return PoseNetwork(VisionTransformerEncoder(VitConfig()), decoder, project=False)


#: Builds a network around a decoder (None: a new one), by the name of its encoder.
NETWORKS: Final[dict[str, Callable[[ClassicDecoder | None], PoseNetwork]]] = {
    "mobilenetv3": _mobilenet,
    "resnet50": _resnet50,
    "vit_b": _vit_b,
}


def build_network(name: str, decoder: ClassicDecoder | None = None) -> PoseNetwork:
    """Build one of `NETWORKS`.

    Raises
    ------
    ValueError
        Unknown name.
    """
    if name not in NETWORKS:
        raise ValueError(f"network: expected one of {sorted(NETWORKS)}, got {name!r}")
    return NETWORKS[name](decoder)


def load_by_name(encoder: nn.Module, weights: Mapping[str, torch.Tensor]) -> int:
    """Load those tensors whose names and shapes the encoder has, such as torchvision's.

    Returns
    -------
    The number of tensors loaded.

    Raises
    ------
    ModelArtifactError
        A parameter of the encoder is missing from `weights` or has another shape.
    """
    own = encoder.state_dict()
    wanted = {name for name in own if not name.endswith("num_batches_tracked")}
    wrong = sorted(
        name for name in wanted if name not in weights or weights[name].shape != own[name].shape
    )
    if wrong:
        raise ModelArtifactError(
            f"weights: {len(wrong)} of {len(wanted)} tensors are missing or of another shape, "
            f"the first is '{wrong[0]}'"
        )
    encoder.load_state_dict({name: weights[name] for name in wanted}, strict=False)
    return len(wanted)


__all__ = [
    "LATENT_CHANNELS",
    "NETWORKS",
    "PoseNetwork",
    "PoseOutput",
    "StudentShape",
    "build_network",
    "load_by_name",
]
