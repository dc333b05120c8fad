# SPDX-License-Identifier: Apache-2.0
"""Joint positions as COCO annotators place them, which differ from the body model's own joints.

Only here do the labels of simulated people differ from the body model. Image labels
(`TruePerson.xy` and visibility) use these positions. The 3-D joints (`TruePerson.joints_m`), on
which the phases of the Timed Up and Go are defined, do not.

Notes
-----
COCO's own annotators are the measure: 74 people of val2017 who stand upright, with shoulders,
hips, knees and ankles visible and both legs straight. Shares of the way to the ankles, as
`scripts/annotation_shares.py` prints them:

======================== =============== ========== ==========
joint                    annotators      body model its labels
======================== =============== ========== ==========
hip, from the shoulders  .410 +- .005    .395       .414
knee, from the shoulders .715 +- .003    .696       .709
knee, from the hips      .517 +- .005    .497       .504
======================== =============== ========== ==========

Hand labels of two real thermal sets agree in sign (hips .013 and .034 of stature lower than the
model's, knees .020 and .034); anatomy has hips .018 lower and knees as they are (Winter 2009, plus
2 cm soles).

* Ankles of the model are 7 % of stature above the floor, whereas the malleolus is at 4 %. A
  COCO-trained network on simulated colour images sets them .012 lower, hand labels .015.
* Shoulders, eyes and ears differ by less than .011 of stature and are not corrected.
"""

from dataclasses import replace
from typing import Final

from thermal_pose.lab.simulation.people.body import Body, BodyPose
from thermal_pose.lab.simulation.people.skinning import pose_keypoints
from thermal_pose.skeleton import Joint
from thermal_pose.types import FloatArray

#: Distance of the annotated joint below the body model's, as a share of stature.
DROP_SHARES: Final = {
    Joint.LEFT_HIP: 0.020,
    Joint.RIGHT_HIP: 0.020,
    Joint.LEFT_KNEE: 0.020,
    Joint.RIGHT_KNEE: 0.020,
    Joint.LEFT_ANKLE: 0.014,
    Joint.RIGHT_ANKLE: 0.014,
}


def annotated_keypoints(body: Body, pose: BodyPose) -> FloatArray:
    """COCO joints (17, 3) in the room where an annotator would mark them, m."""
    keypoints = body.keypoints.copy()
    for joint, share in DROP_SHARES.items():
        keypoints[joint, 2] -= share * body.shape.height_m
    return pose_keypoints(replace(body, keypoints=keypoints), pose)
