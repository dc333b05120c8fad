# SPDX-License-Identifier: Apache-2.0
"""A thermal image with its people as a picture."""

from collections.abc import Iterable

import numpy.typing as npt

from thermal_pose.api.images import Span, as_centikelvin
from thermal_pose.imaging.draw import DrawSettings, draw_overlay
from thermal_pose.types import PersonKeypoints, UInt8Array

_PICTURE_WIDTH_PX = 640


def draw(
    image: npt.ArrayLike,
    people: Iterable[PersonKeypoints] = (),
    *,
    scale: int | None = None,
    colormap: str = "inferno",
    span_degc: Span | None = None,
    min_joint_score: float = 0.2,
    caption: str = "",
) -> UInt8Array:
    """Draw an image with the skeletons and boxes of its people.

    Parameters
    ----------
    image : array of shape (H, W)
        Centikelvin (uint16), degrees Celsius (float) or grey levels (uint8).
    people : iterable of PersonKeypoints
        What `PoseEstimator` or `Tracker` returned for this image.
    scale : int, optional
        Picture px per image px; by default the picture is about 640 px wide.
    colormap : {'inferno', 'gray', 'jet', 'turbo'}
        Colours of the temperatures.
    span_degc : tuple of float, optional
        Temperatures of the darkest and the brightest colour, degrees Celsius; by default those of
        the image. An 8-bit image needs it.
    min_joint_score : float
        Joints with a lower score are left out.
    caption : str
        A line at the foot of the picture.

    Returns
    -------
    array of shape (H * scale, W * scale, 3)
        uint8, BGR as OpenCV has it.

    Examples
    --------
    >>> import numpy as np
    >>> from thermal_pose import draw
    >>> draw(np.full((60, 80), 21.0)).shape
    (480, 640, 3)
    """
    centikelvin = as_centikelvin(image, span_degc)
    low, high = span_degc or (None, None)
    settings = DrawSettings(
        scale=scale or max(1, round(_PICTURE_WIDTH_PX / centikelvin.shape[1])),
        colormap=colormap,
        low_degc=low,
        high_degc=high,
        min_joint_score=min_joint_score,
    )
    return draw_overlay(centikelvin, tuple(people), settings, caption)
