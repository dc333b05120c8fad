# SPDX-License-Identifier: Apache-2.0
"""Joint positions as COCO annotators place them, which differ from the body model's own joints.

Only here do the labels of simulated people differ from the body model. Image labels
(`TruePerson.xy` and visibility) use these positions. The 3-D joints (`TruePerson.joints_m`), on
which the phases of the Timed Up and Go are defined, do not.

Notes
-----
Three independent measurements of the difference, as shares of stature, downwards positive:

====== ======================== ============ ==================================
joint  COCO-trained RGB network anatomy      hand labels on two real sets
====== ======================== ============ ==================================
ankle  +.012 (.009 to .015)     +.020        +.015 and +.016
knee   -.006                    +.001        +.034 and +.020
hip    -.012                    -.018        +.034 and +.013
eyes   -.004                    --           +-.002
ears   -.002                    --           +.006
====== ======================== ============ ==================================

The network is a YOLO11n pose network on 160 simulated colour images of standing and walking people.
Anatomy is the height of ankle, knee and hip of standing adults, .039, .285 and .530 of stature
(Winter 2009), plus 2 cm soles. The knees and hips of the hand labels are shares of the box height
of upright people.

* All three find the model's ankles too high: 7 % of stature above the floor, whereas the malleolus
  is at 4 %. The correction, `ANKLE_DROP_SHARE`, lies between the three.
* They disagree about knees and hips, even in sign, by less than annotators differ from each other.
  A camera that looks down by 10 to 20 degrees explains the hand labels, so these joints are not
  corrected.
* Eyes and ears agree within the spread of the network (.007).
"""

from dataclasses import replace
from typing import Final

from thermal_pose.lab.simulation.people.body import Body, BodyPose
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.skeleton import Joint
from thermal_pose.types import FloatArray

#: Distance of the annotated ankle below the body model's ankle joint, as a share of stature.
ANKLE_DROP_SHARE: Final = 0.014


def annotated_keypoints(body: Body, pose: BodyPose) -> FloatArray:
    """COCO joints (17, 3) in the room where an annotator would mark them, m."""
    keypoints = body.keypoints.copy()
    keypoints[[Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE], 2] -= ANKLE_DROP_SHARE * body.shape.height_m
    return pose_keypoints(replace(body, keypoints=keypoints), pose)
