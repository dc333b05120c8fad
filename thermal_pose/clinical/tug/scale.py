# SPDX-License-Identifier: Apache-2.0
"""The scale of lengths in the image, from the height of a person's hips."""

#: Height of a walker's hips over the ankles as a share of stature, as the pose model places them:
#: measured on development seeds of the simulated clinic. Of the anatomical joints it is 0.49
#: standing (Winter, Biomechanics and Motor Control), so that a tenth of doubt remains.
HIP_OVER_ANKLE_SHARE, HIP_SHARE_SPREAD = 0.41, 0.1
