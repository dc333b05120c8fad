# SPDX-License-Identifier: Apache-2.0
"""Paths of people who are in view of a test without doing it: carers and passers-by."""

import numpy as np

from thermal_pose.lab.simulation.motion.gait import WalkPath
from thermal_pose.lab.simulation.motion.path import TugPlan
from thermal_pose.lab.simulation.motion.profile import STEP_S, Array, ease, smooth_curve
from thermal_pose.lab.simulation.people.subject import Rng

#: Below this speed people take no steps, m/s.
STANDING_MPS = 0.06


def visit_path(plan: TugPlan, rng: Rng) -> WalkPath:
    """A path that keeps clear of the subject: standing by, walking along, or passing."""
    kind = rng.choice(3, p=[0.4, 0.35, 0.25])
    side = float(rng.choice([-1.0, 1.0]))
    if kind == 0:
        return _standing_by(plan, rng, side)
    if kind == 1:
        return _walking_along(plan, rng, side)
    return _passing(plan, rng, side)


def _standing_by(plan: TugPlan, rng: Rng, side: float) -> WalkPath:
    times_s = plan.path.times_s
    point = np.array([rng.uniform(-0.1, 0.7), side * rng.uniform(0.85, 1.15)])
    ahead_m = rng.uniform(0.2, 0.8) if rng.random() < 0.5 else 0.0
    start_s = plan.schedule.walk_start_s
    moved = ease(times_s, start_s, start_s + max(1.2, ahead_m / 0.5))
    xy = point + ahead_m * moved[:, None] * np.array([1.0, 0.0])
    facing = np.arctan2(-side, rng.uniform(0.2, 1.2))
    return _path(times_s, xy, np.full(len(times_s), facing))


def _walking_along(plan: TugPlan, rng: Rng, side: float) -> WalkPath:
    """Beside and slightly behind the subject, turning on the spot after the subject."""
    delay = round(rng.uniform(0.15, 0.4) / STEP_S)
    followed = smooth_curve(
        np.concatenate([np.repeat(plan.path.xy_m[:1], delay, axis=0), plan.path.xy_m[:-delay]]),
        0.35,
    )
    xy = np.stack([np.minimum(followed[:, 0], 2.7), followed[:, 1] * 0.3], axis=-1)
    xy[:, 0] = np.maximum(xy[:, 0] - 0.25, 0.1)
    xy[:, 1] += side * rng.uniform(0.8, 1.0)
    schedule = plan.schedule
    middle_s = (schedule.turn_start_s + schedule.turn_end_s) / 2
    first = ease(plan.path.times_s, middle_s - 0.7, middle_s + 0.9)
    last = ease(plan.path.times_s, schedule.turn_to_sit_start_s, schedule.walk_end_s + 0.3)
    yaw = -side * np.pi * (first - 0.5 * last)
    return _path(plan.path.times_s, xy, yaw)


def _passing(plan: TugPlan, rng: Rng, side: float) -> WalkPath:
    """Along one wall, from one end of the room to the other."""
    times_s = plan.path.times_s
    speed_mps = rng.uniform(0.8, 1.2)
    outwards = rng.random() < 0.5
    start_s = rng.uniform(0.0, max(0.5, times_s[-1] - 6.0))
    travelled = np.clip(times_s - start_s, 0.0, 5.0 / speed_mps) * speed_mps
    along = smooth_curve(travelled, 0.25)
    x = 0.2 + along if outwards else 5.2 - along
    xy = np.stack([x, np.full(len(times_s), side * rng.uniform(1.2, 1.5))], axis=-1)
    return _path(times_s, xy, np.full(len(times_s), 0.0 if outwards else np.pi))


def _path(times_s: Array, xy: Array, yaw: Array) -> WalkPath:
    speed = np.linalg.norm(np.gradient(xy, STEP_S, axis=0), axis=1)
    turning = np.abs(np.gradient(yaw, STEP_S))
    moving = (
        smooth_curve(((speed > STANDING_MPS) | (turning > 0.15)).astype(np.float64), 0.15) > 0.3
    )
    edges = np.diff(np.concatenate([[0], moving.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    walking = tuple(
        (float(times_s[start]), float(times_s[min(end, len(times_s) - 1)]))
        for start, end in zip(starts, ends, strict=True)
        if (end - start) * STEP_S > 0.4
    )
    return WalkPath(times_s, xy, yaw, walking)
