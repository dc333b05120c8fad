# SPDX-License-Identifier: Apache-2.0
"""Schedule of a Timed Up and Go, and the path of the pelvis on the floor."""

from dataclasses import dataclass, replace

import numpy as np

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.gait import ANKLE_BEHIND_M, WalkPath
from thermal_pose.lab.simulation.motion.limbs import Limbs
from thermal_pose.lab.simulation.motion.manner import PLAIN, Manner, skewed
from thermal_pose.lab.simulation.motion.profile import (
    STEP_S,
    Array,
    ahead_of,
    ease,
    ramp,
    smooth_curve,
    time_grid,
)
from thermal_pose.lab.simulation.people.subject import Rng, Subject

#: Distance of the line at which the person turns from the chair, m.
MARK_M = 3.0
#: Share of a turn's duration over which its rate rises, and over which it falls.
TURN_ROUNDING = 0.3
#: Share of a planned rise until the pelvis is at 95 % of its height, and of planned sitting down
#: while it is below that: by the definitions, only these shares count.
RISE_SHARE = 0.78
SIT_SHARE = 0.49


@dataclass(frozen=True)
class Schedule:
    """Planned times of the parts of a test, s; the truth is measured on the motion instead.

    `rocks_s` are the starts of failed attempts to stand up.
    """

    rise_start_s: float
    rise_end_s: float
    walk_start_s: float
    turn_start_s: float
    turn_end_s: float
    turn_to_sit_start_s: float
    walk_end_s: float
    sit_start_s: float
    sit_end_s: float
    end_s: float
    rocks_s: tuple[float, ...] = ()

    @property
    def rise_s(self) -> float:
        """Duration of the rise."""
        return self.rise_end_s - self.rise_start_s

    @property
    def sit_s(self) -> float:
        """Duration of sitting down."""
        return self.sit_end_s - self.sit_start_s


@dataclass(frozen=True)
class TugPlan:
    """Schedule and path of one test; the person stands at x = `stand_x_m` before the chair."""

    schedule: Schedule
    path: WalkPath
    stand_x_m: float


@dataclass(frozen=True)
class Rests:
    """Seconds of sitting still before and after the test, at least 1 each."""

    before_s: float
    after_s: float

    def __post_init__(self) -> None:
        for name in ("before_s", "after_s"):
            if getattr(self, name) < 1.0:
                raise SimulationError(f"{name} must be at least 1 s, got {getattr(self, name)}")


def stand_x_m(limbs: Limbs) -> float:
    """x of the standing pelvis over feet that do not move between sitting and standing, m."""
    return max(0.31, 0.87 * limbs.thigh_m) + ANKLE_BEHIND_M


def _turn_margin_share() -> float:
    """Share of a turn's duration in which it covers the first 20 of its 180 degrees."""
    share = np.linspace(0.0, 1.0, 2001)
    return float(np.interp(20 / 180, ramp(share, 0.0, 1.0, TURN_ROUNDING), share))


def _speed_curve(
    distance_m: float, speeds_mps: tuple[float, float, float], change_s: tuple[float, float]
) -> Array:
    """Speed samples from the first speed through the middle one to the last.

    The middle speed is lowered if the distance is too short for it. `change_s` are the durations
    of the two changes.
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
    """Speed and yaw samples of the turn at the mark; the yaw starts at 0."""
    duration_s = subject.turn_s / (1 - 2 * _turn_margin_share())
    times_s = np.arange(round(duration_s / STEP_S)) * STEP_S
    share = skewed(times_s / duration_s, manner.turn_skew)
    yaw = subject.turn_side * np.pi * ramp(share, 0.0, 1.0, TURN_ROUNDING)
    slow = rng.uniform(0.45, 0.75) if manner.turn_dip is None else manner.turn_dip
    dip = ease(times_s, 0.0, 0.4 * duration_s) - ease(times_s, 0.6 * duration_s, duration_s)
    return speed_mps * (1 - slow * dip), yaw


def _positions(speed: Array, yaw: Array) -> tuple[Array, Array]:
    """x and y (N,) of a walk from the origin, m."""
    return np.cumsum(speed * np.cos(yaw)) * STEP_S, np.cumsum(speed * np.sin(yaw)) * STEP_S


def _level_sideways(y_m: Array, out_end: int, back_start: int) -> Array:
    """Bring y back to 0: spread the turn's sideways offset over the walks before and after it."""
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
    subject, limbs : the person.
    rests : seconds of sitting still at both ends.
    rng : source of everything that differs from trial to trial.
    mark_m : distance at which the person turns.
    pause_s : how long the person stands still half-way out.
    manner : how this trial differs from the subject's habits; `pauses.with_pauses` adds its pauses.

    Raises
    ------
    SimulationError
        If the legs are too short for the step length.
    """
    _require_possible_steps(subject, limbs)
    stand_m = stand_x_m(limbs)
    rock_s = rng.uniform(0.9, 1.3)
    rise_s = subject.sit_to_stand_s / RISE_SHARE
    # The first step comes before the rise is complete.
    stand_s = rise_s * rng.uniform(0.7, 0.84)
    walk = _draw_walk(subject, rng, stand_m, mark_m, pause_s, manner)
    x, y = _positions(walk.speed_mps, walk.yaw_rad)
    x += stand_m
    y = _level_sideways(y, walk.turn_start, walk.turn_end)
    end_m = (float(x[-1]), float(y[-1]))
    end = (float(walk.speed_mps[-1]), float(walk.yaw_rad[-1]))
    turn_xy, turn_yaw, wait_s = _turn_to_sit(subject, rng, end_m, *end, stand_m, manner)
    rise_start_s = rests.before_s + rock_s * subject.n_rocks
    walk_start_s = rise_start_s + stand_s + subject.hesitation_s - manner.early_walk * rise_s
    walk_end_s = walk_start_s + (len(walk.yaw_rad) + len(turn_yaw)) * STEP_S
    sit_start_s = walk_end_s + wait_s
    sit_end_s = sit_start_s + subject.stand_to_sit_s / SIT_SHARE
    schedule = Schedule(
        rise_start_s=rise_start_s,
        rise_end_s=rise_start_s + rise_s,
        walk_start_s=walk_start_s,
        turn_start_s=walk_start_s + walk.turn_start * STEP_S,
        turn_end_s=walk_start_s + walk.turn_end * STEP_S,
        turn_to_sit_start_s=walk_start_s + len(walk.yaw_rad) * STEP_S,
        walk_end_s=walk_end_s,
        sit_start_s=sit_start_s,
        sit_end_s=sit_end_s,
        end_s=sit_end_s + rests.after_s,
        rocks_s=tuple(rests.before_s + rock_s * k for k in range(subject.n_rocks)),
    )
    xy = np.concatenate([np.stack([x, y], axis=-1), turn_xy])
    ahead = min(round(manner.turn_ahead_s / STEP_S), walk.turn_start)
    yaw = np.concatenate([ahead_of(walk.yaw_rad, ahead), turn_yaw])
    return TugPlan(schedule, _padded_path(schedule, xy, yaw, stand_m, walk.pause), stand_m)


def _require_possible_steps(subject: Subject, limbs: Limbs) -> None:
    step_m = subject.speed_mps * 60 / subject.cadence_spm
    if step_m > 1.05 * limbs.leg_m:
        raise SimulationError(
            f"subject {subject.subject_id!r}: step length must be at most "
            f"{1.05 * limbs.leg_m:.2f} m for legs of {limbs.leg_m:.2f} m, got {step_m:.2f} m"
        )


@dataclass(frozen=True)
class _Walk:
    """Samples from the first step to the turn before the chair, `STEP_S` apart.

    Attributes
    ----------
    speed_mps, yaw_rad : (N,) each.
    turn_start, turn_end : indices between which the turn at the mark lies.
    pause : indices [start, end) of standing still; None if the person walks on.
    """

    speed_mps: Array
    yaw_rad: Array
    turn_start: int
    turn_end: int
    pause: tuple[int, int] | None


def _draw_walk(
    subject: Subject, rng: Rng, stand_m: float, mark_m: float, pause_s: float, manner: Manner
) -> _Walk:
    """Draw the walk to the mark and back."""
    step_s, cruise = 60 / subject.cadence_spm, subject.speed_mps
    turn_speed, turn_yaw = _turn(subject, rng, cruise * rng.uniform(0.7, 0.85), manner)
    turn_x, _ = _positions(turn_speed, turn_yaw)
    turn_start_m = mark_m + rng.normal(-0.04, 0.08) - float(turn_x.max())
    out, pause = _walk_out(turn_start_m - stand_m, (cruise, float(turn_speed[0])), step_s, pause_s)
    arrive_mps = cruise * rng.uniform(0.55, 0.75)
    near_m = stand_m + _final_distance_m(subject, arrive_mps, manner)
    back = _speed_curve(
        turn_start_m + float(turn_x[-1]) - near_m,
        (float(turn_speed[-1]), cruise, arrive_mps),
        (0.8 * step_s, 1.1 * step_s),
    )
    yaw = np.concatenate([np.zeros(len(out)), turn_yaw, np.full(len(back), turn_yaw[-1])])
    speed = np.concatenate([out, turn_speed, back])
    return _Walk(speed, yaw, len(out), len(out) + len(turn_yaw), pause)


def _walk_out(
    distance_m: float, speeds_mps: tuple[float, float], step_s: float, pause_s: float
) -> tuple[Array, tuple[int, int] | None]:
    """Speed samples of the walk to the turn, and the indices of a pause half-way."""
    cruise, last = speeds_mps
    gain_s, loss_s = 1.1 * step_s, 0.8 * step_s
    if not pause_s:
        return _speed_curve(distance_m, (0.0, cruise, last), (gain_s, loss_s)), None
    first_half = _speed_curve(distance_m / 2, (0.0, cruise, 0.0), (gain_s, gain_s))
    still = np.zeros(round(pause_s / STEP_S))
    second_half = _speed_curve(distance_m / 2, (0.0, cruise, last), (gain_s, loss_s))
    pause = (len(first_half), len(first_half) + len(still))
    return np.concatenate([first_half, still, second_half]), pause


def _final_duration_s(subject: Subject, manner: Manner) -> float:
    share = 1 - _turn_margin_share()
    lead_s = 0.24 * subject.stand_to_sit_s / SIT_SHARE
    return max(manner.shortest_final_s, (subject.turn_to_sit_s - lead_s) / share)


def _final_distance_m(subject: Subject, arrive_mps: float, manner: Manner) -> float:
    return max(0.18, 0.42 * manner.approach * arrive_mps * _final_duration_s(subject, manner))


def _turn_to_sit(
    subject: Subject,
    rng: Rng,
    start_m: tuple[float, float],
    speed_mps: float,
    yaw_rad: float,
    stand_m: float,
    manner: Manner,
) -> tuple[Array, Array, float]:
    """Path and yaw of the turn before the chair, and the wait between it and sitting down.

    The wait is negative if the person sits down while still turning.
    """
    duration_s = _final_duration_s(subject, manner)
    wait_s = float(rng.uniform(-0.2, 0.15))
    if manner.sit_overlap is not None:
        wait_s = -manner.sit_overlap * duration_s
    times_s = np.arange(round(duration_s / STEP_S)) * STEP_S
    u = (times_s / duration_s)[:, None]
    start, end = np.array(start_m), np.array([stand_m, 0.0])
    velocity = speed_mps * np.array([np.cos(yaw_rad), np.sin(yaw_rad)])
    # Cubic Hermite spline from the walk's velocity to a standstill.
    xy = (2 * u**3 - 3 * u**2 + 1) * start + (u**3 - 2 * u**2 + u) * duration_s * velocity
    xy = xy + (3 * u**2 - 2 * u**3) * end
    side = subject.turn_side if rng.random() < 0.6 else -subject.turn_side
    share = skewed(times_s / duration_s, manner.final_skew)
    if manner.final_spin < 1:
        begin = manner.final_spin_at * (1.0 - manner.final_spin)
        share = np.clip((share - begin) / manner.final_spin, 0.0, 1.0)
    return xy, yaw_rad + side * np.pi * ramp(share, 0.0, 1.0, TURN_ROUNDING), wait_s


def _padded_path(
    schedule: Schedule, xy: Array, yaw: Array, stand_m: float, pause: tuple[int, int] | None
) -> WalkPath:
    """The walk on the whole time axis, with standing before the chair before and after it."""
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
    # Only the speed is continuous where the final turn joins the walk; smoothing rounds the rest.
    xy_m = smooth_curve(np.stack(columns, axis=-1), 0.1)
    return WalkPath(times_s, xy_m, smooth_curve(headings, 0.05), walking_s)


def on_the_spot(plan: TugPlan) -> TugPlan:
    """The plan of a person who steps and turns before the chair without going anywhere."""
    path = plan.path
    place = np.tile(path.xy_m[:1], (len(path.times_s), 1))
    return replace(plan, path=replace(path, xy_m=place))
