# SPDX-License-Identifier: Apache-2.0
"""The calibration of one camera, and how to scale it to images of another size."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from thermal_pose.imaging.camera_model import CameraIntrinsics
from thermal_pose.types import Float64Array

#: Two images show the same view if their aspect ratios differ by no more than this share.
ASPECT_TOLERANCE: Final = 0.01


@dataclass(frozen=True)
class CameraInfo:
    """Calibration of one camera, with the fields of `sensor_msgs/CameraInfo`.

    Attributes
    ----------
    image_wh : width and height, px.
    k : (3, 3) intrinsic matrix, px; all zero if the camera is not calibrated.
    distortion : k1 k2 p1 p2 k3 of the model 'plumb_bob'.
    distortion_model : name of the model.
    """

    image_wh: tuple[int, int]
    k: Float64Array
    distortion: Float64Array
    distortion_model: str = "plumb_bob"

    def __post_init__(self) -> None:
        if self.k.shape != (3, 3):
            raise ValueError(f"k: expected (3, 3), got {self.k.shape}")
        if min(self.image_wh) <= 0:
            raise ValueError(f"image_wh: expected > 0, got {self.image_wh}")

    def scaled_to(self, image_wh: tuple[int, int]) -> "CameraInfo | None":
        """Return the calibration for images of another size, None if the aspect ratio differs.

        An image of the same aspect ratio is assumed to show the same view: focal lengths and
        principal point scale with the size, and the distortion is unchanged. An image of another
        aspect ratio may be either cropped or stretched, so it has no calibration.

        Notes
        -----
        Pixel (0, 0) is the centre of the top left pixel, so the image's left edge is at -0.5:
        `cx' = (cx + 0.5) * s - 0.5`.

        Examples
        --------
        >>> import numpy as np
        >>> info = CameraInfo((160, 120), np.diag([168.0, 168.0, 1.0]), np.zeros(5))
        >>> float(info.scaled_to((80, 60)).k[0, 0])
        84.0
        >>> info.scaled_to((80, 80)) is None
        True
        """
        if image_wh == self.image_wh:
            return self
        if min(image_wh) <= 0:
            raise ValueError(f"image_wh: expected > 0, got {image_wh}")
        scale_x, scale_y = (new / old for new, old in zip(image_wh, self.image_wh, strict=True))
        if abs(scale_x / scale_y - 1.0) > ASPECT_TOLERANCE:
            return None
        k = self.k.copy()
        k[0] *= scale_x
        k[1] *= scale_y
        k[0, 2] += 0.5 * (scale_x - 1.0)
        k[1, 2] += 0.5 * (scale_y - 1.0)
        return replace(self, image_wh=image_wh, k=k)


def camera_info_of(intrinsics: CameraIntrinsics) -> CameraInfo:
    """Intrinsics in the form of `sensor_msgs/CameraInfo`."""
    return CameraInfo(intrinsics.size_wh, intrinsics.matrix, np.array(intrinsics.distortion))
