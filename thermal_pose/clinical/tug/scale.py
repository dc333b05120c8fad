# SPDX-License-Identifier: Apache-2.0
"""The scale of lengths in the image, from the height of a person's hips."""

import numpy as np

from thermal_pose.types import Float64Array

#: Height of a walker's hips over the ankles as a share of stature, as the pose model places them:
#: measured on development seeds of the simulated clinic. Of the anatomical joints it is 0.49
#: standing (Winter, Biomechanics and Motor Control), so that a tenth of doubt remains.
HIP_OVER_ANKLE_SHARE, HIP_SHARE_SPREAD = 0.41, 0.1
#: Length of the thigh as a share of stature (Winter, Biomechanics and Motor Control): the feet of
#: someone who sits are this far ahead of the hips.
THIGH_SHARE = 0.245


def floor_place_m(
    size_px: Float64Array,
    column_px: Float64Array,
    width_px: int,
    focal_px: float,
    height_m: float,
) -> Float64Array:
    """Return places on the floor, (N, 2) depth and way right of the optical axis, m.

    Parameters
    ----------
    size_px : (N,) standing hip height at each place; column_px : (N,) of the hips in the image.
    width_px : of the image, in whose middle the optical axis lies.
    focal_px : of the lens; height_m : the person's stature.
    """
    depth_m = focal_px * HIP_OVER_ANKLE_SHARE * height_m / size_px
    aside_m = (column_px - 0.5 * (width_px - 1)) * depth_m / focal_px
    return np.stack([depth_m, aside_m], axis=1)
