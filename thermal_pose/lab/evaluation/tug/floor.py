# SPDX-License-Identifier: Apache-2.0
"""The floor of the uncertainties that trials ask for, and coverage with people left out.

The network's floor was fitted to recorded motion. Fitted to the trials of a cohort instead, with
each person's floor from the others, it shows what the floor could be there, and what the network's
own spreads lack.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from thermal_pose.clinical.tug.network import shipped_network
from thermal_pose.clinical.tug.reading import HMM
from thermal_pose.lab.evaluation.tug.trials import EvaluatedTrial
from thermal_pose.lab.learning.tug.calibrate import fitted_floor_s, left_out_coverage
from thermal_pose.lab.metrics.agreement import boundaries_s, estimate_on_truth_clock
from thermal_pose.types import Float64Array

NO_FLOOR_S = (0.0,) * 7


def shipped_floor_s(segmenter: str) -> tuple[float, ...]:
    """(7,) floor that a segmenter adds to its standard deviations, s; 0 for the HMM's."""
    if segmenter == HMM:
        return NO_FLOOR_S
    return tuple(float(floor_s) for floor_s in shipped_network(segmenter).sd_floor_s)


def floor_figures(
    trials: Sequence[EvaluatedTrial], floor_s: Sequence[float] = NO_FLOOR_S
) -> dict[str, Any]:
    """The floor that these trials ask for, and what remains when each person's is of the others.

    Parameters
    ----------
    floor_s : (7,) floor in the printed standard deviations, which is taken out first.
    """
    timed = [trial for trial in trials if trial.pair.timed]
    people = np.array([trial.pair.subject for trial in timed])
    if len(set(people)) < 2:
        return {}
    errors = np.stack([boundary_errors_s(trial) for trial in timed])
    printed = np.stack([np.array(trial.sds_s) for trial in timed])
    own = np.sqrt(np.maximum(printed**2 - np.array(floor_s) ** 2, 0.0))
    boundaries, totals = left_out_coverage(errors, own, people)
    return {
        "left_out": {
            "within_two_sd": round(boundaries, 4),
            "total_within_196_sd": round(totals, 4),
        },
        "fitted_floor_s": np.round(fitted_floor_s(errors, own), 4).tolist(),
        "printed_floor_s": [round(float(value), 4) for value in floor_s],
    }


def boundary_errors_s(trial: EvaluatedTrial) -> Float64Array:
    """(7,) errors of a timed trial, s."""
    return np.asarray(estimate_on_truth_clock(trial.pair) - boundaries_s(trial.pair.truth))
