# SPDX-License-Identifier: Apache-2.0
"""Pauses in a planned test."""

from dataclasses import replace
from typing import Any

import numpy as np

from thermal_pose.lab.simulation.motion.gait import WalkPath
from thermal_pose.lab.simulation.motion.manner import Pause, Place
from thermal_pose.lab.simulation.motion.path import Schedule, TugPlan
from thermal_pose.lab.simulation.motion.profile import STEP_S, ease, time_grid

#: Time in which a walker stops, and in which a walker starts again, s.
HALT_S = 0.35
#: Shorter walks between two pauses have no steps, s.
SHORTEST_WALK_S = 0.5


def with_pauses(plan: TugPlan, pauses: tuple[Pause, ...]) -> TugPlan:
    """Add pauses to a plan.

    The walk slows to a stop and starts again; later phases (turning, sitting down) are delayed.
    """
    for pause in sorted(pauses, key=lambda p: -_pause_time_s(plan.schedule, p)):
        plan = _paused(plan, pause)
    return plan


def _pause_time_s(schedule: Schedule, pause: Pause) -> float:
    """When a pause begins in the schedule without it."""
    parts = {
        Place.AFTER_RISING: (schedule.walk_start_s, schedule.walk_start_s),
        Place.WALK_OUT: (schedule.walk_start_s, schedule.turn_start_s),
        Place.BEFORE_TURN: (schedule.turn_start_s, schedule.turn_start_s),
        Place.TURN: (schedule.turn_start_s, schedule.turn_end_s),
        Place.WALK_BACK: (schedule.turn_end_s, schedule.turn_to_sit_start_s),
        Place.BEFORE_CHAIR: (schedule.turn_to_sit_start_s, schedule.turn_to_sit_start_s),
        Place.BEFORE_SITTING: (schedule.walk_end_s, schedule.walk_end_s),
    }
    start_s, end_s = parts[pause.place]
    return start_s + pause.share * (end_s - start_s)


def _paused(plan: TugPlan, pause: Pause) -> TugPlan:
    schedule, path = plan.schedule, plan.path
    at_s = _pause_time_s(schedule, pause)
    if pause.place is Place.BEFORE_SITTING:
        return _sits_later(plan, pause.length_s)
    halt_s = min(HALT_S, max(0.05, at_s - schedule.walk_start_s)) if at_s else HALT_S
    lost_s = pause.length_s + halt_s / 2 + HALT_S / 2
    times_s = time_grid(float(path.times_s[-1]) + lost_s)
    still = ease(times_s, at_s - halt_s, at_s) - ease(
        times_s, at_s + pause.length_s, at_s + pause.length_s + HALT_S
    )
    # Time on the old path for each time on the new one; unchanged before the pause.
    old_s = np.cumsum(1.0 - still) * STEP_S - STEP_S

    def later(time_s: float) -> float:
        return float(np.interp(time_s, old_s + 1e-9 * np.arange(len(old_s)), times_s))

    xy = [np.interp(old_s, path.times_s, path.xy_m[:, axis]) for axis in (0, 1)]
    still_s = (at_s - 0.3 * halt_s, at_s + pause.length_s + 0.3 * HALT_S)
    walking_s = _cut(tuple((later(a), later(b)) for a, b in path.walking_s), still_s)
    moved = WalkPath(
        times_s,
        np.stack(xy, axis=-1),
        np.interp(old_s, path.times_s, path.yaw_rad),
        walking_s,
    )
    names = (
        "walk_start_s",
        "turn_start_s",
        "turn_end_s",
        "turn_to_sit_start_s",
        "walk_end_s",
        "sit_start_s",
        "sit_end_s",
        "end_s",
    )
    shifted = {name: later(getattr(schedule, name)) for name in names}
    if pause.place is Place.AFTER_RISING:
        shifted["walk_start_s"] = schedule.walk_start_s + lost_s
    return replace(plan, schedule=_with_times(schedule, shifted), path=moved)


def _with_times(schedule: Schedule, times_s: dict[str, float]) -> Schedule:
    changed: dict[str, Any] = dict(times_s)
    return replace(schedule, **changed)


def _cut(
    walking_s: tuple[tuple[float, float], ...], still_s: tuple[float, float]
) -> tuple[tuple[float, float], ...]:
    """The walking intervals without the interval of standing still."""
    parts = []
    for start_s, end_s in walking_s:
        parts += [(start_s, min(end_s, still_s[0])), (max(start_s, still_s[1]), end_s)]
    return tuple((a, b) for a, b in parts if b - a > SHORTEST_WALK_S)


def _sits_later(plan: TugPlan, by_s: float) -> TugPlan:
    schedule, path = plan.schedule, plan.path
    times_s = time_grid(float(path.times_s[-1]) + by_s)
    extra = len(times_s) - len(path.times_s)
    longer = WalkPath(
        times_s,
        np.concatenate([path.xy_m, np.tile(path.xy_m[-1:], (extra, 1))]),
        np.concatenate([path.yaw_rad, np.full(extra, path.yaw_rad[-1])]),
        path.walking_s,
    )
    later = replace(
        schedule,
        sit_start_s=schedule.sit_start_s + by_s,
        sit_end_s=schedule.sit_end_s + by_s,
        end_s=schedule.end_s + by_s,
    )
    return replace(plan, schedule=later, path=longer)
