# SPDX-License-Identifier: Apache-2.0
"""From which side a labelled person is seen, by the labels alone."""

from typing import Final

import numpy as np
import numpy.typing as npt

from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array, Int64Array

VIEWS: Final = ("front", "side", "back")
#: Shoulders nearer to each other than this share of the trunk's length are seen from the side.
SIDE_WIDTH: Final = 0.35
_VISIBLE: Final = 2


def labelled_views(xy: Float64Array, visibility: Int64Array) -> npt.NDArray[np.str_]:
    """Return 'front', 'side', 'back' or 'unknown' for each of N people.

    Parameters
    ----------
    xy, visibility : (N, 17, 2) px and (N, 17), the labels.

    Notes
    -----
    The width is how far the left shoulder lies to the right of the right one in the picture, as
    a share of the trunk's length (middle of the shoulders to middle of the hips). Its sign gives
    front (positive) or back (negative). A width below `SIDE_WIDTH` is a side view, unless the face
    agrees with the sign: both eyes visible is a front, neither nose nor eye visible a back.
    'unknown': a shoulder or a hip is not labelled.

    Limits: three-quarter views fall on either side of the threshold. A trunk that leans towards
    the camera is short in the picture, so its shoulders count as wide. A raised shoulder or a
    label with the sides confused changes the result. The rule knows no camera angle.
    """
    shoulders = xy[:, [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER]]
    hips = xy[:, [Joint.LEFT_HIP, Joint.RIGHT_HIP]]
    trunk_px = np.linalg.norm(shoulders.mean(axis=1) - hips.mean(axis=1), axis=-1)
    width = (shoulders[:, 0, 0] - shoulders[:, 1, 0]) / np.maximum(trunk_px, 1e-6)
    seen = visibility[:, [Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE]] == _VISIBLE
    face = np.where(seen[:, 1:].all(axis=1), 1, np.where(seen.any(axis=1), 0, -1))
    turned = (np.abs(width) >= SIDE_WIDTH) | (face * np.sign(width) > 0)
    views = np.where(turned, np.where(width > 0, "front", "back"), "side")
    needed = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_HIP, Joint.RIGHT_HIP]
    return np.where((visibility[:, needed] > 0).all(axis=1), views, "unknown")
