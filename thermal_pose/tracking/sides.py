# SPDX-License-Identifier: Apache-2.0
"""Keeps a person's left and right over time: who walks towards the camera shows the front.

At 80 x 60 a back looks much like a front, and a network that sees one frame takes one for the
other now and then. Over time two things tell them apart: joints do not jump from one side of the
body to the other between frames, and people walk forwards.

Notes
-----
A forward filter over two states per person, 'as the network says' and 'mirrored'. In each frame

* the network counts for its own answer (`network_weight`);
* walking counts for the state that faces where the person goes: the figure grows and the feet
  come down in the picture (towards the camera), or it shrinks and they go up. Both have to
  agree, so that standing up and sitting down are no evidence;
* states of successive frames go together as far as no joint jumps.

Knowledge fades within `memory_s`, so that errors do not last.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from thermal_pose.skeleton import MIRROR, Joint
from thermal_pose.types import NS_PER_S, Float64Array, PersonKeypoints

#: Joints that lie on either side of the body.
_PAIRED: Final = np.flatnonzero(np.arange(len(MIRROR)) != MIRROR)
_TRUNK: Final = (
    (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
    (Joint.LEFT_HIP, Joint.RIGHT_HIP),
)
_FEET: Final = [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]


@dataclass(frozen=True)
class SidesSettings:
    """How left and right are kept.

    Attributes
    ----------
    network_weight : log odds per second in favour of the network's own answer.
    walking_weight : log odds per second at a brisk walk in favour of facing where it goes.
    jump_share : mean jump of the paired joints, as a share of the body's height, that is e times
        less likely than none.
    least_growth_hz, least_feet_hz : growth of the figure and movement of the feet in heights,
        per second, below which a person does not walk towards or away from the camera.
    brisk_hz : both of these at a brisk walk.
    memory_s : what is known fades by e in this time; so is movement averaged.
    gap_s : after a longer gap a person starts fresh.
    """

    network_weight: float = 10.0
    walking_weight: float = 16.0
    jump_share: float = 0.012
    least_growth_hz: float = 0.05
    least_feet_hz: float = 0.04
    brisk_hz: float = 0.2
    memory_s: float = 0.7
    gap_s: float = 0.6

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name}: expected > 0, got {value}")


@dataclass(frozen=True)
class _Known:
    """The state of one person after a frame.

    `xy` (2, 17, 2) joints of both states, `odds` (2,) their log weights, `height_px` and
    `feet_px` of the figure, and the averaged movement in heights per second.
    """

    stamp_ns: int
    xy: Float64Array
    odds: Float64Array
    height_px: float
    feet_px: float
    growth_hz: float = 0.0
    feet_hz: float = 0.0


class SideKeeper:
    """Keeps left and right of all people in one stream.

    Parameters
    ----------
    settings : see `SidesSettings`.
    """

    def __init__(self, settings: SidesSettings | None = None) -> None:
        self.settings = settings or SidesSettings()
        self._known: dict[int, _Known] = {}

    def reset(self) -> None:
        """Forget all people."""
        self._known.clear()

    def __call__(
        self, stamp_ns: int, persons: tuple[PersonKeypoints, ...]
    ) -> tuple[PersonKeypoints, ...]:
        """Return the people of one frame, each as estimated or with left and right exchanged.

        Parameters
        ----------
        stamp_ns : later than that of the frame before.
        persons : with the identities of a tracker.
        """
        limit_ns = self.settings.gap_s * NS_PER_S
        self._known = {
            key: known
            for key, known in self._known.items()
            if 0 < stamp_ns - known.stamp_ns <= limit_ns
        }
        return tuple(self._kept(stamp_ns, person) for person in persons)

    def _kept(self, stamp_ns: int, person: PersonKeypoints) -> PersonKeypoints:
        xy = np.asarray(person.xy, np.float64)
        if not np.isfinite(xy).all():
            self._known.pop(person.track_id, None)
            return person
        now = self._filtered(stamp_ns, xy, self._known.get(person.track_id))
        self._known[person.track_id] = now
        if now.odds[0] >= now.odds[1]:
            return person
        return replace(person, xy=person.xy[MIRROR], scores=person.scores[MIRROR])

    def _filtered(self, stamp_ns: int, xy: Float64Array, before: _Known | None) -> _Known:
        height_px = max(float(np.ptp(xy[:, 1])), 1.0)
        both = np.stack([xy, xy[MIRROR]])
        now = _Known(stamp_ns, both, np.zeros(2), height_px, float(xy[_FEET, 1].mean()))
        if before is None:
            return replace(now, odds=np.array([1.0, 0.0]))
        settings = self.settings
        step_s = (stamp_ns - before.stamp_ns) / NS_PER_S
        now = self._moved(now, before, step_s)
        jump = np.abs(both[:, None, _PAIRED] - before.xy[None, :, _PAIRED]).sum(-1).mean(-1)
        likely = -jump / (settings.jump_share * height_px)
        kept = np.exp(-step_s / settings.memory_s) * before.odds
        odds = np.logaddexp(*(likely + kept).T)
        odds += step_s * settings.network_weight * np.array([0.5, -0.5])
        odds += step_s * settings.walking_weight * self._walking(now) * np.array([0.5, -0.5])
        return replace(now, odds=odds - odds.max())

    def _moved(self, now: _Known, before: _Known, step_s: float) -> _Known:
        """Average growth and movement of the feet over `memory_s`."""
        share = 1.0 - float(np.exp(-step_s / self.settings.memory_s))
        growth_hz = float(np.log(now.height_px / before.height_px)) / step_s
        feet_hz = (now.feet_px - before.feet_px) / now.height_px / step_s
        return replace(
            now,
            growth_hz=before.growth_hz + share * (growth_hz - before.growth_hz),
            feet_hz=before.feet_hz + share * (feet_hz - before.feet_hz),
        )

    def _walking(self, now: _Known) -> float:
        """Return -1..1: how much walking speaks for the network's answer, or against it."""
        settings = self.settings
        growth, feet = now.growth_hz, now.feet_hz
        if growth * feet <= 0:
            return 0.0
        if abs(growth) < settings.least_growth_hz or abs(feet) < settings.least_feet_hz:
            return 0.0
        speed = min(float(np.sqrt(growth * feet)) / settings.brisk_hz, 1.0)
        return speed * float(np.sign(growth)) * _facing(now.xy[0], now.height_px)


def _facing(xy: Float64Array, height_px: float) -> float:
    """Return 1 for a trunk seen from the front, -1 from behind, near 0 from the side."""
    width_px = np.mean([xy[left, 0] - xy[right, 0] for left, right in _TRUNK])
    return float(np.clip(width_px / (0.08 * height_px), -1.0, 1.0))
