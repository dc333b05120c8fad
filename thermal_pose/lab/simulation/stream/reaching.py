# SPDX-License-Identifier: Apache-2.0
"""Reaching arms: folded, crossed, raised, level, in pockets, at the face, behind the back.

The wrist is placed in the axes of the chest (x forward, y left, z up), and two-bone inverse
kinematics bends shoulder and elbow. Lengths are for a person of 1.70 m and scale with stature.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from thermal_pose.lab.simulation.people.body import BONE_INDEX, Body
from thermal_pose.lab.simulation.people.subject import Rng
from thermal_pose.lab.simulation.stream.postures import Angles
from thermal_pose.types import Float64Array

Vector = Float64Array

#: Wrist position relative to the shoulder, m, and direction of the elbow, for a left arm; y is
#: mirrored for a right arm.
Target = tuple[Vector, Vector]
_REFERENCE_M: Final = 1.70
#: Least and greatest distance of a wrist from its shoulder, as shares of the arm's length.
_REACH: Final = (0.25, 0.995)


def reach(angles: Angles, body: Body, side: str, wrist_m: Vector, elbow_towards: Vector) -> None:
    """Place a wrist, or bring it as near as the arm reaches.

    Parameters
    ----------
    side : 'L' or 'R'.
    wrist_m : (3,) relative to the shoulder, in the axes of the rest pose.
    elbow_towards : (3,) direction in which the elbow points.

    Notes
    -----
    Bones get the smallest rotation that gives them the right direction. Twist about their own axis
    moves no joint and is hardly visible at thermal resolution.
    """
    shoulder, elbow, hand = (
        body.bone_heads[BONE_INDEX[f"{name}.{side}"]].astype(np.float64)
        for name in ("upper_arm", "forearm", "hand")
    )
    upper, fore = elbow - shoulder, hand - elbow
    a, b = float(np.linalg.norm(upper)), float(np.linalg.norm(fore))
    wanted = float(np.linalg.norm(wrist_m))
    direction = wrist_m / max(wanted, 1e-6)
    distance = float(np.clip(wanted, _REACH[0] * (a + b), _REACH[1] * (a + b)))
    along = (a * a - b * b + distance * distance) / (2 * distance)
    aside = max(a * a - along * along, 0.0) ** 0.5
    pole = elbow_towards - (elbow_towards @ direction) * direction
    pole /= max(float(np.linalg.norm(pole)), 1e-6)
    bend = along * direction + aside * pole
    turned = rotation_between(upper, bend)
    angles.put(f"upper_arm.{side}", turned)
    angles.put(f"forearm.{side}", turned.T @ rotation_between(fore, distance * direction - bend))


def rotation_between(start: Vector, end: Vector) -> Vector:
    """Smallest rotation (3, 3) from the direction `start` (3,) to the direction `end` (3,).

    >>> rotation_between(np.array([1.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0])) @ [1.0, 0.0, 0.0]
    array([0., 1., 0.])
    """
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis, cosine = np.cross(a, b), float(a @ b)
    if cosine < -1 + 1e-9:  # half a turn about any perpendicular axis
        across = np.cross(a, (1.0, 0.0, 0.0) if abs(a[0]) < 0.9 else (0.0, 1.0, 0.0))
        across /= np.linalg.norm(across)
        return np.asarray(2.0 * np.outer(across, across) - np.eye(3))
    x, y, z = axis
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1.0 + cosine))


def draw_reaching_arms(angles: Angles, body: Body, rng: Rng) -> None:
    """Draw both arms, of the same kind or independently."""
    scale = body.shape.height_m / _REFERENCE_M
    both = rng.random() < 0.5
    kind = _draw_kind(rng)
    for side in "LR":
        if not both:
            kind = _draw_kind(rng)
        wrist, pole = kind(rng)
        mirror = np.array((1.0, 1.0 if side == "L" else -1.0, 1.0))
        reach(angles, body, side, scale * wrist * mirror, pole * mirror)


def _draw_kind(rng: Rng) -> Callable[[Rng], Target]:
    kinds = tuple(_KINDS)
    shares = np.array([_KINDS[kind] for kind in kinds])
    return kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]


def _near(rng: Rng, x: float, y: float, z: float, spread_m: float = 0.04) -> Vector:
    return np.array((x, y, z)) + rng.normal(0.0, spread_m, 3)


def _hanging(rng: Rng) -> Target:
    return _near(rng, 0.04, 0.08, -0.52, 0.06), _near(rng, -1.0, 0.4, 0.0, 0.3)


def _folded(rng: Rng) -> Target:
    """Folded in front of the chest: the hand is near the other elbow."""
    return _near(rng, 0.21, -0.26, -0.22), _near(rng, 0.2, 0.9, -0.7, 0.2)


def _across(rng: Rng) -> Target:
    """On the other shoulder."""
    return _near(rng, 0.18, -0.30, -0.02), _near(rng, 0.6, 0.6, -0.8, 0.2)


def _on_hip(rng: Rng) -> Target:
    return _near(rng, 0.02, 0.03, -0.40), _near(rng, -0.4, 1.0, 0.0, 0.2)


def _in_pocket(rng: Rng) -> Target:
    return _near(rng, 0.08, 0.0, -0.46, 0.03), _near(rng, -0.9, 0.6, 0.0, 0.2)


def _at_face(rng: Rng) -> Target:
    """Telephoning, adjusting glasses, eating, rubbing the eyes."""
    x, y, z = rng.uniform(0.08, 0.22), rng.uniform(-0.22, 0.0), rng.uniform(0.02, 0.24)
    return _near(rng, x, y, z, 0.02), _near(rng, 0.4, 0.7, -0.9, 0.3)


def _behind_head(rng: Rng) -> Target:
    return _near(rng, -0.08, -0.08, 0.22), _near(rng, 0.2, 1.0, 0.3, 0.2)


def _behind_back(rng: Rng) -> Target:
    return _near(rng, -0.20, -0.14, -0.36), _near(rng, -0.5, 0.9, 0.0, 0.2)


def _before_belly(rng: Rng) -> Target:
    """Clasped hands, or holding a tray, a book or a ball."""
    x, z = rng.uniform(0.18, 0.42), rng.uniform(-0.42, -0.05)
    return _near(rng, x, -0.10, z), _near(rng, -0.2, 0.7, -0.7, 0.3)


def _level(rng: Rng) -> Target:
    """Straight and level, anywhere from across the chest to slightly behind."""
    azimuth = rng.uniform(-0.5, 2.0)
    lift = rng.normal(0.0, 0.18)
    return _ray(rng, azimuth, lift), _near(rng, -0.5, 0.3, -0.8, 0.3)


def _raised(rng: Rng) -> Target:
    """Overhead, straight or bent."""
    return _ray(rng, rng.uniform(-0.6, 2.0), rng.uniform(0.7, 1.55)), _near(rng, 0.3, 1.0, 0.0, 0.4)


def _anywhere(rng: Rng) -> Target:
    azimuth, lift = rng.uniform(-0.9, 2.3), rng.uniform(-1.3, 1.4)
    return _ray(rng, azimuth, lift, 0.45), _near(rng, -0.5, 0.6, -0.6, 0.5)


def _ray(rng: Rng, azimuth_rad: float, lift_rad: float, least: float = 0.85) -> Vector:
    """A point at `least` to 1 times 0.53 m, an arm; azimuth 0 is forward, pi/2 outward."""
    length = 0.53 * rng.uniform(least, 1.0)
    level = np.cos(lift_rad)
    direction = (np.cos(azimuth_rad) * level, np.sin(azimuth_rad) * level, np.sin(lift_rad))
    return length * np.array(direction)


#: Kind -> relative frequency.
_KINDS: Final[dict[Callable[[Rng], Target], float]] = {
    _hanging: 0.12,
    _folded: 0.10,
    _across: 0.03,
    _on_hip: 0.07,
    _in_pocket: 0.06,
    _at_face: 0.09,
    _behind_head: 0.04,
    _behind_back: 0.05,
    _before_belly: 0.10,
    _level: 0.14,
    _raised: 0.10,
    _anywhere: 0.10,
}
