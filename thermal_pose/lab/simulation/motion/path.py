# SPDX-License-Identifier: Apache-2.0
"""When and where a Timed Up and Go takes the pelvis: its schedule and its path on the floor."""

from dataclasses import dataclass

import numpy as np

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.gait import ANKLE_BEHIND_M, WalkPath
from thermal_pose.lab.simulation.motion.limbs import Limbs
from thermal_pose.lab.simulation.motion.manner import PLAIN, Manner, skewed
from thermal_pose.lab.simulation.motion.profile import (
    STEP_S,
    Array,
    ease,
    ramp,
    smooth_curve,
    time_grid,
)
from thermal_pose.lab.simulation.people.subject import Rng, Subject

#: The line at which the test turns, m from the chair.
MARK_M = 3.0
#: Share of a turn's time over which its rate rises and falls.
TURN_ROUNDING = 0.3
#: Of a rise's time, until the pelvis is at 95 % of its height; of sitting down, while below it.
RISE_SHARE = 0.78
SIT_SHARE = 0.49


@dataclass(frozen=True)
class Schedule:
    """When the parts of a test were meant to happen, s; the truth is measured, not read here.

    `rocks_s` are the starts of attempts to stand up that fail.
    """

    rise_start_s: float
    rise_end_s: float
    walk_start_s: float
    turn_start_s: float
    turn_end_s: float
    final_turn_start_s: float
    walk_end_s: float
    sit_start_s: float
    sit_end_s: float
    end_s: float
    rocks_s: tuple[float, ...] = ()


@dataclass(frozen=True)
class TugPlan:
    """Schedule and path of one test; `stand_x_m` is where the pelvis stands before the chair."""

    schedule: Schedule
    path: WalkPath
    stand_x_m: float


@dataclass(frozen=True)
class Rests:
    """Seconds of sitting still before and after, each at least one."""

    before_s: float
    after_s: float

    def __post_init__(self) -> None:
        for name in ("before_s", "after_s"):
            if getattr(self, name) < 1.0:
                raise SimulationError(f"{name} must be at least 1 s, got {getattr(self, name)}")


def stand_x_m(limbs: Limbs) -> float:
    """Where the pelvis stands over feet that stay where they are when sitting."""
    return max(0.31, 0.87 * limbs.thigh_m) + ANKLE_BEHIND_M


def _turn_margin_share() -> float:
    """Share of a turn's time until it has gone through 20 of its 180 degrees."""
    share = np.linspace(0.0, 1.0, 2001)
    return float(np.interp(20 / 180, ramp(share, 0.0, 1.0, TURN_ROUNDING), share))


def _speed_curve(
    distance_m: float, speeds_mps: tuple[float, float, float], change_s: tuple[float, float]
) -> Array:
    """Speed samples that go from the first to the last speed by way of the middle one.

    The middle speed is lowered where the distance is too short for it.
    """
    first, middle, last = speeds_mps
    gain_s, loss_s = change_s
    while True:
        lost_m = (first + middle) / 2 * gain_s + (middle + last) / 2 * loss_s
        if lost_m <= distance_m or middle <= 0.1:
            break
        middle *= 0.95
        gain_s, loss_s = 0.97 * gain_s, 0.97 * loss_s
    even_s = max(0.0, (distance_m - lost_m) / middle)
    total_s = gain_s + even_s + loss_s
    times_s = np.arange(max(2, round(total_s / STEP_S))) * STEP_S
    speed = first + (middle - first) * ease(times_s, 0.0, gain_s)
    speed += (last - middle) * ease(times_s, gain_s + even_s, total_s)
    return speed * (distance_m / (speed.sum() * STEP_S))


def _turn(subject: Subject, rng: Rng, speed_mps: float, manner: Manner) -> tuple[Array, Array]:
    """Speed and yaw samples of the turn at the mark, yaw from 0."""
    duration_s = subject.turn_s / (1 - 2 * _turn_margin_share())
    times_s = np.arange(round(duration_s / STEP_S)) * STEP_S
    share = skewed(times_s / duration_s, manner.turn_skew)
    yaw = subject.turn_side * np.pi * ramp(share, 0.0, 1.0, TURN_ROUNDING)
    slow = rng.uniform(0.45, 0.75) if manner.turn_dip is None else manner.turn_dip
    dip = ease(times_s, 0.0, 0.4 * duration_s) - ease(times_s, 0.6 * duration_s, duration_s)
    return speed_mps * (1 - slow * dip), yaw


def _excursion(speed: Array, yaw: Array) -> tuple[Array, Array]:
    return np.cumsum(speed * np.cos(yaw)) * STEP_S, np.cumsum(speed * np.sin(yaw)) * STEP_S


def _level_sideways(y_m: Array, out_end: int, back_start: int) -> Array:
    """Spread the turn's sideways step over the walks before and after it, back to y = 0."""
    index = np.arange(y_m.size, dtype=np.float64)
    leave = 0.46 * ease(index, 0, out_end)
    come = 0.54 * ease(index, back_start, y_m.size)
    return y_m - y_m[-1] * (leave + come)


def plan_tug(
    subject: Subject,
    limbs: Limbs,
    rests: Rests,
    rng: Rng,
    mark_m: float = MARK_M,
    pause_s: float = 0.0,
    manner: Manner = PLAIN,
) -> TugPlan:
    """Schedule and path of a whole test.

    Parameters
    ----------
    subject, limbs : who does it.
    rests : seconds of sitting still on both ends.
    rng : of everything that differs from trial to trial.
    mark_m : where to turn.
    pause_s : how long the person stands still half-way out; 0 for not at all.
    manner : how this trial differs from the subject's habits; its pauses are added by
        `pauses.with_pauses`.

    Raises
    ------
    SimulationError
        If the body cannot do it: legs too short to walk at the step length asked for.
    """
    step_m = subject.speed_mps * 60 / subject.cadence_spm
    if step_m > 1.05 * limbs.leg_m:
        raise SimulationError(
            f"subject {subject.subject_id!r}: step length must be at most "
            f"{1.05 * limbs.leg_m:.2f} m for legs of {limbs.leg_m:.2f} m, got {step_m:.2f} m"
        )
    stand_m = stand_x_m(limbs)
    rise_s = subject.rise_s / RISE_SHARE
    rock_s = rng.uniform(0.9, 1.3)
    rocks_s = tuple(rests.before_s + rock_s * k for k in range(subject.n_rocks))
    rise_start_s = rests.before_s + rock_s * subject.n_rocks
    walk_start_s = rise_start_s + rise_s * rng.uniform(0.7, 0.84) + subject.hesitation_s
    walk_start_s -= manner.early_walk * rise_s
    speed, yaw, marks, pause = _walk_samples(subject, rng, stand_m, mark_m, pause_s, manner)
    x, y = _excursion(speed, yaw)
    x += stand_m
    y = _level_sideways(y, marks[0], marks[1])
    turn_xy, turn_yaw, final_s = _final_turn(
        subject,
        rng,
        (float(x[-1]), float(y[-1])),
        float(speed[-1]),
        float(yaw[-1]),
        stand_m,
        manner,
    )
    walk_end_s = walk_start_s + (len(speed) + len(turn_yaw)) * STEP_S
    sit_s = subject.sit_s / SIT_SHARE
    sit_start_s = walk_end_s + final_s
    schedule = Schedule(
        rise_start_s=rise_start_s,
        rise_end_s=rise_start_s + rise_s,
        walk_start_s=walk_start_s,
        turn_start_s=walk_start_s + marks[0] * STEP_S,
        turn_end_s=walk_start_s + marks[1] * STEP_S,
        final_turn_start_s=walk_start_s + marks[2] * STEP_S,
        walk_end_s=walk_end_s,
        sit_start_s=sit_start_s,
        sit_end_s=sit_start_s + sit_s,
        end_s=sit_start_s + sit_s + rests.after_s,
        rocks_s=rocks_s,
    )
    xy = np.concatenate([np.stack([x, y], axis=-1), turn_xy])
    path = _padded_path(schedule, xy, np.concatenate([yaw, turn_yaw]), stand_m, pause)
    return TugPlan(schedule, path, stand_m)


def _walk_samples(
    subject: Subject, rng: Rng, stand_m: float, mark_m: float, pause_s: float, manner: Manner
) -> tuple[Array, Array, tuple[int, int, int], tuple[int, int] | None]:
    """Speed and yaw from the first step to the turn before the chair.

    Returns the samples, the indices at which the turn starts, ends, and the walk ends, and
    those of the pause.
    """
    step_s = 60 / subject.cadence_spm
    cruise = subject.speed_mps
    turn_speed, turn_yaw = _turn(subject, rng, cruise * rng.uniform(0.7, 0.85), manner)
    reach_x, _ = _excursion(turn_speed, turn_yaw)
    furthest_m = mark_m + rng.normal(-0.04, 0.08)
    turn_x_m = furthest_m - float(reach_x.max())
    out_m = turn_x_m - stand_m
    gain_s, loss_s = 1.1 * step_s, 0.8 * step_s
    pause: tuple[int, int] | None = None
    if pause_s > 0:
        halves = (
            _speed_curve(out_m / 2, (0.0, cruise, 0.0), (gain_s, gain_s)),
            np.zeros(round(pause_s / STEP_S)),
            _speed_curve(out_m / 2, (0.0, cruise, float(turn_speed[0])), (gain_s, loss_s)),
        )
        out = np.concatenate(halves)
        pause = (len(halves[0]), len(halves[0]) + len(halves[1]))
    else:
        out = _speed_curve(out_m, (0.0, cruise, float(turn_speed[0])), (gain_s, loss_s))
    arrive_mps = cruise * rng.uniform(0.55, 0.75)
    near_m = stand_m + _final_distance_m(subject, arrive_mps, manner)
    back = _speed_curve(
        turn_x_m + float(reach_x[-1]) - near_m,
        (float(turn_speed[-1]), cruise, arrive_mps),
        (0.8 * step_s, 1.1 * step_s),
    )
    yaw = np.concatenate([np.zeros(len(out)), turn_yaw, np.full(len(back), turn_yaw[-1])])
    ends = np.cumsum([len(out), len(turn_yaw), len(back)])
    speed = np.concatenate([out, turn_speed, back])
    return speed, yaw, (int(ends[0]), int(ends[1]), int(ends[2])), pause


def _final_duration_s(subject: Subject, manner: Manner) -> float:
    share = 1 - _turn_margin_share()
    lead_s = 0.24 * subject.sit_s / SIT_SHARE
    return max(manner.shortest_final_s, (subject.final_turn_s - lead_s) / share)


def _final_distance_m(subject: Subject, arrive_mps: float, manner: Manner) -> float:
    return max(0.18, 0.42 * manner.approach * arrive_mps * _final_duration_s(subject, manner))


def _final_turn(
    subject: Subject,
    rng: Rng,
    start_m: tuple[float, float],
    speed_mps: float,
    yaw_rad: float,
    stand_m: float,
    manner: Manner,
) -> tuple[Array, Array, float]:
    """Path and yaw of the turn before the chair, and the pause between it and sitting down.

    The pause is negative where the person sits down while still turning.
    """
    duration_s = _final_duration_s(subject, manner)
    pause_s = float(rng.uniform(-0.2, 0.15))
    if manner.sit_overlap is not None:
        pause_s = -manner.sit_overlap * duration_s
    times_s = np.arange(round(duration_s / STEP_S)) * STEP_S
    u = (times_s / duration_s)[:, None]
    start, end = np.array(start_m), np.array([stand_m, 0.0])
    velocity = speed_mps * np.array([np.cos(yaw_rad), np.sin(yaw_rad)])
    # Cubic Hermite from the walk's velocity to standing still.
    xy = (2 * u**3 - 3 * u**2 + 1) * start + (u**3 - 2 * u**2 + u) * duration_s * velocity
    xy = xy + (3 * u**2 - 2 * u**3) * end
    side = subject.turn_side if rng.random() < 0.6 else -subject.turn_side
    share = skewed(times_s / duration_s, manner.final_skew)
    if manner.final_spin < 1:
        begin = manner.final_spin_at * (1.0 - manner.final_spin)
        share = np.clip((share - begin) / manner.final_spin, 0.0, 1.0)
    return xy, yaw_rad + side * np.pi * ramp(share, 0.0, 1.0, TURN_ROUNDING), pause_s


def _padded_path(
    schedule: Schedule, xy: Array, yaw: Array, stand_m: float, pause: tuple[int, int] | None
) -> WalkPath:
    """The walk between two stands before the chair, on the whole time axis."""
    times_s = time_grid(schedule.end_s)
    walked_s = schedule.walk_start_s + np.arange(len(yaw)) * STEP_S
    columns = [np.interp(times_s, walked_s, xy[:, axis]) for axis in (0, 1)]
    end_yaw = np.pi * np.round(yaw[-1] / np.pi)
    headings = np.interp(times_s, walked_s, yaw, left=0.0, right=end_yaw)
    before = times_s < schedule.walk_start_s
    columns[0][before], columns[1][before] = stand_m, 0.0
    walking_s: tuple[tuple[float, float], ...] = ((schedule.walk_start_s, schedule.walk_end_s),)
    if pause is not None:
        stop_s, go_s = (schedule.walk_start_s + index * STEP_S for index in pause)
        walking_s = ((schedule.walk_start_s, stop_s), (go_s, schedule.walk_end_s))
    # The turn before the chair joins the walk in speed alone; nobody brakes from one moment on.
    xy_m = smooth_curve(np.stack(columns, axis=-1), 0.1)
    return WalkPath(times_s, xy_m, smooth_curve(headings, 0.05), walking_s)
