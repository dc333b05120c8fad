# SPDX-License-Identifier: Apache-2.0
"""How many dimensions a teacher's latent has: what beta weighs, and what a student can reach."""

from typing import Any, Final

import torch

#: Crops whose latents are looked at; each has 16 x 12 of them.
_CROPS: Final = 64
#: Variance of rounding to bfloat16, in which teachers run where the device has it, as a share of a
#: channel's mean square: an error of up to 2^-8, with a margin of 4 for the sample's largest
#: component.
_ROUNDING: Final = 4 * 2.0**-16 / 3


def latent_figures(latents: torch.Tensor, student_channels: int = 48) -> dict[str, Any]:
    """Return the dimensions of a latent, from its principal components over cells and crops.

    Parameters
    ----------
    latents : (N, C, H, W); at most 64 of the N crops, evenly spaced, are used.
    student_channels : of the student's encoder. Its 1x1 convolution reaches no more dimensions.

    Returns
    -------
    `channels`; `rank`, the number of components above rounding; `components_99`, those that hold
    99 % of the variance; `share_in_student`, the share of the variance in the largest
    `student_channels` components.
    """
    chosen = torch.linspace(0, len(latents) - 1, min(_CROPS, len(latents))).long()
    cells = latents[chosen].double().movedim(1, -1).flatten(0, -2)
    centred = cells - cells.mean(dim=0)
    variances = torch.linalg.eigvalsh(centred.T @ centred / len(cells)).flip(0).clamp(min=0)
    held = torch.cumsum(variances, 0) / variances.sum().clamp(min=1e-30)
    return {
        "channels": latents.shape[1],
        "rank": int((variances > _ROUNDING * cells.square().mean()).sum()),
        "components_99": int((held < 0.99).sum()) + 1,
        "share_in_student": float(held[min(student_channels, len(held)) - 1]),
    }
