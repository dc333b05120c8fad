# SPDX-License-Identifier: Apache-2.0
"""Uneven pace: training trials in which parts of the movement go faster or slower.

Simulated people move along few shapes of curves. A network that learns from nothing else tells a
movement's first instant from its later course, and real people's courses differ. A random smooth
map of time keeps the movements and their order, and changes how long each part takes.
"""

from dataclasses import dataclass, replace

import numpy as np

from thermal_pose.lab.learning.tug.corpus import MotionTrial, ObservedTrial
from thermal_pose.types import Float64Array

#: Shortest and longest time over which the pace changes, s.
SHORTEST_S, LONGEST_S = 0.5, 2.0
#: Resolution of the map, s.
_STEP_S = 0.05


@dataclass(frozen=True)
class TimeWarp:
    """A rising map of times: `old_s` (K,) happen at `new_s` (K,)."""

    old_s: Float64Array
    new_s: Float64Array

    def later(self, times_s: Float64Array) -> Float64Array:
        """New times of old ones; values that are not finite stay."""
        known = np.isfinite(times_s)
        moved = np.interp(np.where(known, times_s, 0.0), self.old_s, self.new_s)
        return np.where(known, moved, times_s)

    def earlier(self, times_s: Float64Array) -> Float64Array:
        """Old times of new ones."""
        return np.asarray(np.interp(times_s, self.new_s, self.old_s))


def draw_warp(start_s: float, end_s: float, sd: float, rng: np.random.Generator) -> TimeWarp:
    """A map whose logarithm of pace wanders with this standard deviation; `start_s` stays."""
    gap_s = rng.uniform(SHORTEST_S, LONGEST_S)
    knots_s = start_s - gap_s + gap_s * np.arange(int((end_s - start_s) / gap_s) + 4)
    log_pace = rng.normal(0.0, sd, len(knots_s))
    old_s: Float64Array = np.arange(start_s, end_s + 1.0, _STEP_S, dtype=np.float64)
    pace = np.exp(np.interp(old_s, knots_s + gap_s * rng.random(), log_pace))
    new_s = start_s + np.cumsum(np.append(0.0, (pace[1:] + pace[:-1]) / 2 * _STEP_S))
    return TimeWarp(old_s, new_s)


def warped_trial(trial: ObservedTrial, sd: float, rng: np.random.Generator) -> ObservedTrial:
    """The trial with other stamps; its frames stay as they are."""
    warp = draw_warp(float(trial.times_s[0]), float(trial.times_s[-1]), sd, rng)
    return replace(
        trial, times_s=warp.later(trial.times_s), boundaries_s=warp.later(trial.boundaries_s)
    )


def warped_motion(motion: MotionTrial, sd: float, rng: np.random.Generator) -> MotionTrial:
    """The motion at another pace, on even stamps again."""
    step_s = float(motion.times_s[1] - motion.times_s[0])
    warp = draw_warp(float(motion.times_s[0]), float(motion.times_s[-1]), sd, rng)
    first_s, last_s = warp.later(motion.times_s[[0, -1]])
    times_s = np.arange(first_s, last_s, step_s)
    position = np.clip(
        (warp.earlier(times_s) - motion.times_s[0]) / step_s, 0.0, len(motion.times_s) - 1.001
    )
    index = position.astype(np.int64)
    share = (position - index)[:, None, None].astype(np.float32)
    joints_m = (1 - share) * motion.joints_m[index] + share * motion.joints_m[index + 1]
    return MotionTrial(times_s, joints_m, warp.later(motion.boundaries_s))
