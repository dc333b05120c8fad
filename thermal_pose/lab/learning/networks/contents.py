# SPDX-License-Identifier: Apache-2.0
"""Three different input channels, computed from the crop inside the network.

Students read one thermal crop in three equal channels. Here the second channel is the crop's local
contrast and the third its slope, so that the first convolution sees edges and limbs alike in warm
and in cold surroundings. The network's input stays one crop, so that its callers do not change.
"""

from typing import Final, Self

import torch
from torch import nn
from torch.nn import functional

from thermal_pose.lab.learning.networks.mobilenet import MobileNetV3SmallEncoder

#: Local means are Gaussian; a forearm is some 10 px wide in a crop of 256 x 192.
BLUR_SIGMA_PX: Final = 12.0
BLUR_RADIUS_PX: Final = 24
#: Spread below which local contrast is no longer enlarged, in units of the normalised crop.
LEAST_SPREAD: Final = 0.2
#: Half the distance over which a slope is taken, px: about one thermal pixel.
SLOPE_STEP_PX: Final = 3


class ChannelContents(nn.Module):
    """Crop, local contrast and slope: (N, 3, H, W), three equal channels, -> (N, 3, H, W).

    Attributes
    ----------
    blur : (1, 1, 1, 49) kernel of the local mean, used along rows and along columns.
    slopes : (2, 1, 3, 3) kernels of the differences across and down.
    """

    blur: torch.Tensor
    slopes: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        place = torch.arange(-BLUR_RADIUS_PX, BLUR_RADIUS_PX + 1, dtype=torch.float64)
        weights = torch.exp(-(place**2) / (2 * BLUR_SIGMA_PX**2))
        blur = (weights / weights.sum()).float().reshape(1, 1, 1, -1)
        across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
        self.register_buffer("blur", blur, persistent=False)
        slopes = torch.stack([across, across.T])[:, None]
        self.register_buffer("slopes", slopes, persistent=False)

    @torch.no_grad()
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the three contents of the first channel; nothing in here is learnt."""
        crop = image[:, :1].contiguous()
        mean = self._blurred(crop)
        variance = (self._blurred(crop * crop) - mean * mean).clamp(min=0)
        contrast = (crop - mean) / torch.sqrt(variance + LEAST_SPREAD**2)
        step = SLOPE_STEP_PX
        padded = functional.pad(crop, (step,) * 4, mode="replicate")
        slopes = functional.conv2d(padded, self.slopes, dilation=step)
        slope = torch.sqrt((slopes * slopes).sum(dim=1, keepdim=True))
        return torch.cat([crop, contrast, slope], dim=1)

    def _blurred(self, crop: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(crop, (BLUR_RADIUS_PX,) * 4, mode="replicate")
        along_rows = functional.conv2d(padded, self.blur)
        return functional.conv2d(along_rows, self.blur.transpose(2, 3))


class ContentsEncoder(MobileNetV3SmallEncoder):
    """The encoder of the students behind `ChannelContents`.

    Attributes
    ----------
    contents : has no weights, so that the state dict is that of `MobileNetV3SmallEncoder`.
    """

    def __init__(self, extra: int = 0) -> None:
        super().__init__(extra)
        self.contents = ChannelContents()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode (N, 3, H, W) crops of three equal channels."""
        return super().forward(self.contents(image))

    @classmethod
    @torch.no_grad()
    def like(cls, encoder: MobileNetV3SmallEncoder) -> Self:
        """Return an encoder that computes the same from the crop, and nothing yet from the rest."""
        made = cls(encoder.extra)
        made.load_state_dict(encoder.state_dict())
        stem = made.features[0][0].weight  # type: ignore[index, union-attr]
        stem.copy_(torch.cat([stem.sum(1, keepdim=True), torch.zeros_like(stem[:, 1:])], dim=1))
        return made.train(encoder.training)
