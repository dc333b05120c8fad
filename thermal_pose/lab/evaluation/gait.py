# SPDX-License-Identifier: Apache-2.0
"""How well temporal gait parameters of both legs agree with the simulator's foot contacts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from thermal_pose.clinical.tug.gait import GaitParameter, gait_parameters, swing_spans
from thermal_pose.clinical.tug.gait_network import GaitNetwork
from thermal_pose.clinical.tug.options import TugParams
from thermal_pose.clinical.tug.reading import follow_subject
from thermal_pose.lab.learning.tug.keypoint_file import KeypointTrial
from thermal_pose.lab.metrics.agreement import boundaries_s, icc_a1
from thermal_pose.types import NS_PER_S, Float64Array

Pair = tuple[dict[str, GaitParameter], dict[str, GaitParameter]]


def gait_pair(trial: KeypointTrial, network: GaitNetwork) -> Pair | None:
    """True and found parameters over both walks of a valid trial; None without contacts."""
    swings = trial.conditions.get("swings_s")
    if not trial.truth.valid or not swings:
        return None
    track = follow_subject(list(trial.frames), TugParams())
    shift_s = (trial.truth.origin_ns - int(track.stamps_ns[0])) / NS_PER_S
    edges = boundaries_s(trial.truth) + shift_s
    walks = ((float(edges[1]), float(edges[2])), (float(edges[3]), float(edges[4])))
    true = tuple(
        tuple((lift + shift_s, land + shift_s) for side, lift, land in swings if side == leg)
        for leg in (0, 1)
    )
    found = swing_spans(track, trial.frames[0].image_wh, network)
    return (
        gait_parameters((true[0], true[1]), walks, 0.0),
        gait_parameters(found, walks, network.contact_sd_s),
    )


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


def gait_figures(pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Agreement of each parameter over trials in which both truth and result have it."""
    names = sorted({name for truth, _ in pairs for name in truth})
    figures = {}
    for name in names:
        rows = [(t[name], f[name]) for t, f in pairs if name in t and name in f]
        if len(rows) >= 3:
            figures[name] = _agreement(rows, sum(name in truth for truth, _ in pairs))
    return figures


def _agreement(rows: Sequence[tuple[GaitParameter, GaitParameter]], n_true: int) -> dict[str, Any]:
    truth: Float64Array = np.array([t.mean for t, _ in rows])
    found: Float64Array = np.array([f.mean for _, f in rows])
    sds: Float64Array = np.array([f.sd for _, f in rows])
    errors = found - truth
    return {
        "n": len(rows),
        "given": round(len(rows) / n_true, 4),
        "mae": round(float(np.abs(errors).mean()), 4),
        "bias": round(float(errors.mean()), 4),
        "r": round(float(np.corrcoef(truth, found)[0, 1]), 4),
        "icc": round(icc_a1(truth, found), 4),
        "within_196_sd": round(float((np.abs(errors) <= 1.96 * sds).mean()), 4),
    }
