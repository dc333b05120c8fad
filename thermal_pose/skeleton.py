# SPDX-License-Identifier: Apache-2.0
"""The COCO-17 skeleton: joint order, limbs, mirror pairs and OKS sigmas, stated once.

`msg/PersonKeypoints.msg` repeats the indices as constants; a test holds them against this.
Sigmas are those of the COCO keypoint challenge (https://cocodataset.org/#keypoints-eval).
"""

from enum import IntEnum
from typing import Final

import numpy as np


class Joint(IntEnum):
    """Index of each joint in every array of 17 in this package."""

    NOSE = 0
    LEFT_EYE = 1
    RIGHT_EYE = 2
    LEFT_EAR = 3
    RIGHT_EAR = 4
    LEFT_SHOULDER = 5
    RIGHT_SHOULDER = 6
    LEFT_ELBOW = 7
    RIGHT_ELBOW = 8
    LEFT_WRIST = 9
    RIGHT_WRIST = 10
    LEFT_HIP = 11
    RIGHT_HIP = 12
    LEFT_KNEE = 13
    RIGHT_KNEE = 14
    LEFT_ANKLE = 15
    RIGHT_ANKLE = 16


N_JOINTS: Final = len(Joint)
JOINT_NAMES: Final = tuple(joint.name.lower() for joint in Joint)

#: Per-joint OKS standard deviations, as a share of sqrt(area); COCO's k_i is twice this.
SIGMAS: Final = (
    np.array(
        [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], dtype=np.float64
    )
    / 1000.0
)

#: Index of each joint's mirror image: `xy[MIRROR]` relabels a horizontally flipped person.
MIRROR: Final = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])

#: Limbs to draw, as pairs of joints.
LIMBS: Final = (
    (Joint.LEFT_ANKLE, Joint.LEFT_KNEE),
    (Joint.LEFT_KNEE, Joint.LEFT_HIP),
    (Joint.RIGHT_ANKLE, Joint.RIGHT_KNEE),
    (Joint.RIGHT_KNEE, Joint.RIGHT_HIP),
    (Joint.LEFT_HIP, Joint.RIGHT_HIP),
    (Joint.LEFT_SHOULDER, Joint.LEFT_HIP),
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP),
    (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
    (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW),
    (Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW),
    (Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    (Joint.NOSE, Joint.LEFT_EYE),
    (Joint.NOSE, Joint.RIGHT_EYE),
    (Joint.LEFT_EYE, Joint.LEFT_EAR),
    (Joint.RIGHT_EYE, Joint.RIGHT_EAR),
    (Joint.LEFT_EAR, Joint.LEFT_SHOULDER),
    (Joint.RIGHT_EAR, Joint.RIGHT_SHOULDER),
)
