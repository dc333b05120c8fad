# SPDX-License-Identifier: Apache-2.0
"""Postures of exercise and everyday life: bent, tilted and twisted trunks, raised or crossed legs.

Each function draws the whole body, with arms from `reaching`. Every posture occurs in every view,
so that a network cannot infer the direction from the posture.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.people.body import Body, BodyPose
from thermal_pose.lab.simulation.people.rotations import rotation_z
from thermal_pose.lab.simulation.people.subject import Rng
from thermal_pose.lab.simulation.stream.life_options import WHOLE_LIFE, LifeOptions
from thermal_pose.lab.simulation.stream.postures import Angles, grounded
from thermal_pose.lab.simulation.stream.reaching import draw_reaching_arms


def exercise_pose(
    body: Body,
    rng: Rng,
    xy_m: tuple[float, float],
    yaw_rad: float,
    options: LifeOptions = WHOLE_LIFE,
) -> BodyPose:
    """A standing person with arms, trunk, legs and head far from those of walking.

    Parts that are off hang or stand upright. They are drawn all the same, and thrown away, so that
    the others do not depend on them.
    """
    angles = Angles()
    _draw_legs(angles if options.legs else Angles(), rng)
    if not options.legs:
        for side in "LR":
            angles.leg(side, 0.03, 0.05)
    _draw_trunk(angles if options.trunk else Angles(), rng)
    _draw_arms(angles, body, rng, options)
    angles.look(float(rng.normal(0.05, 0.28)), float(rng.normal(0.0, 0.5)))
    return grounded(body, angles.rotations(rotation_z(yaw_rad)), xy_m)


def seated_exercise_pose(
    body: Body,
    rng: Rng,
    xy_m: tuple[float, float],
    yaw_rad: float,
    seat_m: float,
    options: LifeOptions = WHOLE_LIFE,
) -> BodyPose:
    """A seated person, possibly with one leg stretched or crossed, and arms anywhere.

    Parts that are off are those of a person who sits still.
    """
    angles = Angles()
    apart = float(abs(rng.normal(0.14, 0.12)))
    special = "LR"[int(rng.integers(2))] if rng.random() < 0.5 else ""
    crossed = rng.random() < 0.5
    for side in "LR":
        hip, knee, aside = 1.45 + rng.normal(0.0, 0.08), 1.5 + rng.normal(0.0, 0.2), apart
        if side == special and crossed:  # one leg over the other
            hip, knee, aside = hip + 0.25, 1.2 + rng.normal(0.0, 0.2), -0.28
        elif side == special:  # stretched
            hip, knee = hip + rng.uniform(-0.1, 0.2), rng.uniform(0.05, 0.9)
        if not options.legs:
            hip, knee, aside = 1.45, 1.5, 0.14
        angles.leg(side, float(hip), float(knee), float(aside))
    trunk = angles if options.trunk else Angles()
    trunk.lean(
        float(rng.normal(0.15, 0.35)), float(rng.normal(0.0, 0.2)), float(rng.normal(0.0, 0.3))
    )
    _draw_arms(angles, body, rng, options)
    angles.look(float(rng.normal(0.1, 0.3)), float(rng.normal(0.0, 0.5)))
    height = seat_m + 0.10
    pelvis = np.array((*xy_m, height), np.float32)
    return BodyPose(pelvis, angles.rotations(rotation_z(yaw_rad)))


def _draw_arms(angles: Angles, body: Body, rng: Rng, options: LifeOptions) -> None:
    draw_reaching_arms(angles if options.arms else Angles(), body, rng)
    if not options.arms:
        for side in "LR":
            angles.arm(side, 0.12, 0.1, 0.2)


def _draw_trunk(angles: Angles, rng: Rng) -> None:
    """Draw a trunk that is upright, or bent, tilted and twisted in any combination."""
    bow = float(rng.uniform(0.3, 1.75)) if rng.random() < 0.28 else float(rng.normal(0.03, 0.1))
    tilt = float(rng.uniform(-0.7, 0.7)) if rng.random() < 0.22 else float(rng.normal(0.0, 0.05))
    twist = float(rng.uniform(-0.9, 0.9)) if rng.random() < 0.28 else float(rng.normal(0.0, 0.1))
    if bow > 0.5:  # a deep bow is mostly in the hips: both thighs flex against the pelvis
        share = rng.uniform(0.35, 0.7)
        angles.turn("pelvis", "y", share * bow)
        for side in "LR":
            angles.turn(f"thigh.{side}", "y", -share * bow)
        bow *= 1.0 - share
    angles.lean(bow, tilt, twist)


def _draw_legs(angles: Angles, rng: Rng) -> None:
    kinds = tuple(_LEGS)
    kinds[int(rng.choice(len(kinds), p=list(_LEGS.values())))](angles, rng)


def _feet_together(angles: Angles, rng: Rng) -> None:
    for side in "LR":
        angles.leg(side, float(rng.normal(0.03, 0.06)), abs(float(rng.normal(0.04, 0.06))),
                   float(rng.uniform(0.0, 0.1)))  # fmt: skip


def _stride(angles: Angles, rng: Rng) -> None:
    swing = float(rng.uniform(0.1, 0.55)) * float(rng.choice((-1.0, 1.0)))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        knee = abs(float(rng.normal(0.15, 0.2)))
        angles.leg(side, sign * swing + 0.3 * knee, knee, float(rng.uniform(0.0, 0.1)))


def _astride(angles: Angles, rng: Rng) -> None:
    apart = float(rng.uniform(0.15, 0.6))
    for side in "LR":
        bend = abs(float(rng.normal(0.0, 0.3)))
        angles.leg(side, 0.5 * bend, bend, apart)


def _squat(angles: Angles, rng: Rng) -> None:
    depth, apart = float(rng.uniform(0.4, 2.0)), float(rng.uniform(0.0, 0.4))
    for side in "LR":
        angles.leg(side, 0.85 * depth, depth, apart)


def _lunge(angles: Angles, rng: Rng) -> None:
    front, back = ("L", "R") if rng.random() < 0.5 else ("R", "L")
    depth = float(rng.uniform(0.4, 1.3))
    angles.leg(front, depth, depth, 0.05)
    angles.leg(back, -0.5 * depth, float(rng.uniform(0.1, 0.9)), 0.05)


def _one_raised(angles: Angles, rng: Rng) -> None:
    """A lifted knee, or a kick to the front, the side or the back."""
    lifted = "LR"[int(rng.integers(2))]
    hip, knee, apart = (
        (rng.uniform(0.5, 1.7), rng.uniform(0.4, 1.9), 0.05),
        (rng.uniform(0.4, 1.5), rng.uniform(0.0, 0.3), 0.05),
        (rng.normal(0.0, 0.1), rng.uniform(0.0, 0.3), rng.uniform(0.3, 1.0)),
        (rng.uniform(-0.6, -0.1), rng.uniform(0.0, 1.9), 0.05),
    )[int(rng.integers(4))]
    for side in "LR":
        if side == lifted:
            angles.leg(side, float(hip), float(knee), float(apart))
        else:
            angles.leg(side, float(rng.normal(0.0, 0.05)), abs(float(rng.normal(0.04, 0.05))))


def _crossed(angles: Angles, rng: Rng) -> None:
    """Standing with crossed legs."""
    ahead = float(rng.uniform(0.1, 0.25)) * float(rng.choice((-1.0, 1.0)))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        angles.leg(side, sign * ahead, abs(float(rng.normal(0.06, 0.05))),
                   -float(rng.uniform(0.05, 0.2)))  # fmt: skip


_LEGS: Final[dict[Callable[[Angles, Rng], None], float]] = {
    _feet_together: 0.34,
    _stride: 0.18,
    _astride: 0.14,
    _squat: 0.1,
    _lunge: 0.06,
    _one_raised: 0.12,
    _crossed: 0.06,
}
