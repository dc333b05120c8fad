# SPDX-License-Identifier: Apache-2.0
"""Reduce large thermal images to the resolution of the networks, and map results back.

The networks were trained on images of about 80 x 60 px. A larger image is averaged down to that
size, which also reduces noise to the level of training. Smaller images are unchanged.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from thermal_pose.types import FloatArray, UInt16Array

#: Largest input (width, height) of the networks, px.
NETWORK_WH: Final = (80, 64)


@dataclass(frozen=True)
class NetworkView:
    """An image at the networks' resolution.

    Attributes
    ----------
    centikelvin : (H, W) uint16.
    scale_xy : image pixels per pixel of this view, along x and y; (1, 1) for the image itself.
    """

    centikelvin: UInt16Array
    scale_xy: tuple[float, float] = (1.0, 1.0)

    @property
    def same(self) -> bool:
        """Whether the view is the image itself."""
        return self.scale_xy == (1.0, 1.0)

    def to_image(self, xy: npt.ArrayLike) -> FloatArray:
        """Return points of the view in the image's pixels.

        Parameters
        ----------
        xy : (..., 2 n) alternating x and y: points, or boxes as left, top, right, bottom.

        Notes
        -----
        Pixel (0, 0) is the centre of the top left pixel, so the left edge is at -0.5 in both.

        Examples
        --------
        >>> view = NetworkView(np.zeros((60, 80), np.uint16), (2.0, 2.0))
        >>> view.to_image([-0.5, 0.0, 79.5, 59.5]).tolist()
        [-0.5, 0.5, 159.5, 119.5]
        """
        points = np.asarray(xy, dtype=np.float32)
        if self.same:
            return points
        scale = np.tile(np.array(self.scale_xy), points.shape[-1] // 2)
        return np.asarray((points + 0.5) * scale - 0.5, dtype=np.float32)

    def from_image(self, xy: npt.ArrayLike) -> FloatArray:
        """Return points of the image in the view's pixels: the inverse of `to_image`."""
        points = np.asarray(xy, dtype=np.float32)
        if self.same:
            return points
        scale = np.tile(np.array(self.scale_xy), points.shape[-1] // 2)
        return np.asarray((points + 0.5) / scale - 0.5, dtype=np.float32)


def network_view(centikelvin: UInt16Array, most_wh: tuple[int, int] = NETWORK_WH) -> NetworkView:
    """Return an image at the networks' resolution, with its aspect ratio kept to a pixel.

    Parameters
    ----------
    centikelvin : (H, W) uint16 of any size.
    most_wh : largest width and height of the view, px.
    """
    height, width = centikelvin.shape
    shrink = max(width / most_wh[0], height / most_wh[1])
    if shrink <= 1.0:
        return NetworkView(centikelvin)
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = cv2.resize(centikelvin, size, interpolation=cv2.INTER_AREA)
    return NetworkView(np.asarray(small, dtype=np.uint16), (width / size[0], height / size[1]))
