# SPDX-License-Identifier: Apache-2.0
"""People and motions that several tests share; each is made once a session."""

from dataclasses import replace
from functools import cache

import numpy as np

from thermal_pose.lab.simulation.motion.performers import Companions
from thermal_pose.lab.simulation.motion.trial import plan_trial
from thermal_pose.lab.simulation.people.presets import PRESETS
from thermal_pose.lab.simulation.people.subject import Aid, ArmUse
from thermal_pose.types import TrialReason


def subject(kind="normal", index=0):
    """A subject: 'normal', 'slow' (shuffles, rocks), 'stick' or 'frame'."""
    person = PRESETS["paper"].subject(7, index)
    if kind == "normal":
        return person
    person = replace(
        person,
        speed_mps=0.5,
        cadence_spm=88.0,
        sit_to_stand_s=2.4,
        stand_to_sit_s=1.5,
        turn_s=3.0,
        stoop_deg=14.0,
    )
    if kind == "slow":
        return replace(person, shuffling=0.9, festination=0.3, n_rocks=2, hesitation_s=1.0)
    aid = {"stick": Aid.STICK, "frame": Aid.FRAME}[kind]
    return replace(person, aid=aid, arm_use=ArmUse.ARMRESTS)


@cache
def trial(kind="normal", reason=TrialReason.VALID):
    """One planned trial of such a subject."""
    others = Companions(second=PRESETS["paper"].subject(8, 3))
    return plan_trial(subject(kind), np.random.default_rng(11), kind=reason, companions=others)
