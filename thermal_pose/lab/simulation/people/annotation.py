# SPDX-License-Identifier: Apache-2.0
"""Where COCO's annotators put joints, as opposed to where the body model's own joints lie.

This is the only place where the labels of simulated people differ from the body model. Labels in
the image (`TruePerson.xy`, visibility) use it; 3-D joints (`TruePerson.joints_m`), from which the
Timed Up and Go is defined, do not.

Notes
-----
Measured in three independent ways, as shares of stature, downwards positive:

====== ======================== ============ ==================================
joint  COCO-trained RGB network anatomy      hand labels on two real sets
====== ======================== ============ ==================================
ankle  +.012 (.009 to .015)     +.020        +.015 and +.016
knee   -.006                    +.001        +.034 and +.020
hip    -.012                    -.018        +.034 and +.013
eyes   -.004                    --           +-.002
ears   -.002                    --           +.006
====== ======================== ============ ==================================

The network is a YOLO11n pose network run on 160 of our own colour renders of standing and walking
people. Anatomy is the height of ankle, knee and hip in standing adults, .039, .285 and .530 of
stature (Winter 2009), with 2 cm soles. The labels' knees and hips are the shares of the
box's height of upright people.

* All three agree that the model's ankles are too high: they lie 7 % of stature above the floor,
  where the malleolus lies at 4 %. The correction lies between the three, `ANKLE_DROP_SHARE`.
* They disagree about hips and knees, in sign too, by less than what annotators differ among
  themselves. What the labels show there is what a camera that looks down by 10 to 20 degrees
  makes of the same joints: cameras belong in the stream, not in the truth.
* Eyes and ears agree within the network's own spread (.007).
"""

from dataclasses import replace
from typing import Final

from thermal_pose.lab.simulation.people.body import Body, BodyPose
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.skeleton import Joint
from thermal_pose.types import FloatArray

#: How far below the body model's ankle joint annotators put an ankle, as a share of stature.
ANKLE_DROP_SHARE: Final = 0.014


def annotated_keypoints(body: Body, pose: BodyPose) -> FloatArray:
    """COCO joints (17, 3) in the room, m, where an annotator would click."""
    keypoints = body.keypoints.copy()
    keypoints[[Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE], 2] -= ANKLE_DROP_SHARE * body.shape.height_m
    return pose_keypoints(replace(body, keypoints=keypoints), pose)
