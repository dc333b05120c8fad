# SPDX-License-Identifier: Apache-2.0
"""True temporal gait parameters of both legs, from the simulator's foot contacts."""

from thermal_pose.clinical.tug.gait import gait_parameters
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial
from thermal_pose.lab.metrics.agreement import boundaries_s


def true_gait(trial: KeypointTrial) -> dict[str, float]:
    """True gait parameters of a valid trial by the names of the measures; empty if not known."""
    swings = trial.conditions.get("swings_s")
    if not trial.truth.valid or not swings:
        return {}
    edges = boundaries_s(trial.truth)
    walks = ((float(edges[1]), float(edges[2])), (float(edges[3]), float(edges[4])))
    left, right = (
        tuple((lift, land) for side, lift, land in swings if side == leg) for leg in (0, 1)
    )
    found = gait_parameters((left, right), walks, 0.0)
    return {name: parameter.mean for name, parameter in found.items()}
