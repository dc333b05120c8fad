# SPDX-License-Identifier: Apache-2.0
"""True steps, speeds, lean and directions from 3-D joints, and the agreement of estimates.

Legend: N frames, K trials. The truth is that of the simulated clinic; a step is where one ankle
passes the other along the walkway.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from thermal_pose.clinical.tug.definitions import TugKinematics, kinematics_from_joints
from thermal_pose.clinical.tug.story import MIN_STANDSTILL_S
from thermal_pose.lab.metrics.agreement import icc_a1
from thermal_pose.skeleton import Joint
from thermal_pose.types import Float64Array

#: A walk is sampled this finely between frames.
_SAMPLES = 300
_MIN_STEPS = 3
#: Whoever moves and turns more slowly than this stands still, m/s and rad/s.
_STILL_MPS, _TURNING_RAD_S = 0.1, 0.35


def true_measures(
    times_s: Float64Array, joints_m: Float64Array, edges_s: Float64Array
) -> dict[str, float | str]:
    """Return the measures of one valid trial by name; undefined ones are left out.

    Parameters
    ----------
    times_s : (N,) rising; joints_m : (N, 17, 3) in the room, finite where the subject is there.
    edges_s : (7,) true boundaries on the same clock.
    """
    there = np.isfinite(joints_m).all(axis=(1, 2))
    times_s, joints = times_s[there], joints_m[there].astype(np.float64)
    motion = kinematics_from_joints(times_s, joints, np.zeros(len(times_s), dtype=np.bool_))
    rising = (times_s >= edges_s[0]) & (times_s <= edges_s[1])
    found: dict[str, float | str] = {
        "turn_direction": _side(times_s, motion.pelvis_yaw_rad, edges_s[2:4]),
        "turn_to_sit_direction": _side(times_s, motion.pelvis_yaw_rad, edges_s[4:6]),
    }
    if rising.any():
        found["sit_to_stand_lean_deg"] = float(np.degrees(motion.trunk_pitch_rad[rising].max()))
    hips = joints[:, [Joint.LEFT_HIP, Joint.RIGHT_HIP], :2].mean(axis=1)
    found |= _distance(times_s, hips, edges_s) | _pauses(times_s, hips, motion, edges_s)
    for way, first in (("out", 1), ("back", 3)):
        found |= _walk(way, times_s, joints, float(edges_s[first]), float(edges_s[first + 1]))
    return found


def _side(times_s: Float64Array, yaw_rad: Float64Array, turn_s: Float64Array) -> str:
    start, end = np.interp(turn_s, times_s, yaw_rad)
    return "left" if end > start else "right"


def _distance(
    times_s: Float64Array, hips_m: Float64Array, edges_s: Float64Array
) -> dict[str, float | str]:
    """How far from the chair the person turned, as the analysis defines it."""
    seated, turn = times_s < edges_s[0], (times_s >= edges_s[2]) & (times_s <= edges_s[3])
    if not (seated.any() and turn.any()):
        return {}
    chair = np.median(hips_m[seated], axis=0)
    far_m = np.linalg.norm(hips_m[turn] - chair, axis=1)
    return {"walk_distance_m": float(np.percentile(far_m, 80))}


def _pauses(
    times_s: Float64Array, hips_m: Float64Array, motion: TugKinematics, edges_s: Float64Array
) -> dict[str, float | str]:
    """Number and time of standstills between standing up and sitting down."""
    step_s = np.diff(times_s)
    speed = np.linalg.norm(np.diff(hips_m, axis=0), axis=1) / step_s
    turning = np.abs(np.diff(motion.pelvis_yaw_rad)) / step_s
    still = (speed < _STILL_MPS) & (turning < _TURNING_RAD_S)
    still &= (times_s[:-1] >= edges_s[1]) & (times_s[1:] <= edges_s[5])
    ends = np.flatnonzero(np.diff(still.astype(np.int8), prepend=0, append=0))
    lengths_s = [
        float(times_s[last] - times_s[first])
        for first, last in zip(ends[::2], ends[1::2], strict=True)
    ]
    long_s = [length_s for length_s in lengths_s if length_s >= MIN_STANDSTILL_S]
    return {"pauses": float(len(long_s)), "pause_time_s": float(sum(long_s))}


def _walk(
    way: str, times_s: Float64Array, joints: Float64Array, start_s: float, end_s: float
) -> dict[str, float | str]:
    grid_s = np.linspace(start_s, end_s, _SAMPLES)
    hips = joints[:, [Joint.LEFT_HIP, Joint.RIGHT_HIP], :2].mean(axis=1)
    place = np.stack([np.interp(grid_s, times_s, hips[:, axis]) for axis in (0, 1)], axis=1)
    slope = np.polyfit(grid_s - grid_s.mean(), place, 1)[0]
    found: dict[str, float | str] = {f"gait_speed_{way}_mps": float(np.hypot(*slope))}
    ahead = joints[:, Joint.LEFT_ANKLE, 0] - joints[:, Joint.RIGHT_ANKLE, 0]
    passing_s = grid_s[np.flatnonzero(np.diff(np.signbit(np.interp(grid_s, times_s, ahead))))]
    if len(passing_s) >= _MIN_STEPS:
        rate_hz = (len(passing_s) - 1) / float(passing_s[-1] - passing_s[0])
        found[f"cadence_{way}_spm"] = 60.0 * rate_hz
        found[f"steps_{way}"] = rate_hz * (end_s - start_s)
        found[f"step_length_{way}_m"] = float(np.hypot(*slope)) / rate_hz
    return found


def measure_agreement(
    pairs: Sequence[tuple[Mapping[str, float | str], Mapping[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """How measures agree with their truth, by name.

    Parameters
    ----------
    pairs : of each trial the truth, and name -> (value, standard deviation) as analyzed, value
        None if it was omitted.
    """
    names = sorted({name for truth, _ in pairs for name in truth})
    return {name: _agreement([(t[name], f[name]) for t, f in pairs if name in t]) for name in names}


def _agreement(rows: Sequence[tuple[Any, tuple[Any, Any]]]) -> dict[str, Any]:
    given = [(truth, value, spread) for truth, (value, spread) in rows if value is not None]
    figures: dict[str, Any] = {"n": len(given), "omitted": len(rows) - len(given)}
    if not given:
        return figures
    if isinstance(given[0][0], str):
        return figures | {"right": round(float(np.mean([t == v for t, v, _ in given])), 4)}
    truth, value, spread = np.array(given, dtype=np.float64).T  # None becomes NaN
    errors = value - truth
    figures |= {"mae": float(np.abs(errors).mean()), "bias": float(errors.mean())}
    if np.isfinite(spread).all():
        figures |= {"within_two_sd": float(np.mean(np.abs(errors) <= 1.96 * spread))}
    if len(given) > 2 and truth.std() > 0 and value.std() > 0:
        figures["correlation"] = float(np.corrcoef(truth, value)[0, 1])
        figures["icc"] = icc_a1(truth, value)
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
