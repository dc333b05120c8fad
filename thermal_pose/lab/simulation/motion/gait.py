# SPDX-License-Identifier: Apache-2.0
"""Footsteps along a path, and the motion of each foot: stance, roll-off, swing and landing.

A foot in stance rotates about its heel while it lands, lies flat and still, and rotates about its
ball while it leaves. Each step is placed where the body passes over it in the middle of its stance,
so feet do not slide on any path, be it straight, turning or backwards.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from thermal_pose.lab.simulation.motion.limbs import Limbs, apply
from thermal_pose.lab.simulation.motion.profile import STEP_S, Array, ease
from thermal_pose.lab.simulation.people.rotations import rotation_y, rotation_z
from thermal_pose.lab.simulation.people.subject import Rng, Subject

#: Distance of the ankles behind the hips while standing, m.
ANKLE_BEHIND_M = 0.02
#: Step length with full heel strike and push-off, m.
FULL_STEP_M = 0.62


@dataclass(frozen=True)
class WalkPath:
    """Path of the pelvis on the floor, without the sway that steps add.

    Attributes
    ----------
    times_s : (T,) as `profile.time_grid` makes them.
    xy_m : (T, 2) position in the room.
    yaw_rad : (T,) continuous heading.
    walking_s : intervals [start, end) with steps.
    """

    times_s: Array
    xy_m: Array
    yaw_rad: Array
    walking_s: tuple[tuple[float, float], ...]

    def at(self, time_s: float) -> tuple[Array, float]:
        """Position (2,) and heading at a time."""
        xy = [np.interp(time_s, self.times_s, self.xy_m[:, axis]) for axis in (0, 1)]
        return np.array(xy), float(np.interp(time_s, self.times_s, self.yaw_rad))


@dataclass(frozen=True)
class Footstep:
    """One step of one foot (side +1 left, -1 right), which lands at `xy_m`, `yaw_rad`."""

    side: int
    lift_s: float
    land_s: float
    xy_m: tuple[float, float]
    yaw_rad: float


@dataclass(frozen=True)
class FootCurves:
    """Both feet over time, in the order left, right.

    Attributes
    ----------
    flat_m : (T, 2, 2) floor point below the ankle of the flat foot.
    yaw_rad : (T, 2) heading.
    pitch_rad : (T, 2) positive with the toes up (heel strike), negative with the heel up.
    lift_m : (T, 2) height of the whole foot above the floor during the swing.
    swinging : (T, 2) bool.
    """

    flat_m: Array
    yaw_rad: Array
    pitch_rad: Array
    lift_m: Array
    swinging: np.ndarray[tuple[int, int], np.dtype[np.bool_]]

    def feet(self, limbs: Limbs) -> tuple[Array, Array]:
        """Ankle joints (T, 2, 3) and orientations of the feet (T, 2, 3, 3)."""
        heading = rotation_z(self.yaw_rad)
        orientation = heading @ rotation_y(-self.pitch_rad)
        pivot_x = np.where(self.pitch_rad > 0, -limbs.heel_back_m, limbs.ball_front_m)
        pivot = np.stack([pivot_x, np.zeros_like(pivot_x), np.zeros_like(pivot_x)], axis=-1)
        above = np.array([0.0, 0.0, limbs.ankle_height_m])
        ankle = apply(heading, pivot) + apply(orientation, above - pivot)
        ankle[..., :2] += self.flat_m
        ankle[..., 2] += self.lift_m
        return ankle, orientation


def _contact_times_s(
    subject: Subject, rng: Rng, path: WalkPath, interval_s: tuple[float, float], first_side: int
) -> Array:
    """Landing times (N,) of the steps of one walk; the walk ends with the last one."""
    start_s, end_s = interval_s
    inside = (path.times_s >= start_s) & (path.times_s <= end_s)
    speed = np.linalg.norm(np.gradient(path.xy_m, STEP_S, axis=0), axis=1)[inside]
    pace = 0.72 + 0.28 * np.clip(speed / subject.speed_mps, 0.0, 1.0)
    hurry = 1.0 + subject.festination * np.linspace(-0.5, 1.0, pace.size)
    phase = np.cumsum(pace * hurry) * subject.cadence_spm / 60 * STEP_S
    n_steps = max(2, round(float(phase[-1])))
    step_phases = np.arange(1, n_steps + 1, dtype=np.float64)
    side = np.where(np.arange(n_steps) % 2 == 0, first_side, -first_side)
    step_phases[:-1] += (0.5 * subject.asymmetry * side + rng.normal(0, 0.025, n_steps))[:-1]
    phase *= n_steps / phase[-1]
    times_s = np.interp(step_phases, phase, path.times_s[inside])
    times_s[-1] = end_s
    return times_s


def plan_steps(subject: Subject, rng: Rng, path: WalkPath) -> tuple[Footstep, ...]:
    """Footsteps of a whole path; the first two (`land_s` 0) are the initial stance."""
    xy, yaw = path.at(0.0)
    splay = {side: rng.normal(0.1, 0.04) * side for side in (1, -1)}
    steps = [_stand(subject, side, xy, yaw, splay[side]) for side in (1, -1)]
    for interval_s in path.walking_s:
        first_side = int(rng.choice([-1, 1]))
        contacts_s = _contact_times_s(subject, rng, path, interval_s, first_side)
        before_s = np.concatenate([[interval_s[0]], contacts_s[:-1]])
        for index, (previous_s, land_s) in enumerate(zip(before_s, contacts_s, strict=True)):
            step_s = land_s - previous_s
            both_s = 0.0 if index == 0 else subject.double_support_share * step_s
            mid_s = interval_s[1]
            if index < len(contacts_s) - 2:
                mid_s = (land_s + contacts_s[index + 1] + both_s) / 2
            side = first_side * (-1) ** index
            jitter = 1.0 if index < len(contacts_s) - 2 else 0.3
            steps.append(
                _stand(
                    subject,
                    side,
                    *path.at(mid_s),
                    splay[side] + jitter * rng.normal(0, 0.03),
                    times_s=(previous_s + both_s, land_s),
                    shift_m=jitter * rng.normal(0, 0.008, 2),
                )
            )
    return tuple(steps)


def _stand(
    subject: Subject,
    side: int,
    xy: Array,
    yaw: float,
    splay: float,
    times_s: tuple[float, float] = (0.0, 0.0),
    shift_m: Array | None = None,
) -> Footstep:
    """A foot beside the pelvis at `xy` and `yaw`."""
    offset = np.array([-ANKLE_BEHIND_M, side * subject.step_width_m / 2])
    offset += 0.0 if shift_m is None else shift_m
    cos, sin = np.cos(yaw), np.sin(yaw)
    point = xy + np.array([[cos, -sin], [sin, cos]]) @ offset
    return Footstep(side, times_s[0], times_s[1], (float(point[0]), float(point[1])), yaw + splay)


def foot_curves(subject: Subject, times_s: Array, steps: tuple[Footstep, ...]) -> FootCurves:
    """Motion of both feet through their steps."""
    shape = (len(times_s), 2)
    flat, yaw = np.zeros((*shape, 2)), np.zeros(shape)
    pitch, lift, swinging = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    for column, side in enumerate((1, -1)):
        of_side = [step for step in steps if step.side == side]
        flat[:, column], yaw[:, column] = of_side[0].xy_m, of_side[0].yaw_rad
        for before, step in pairwise(of_side):
            moved = ease(times_s, step.lift_s, step.land_s)
            flat[:, column] += moved[:, None] * (np.array(step.xy_m) - before.xy_m)
            yaw[:, column] += moved * (step.yaw_rad - before.yaw_rad)
            swing = (times_s > step.lift_s) & (times_s < step.land_s)
            swinging[:, column] |= swing
            pitch[:, column] += _roll(subject, times_s, before, step)
            lift[:, column] += _lift_m(subject, times_s, before, step)
    return FootCurves(flat, yaw, pitch, lift, swinging)


def _forward_share(before: Footstep, step: Footstep) -> float:
    """Length of a step relative to a full forward step, -1 to 1.2."""
    moved = np.array(step.xy_m) - before.xy_m
    forward = moved @ [np.cos(step.yaw_rad), np.sin(step.yaw_rad)] / 2
    return float(np.clip(forward / FULL_STEP_M, -1.0, 1.2))


def _roll(subject: Subject, times_s: Array, before: Footstep, step: Footstep) -> Array:
    """Pitch (T,) of the foot during one step: the heel rises first and lands first."""
    share = max(0.0, _forward_share(before, step)) * (1.0 - 0.75 * subject.shuffling)
    swing_s = step.land_s - step.lift_s
    heel_up = np.radians(40.0) * share
    toe_up = np.radians(16.0) * share
    rise = ease(times_s, step.lift_s - 0.42 * swing_s, step.lift_s + 0.15 * swing_s)
    fall = ease(times_s, step.lift_s + 0.15 * swing_s, step.lift_s + 0.7 * swing_s)
    up = ease(times_s, step.lift_s + 0.45 * swing_s, step.land_s - 0.02)
    down = ease(times_s, step.land_s, step.land_s + 0.3 * swing_s)
    return -heel_up * (rise - fall) + toe_up * (up - down)


def _lift_m(subject: Subject, times_s: Array, before: Footstep, step: Footstep) -> Array:
    share = abs(_forward_share(before, step))
    height_m = (0.035 + 0.02 * share) * (1.0 - 0.8 * subject.shuffling)
    middle_s = step.lift_s + 0.42 * (step.land_s - step.lift_s)
    rise = ease(times_s, step.lift_s, middle_s)
    return height_m * (rise - ease(times_s, middle_s, step.land_s))
