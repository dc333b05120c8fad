# SPDX-License-Identifier: Apache-2.0
"""How patients really do the test: pauses, freezes, second attempts, uneven turns, slow settling.

A `Subject` has habits; a `Manner` is what happens in one trial beside them. `PLAIN` adds nothing.
`draw_manner` covers what 43 recorded tests of real people showed (`docs/simulated-clinic.md`
compares the distributions) and, beyond it, what clinicians report of slow and freezing patients.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from thermal_pose.errors import SimulationError
from thermal_pose.lab.simulation.motion.profile import Array
from thermal_pose.lab.simulation.people.subject import Rng

#: Probabilities of 0, 1, 2 and 3 pauses of quick and of slow people.
_PAUSES_FAST = (0.7, 0.2, 0.07, 0.03)
_PAUSES_SLOW = (0.4, 0.3, 0.2, 0.1)


class Place(StrEnum):
    """Where somebody pauses."""

    AFTER_RISING = "after_rising"
    WALK_OUT = "walk_out"
    BEFORE_TURN = "before_turn"
    TURN = "turn"
    WALK_BACK = "walk_back"
    BEFORE_CHAIR = "before_chair"
    BEFORE_SITTING = "before_sitting"


@dataclass(frozen=True)
class Pause:
    """Standing still for a while; `share` is how far into the walk or the turn, 0 to 1."""

    place: Place
    length_s: float
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.length_s <= 0 or not 0 <= self.share <= 1:
            raise SimulationError(
                f"pause: expected length_s above 0 and share 0 to 1, got {self.length_s}, "
                f"{self.share}"
            )


@dataclass(frozen=True)
class Manner:
    """What one trial adds to a subject's habits; the defaults add nothing.

    Attributes
    ----------
    pauses : where the person stands still, and for how long.
    mark_m : where the person turns, m from the chair.
    head_lead_s, chest_lead_s : how far gaze and chest run ahead of the pelvis in turns.
    bounce : share of the pelvis's rise and fall over straight legs that is left.
    lean_deg, lean_s, lean_hold_s : a slow lean before the one that lifts off, and how long it is
        held (a two-stage rise).
    lifts : share of the standing height that failed attempts to rise reach.
    seat_off_share : of a rise's time, until the pelvis leaves the seat.
    settle_m, settle_s : how far the pelvis sinks on slowly after it has touched the seat.
    sit_lean_deg : further lean while sitting down.
    turn_skew, final_skew : above 1, a turn begins slowly; below 1, it ends slowly.
    turn_dip : share of speed lost in the turn (0 steps around, 1 spins); None for the usual.
    shortest_final_s : of the turn before the chair.
    sit_overlap : share of the turn before the chair during which the person sits down already.
    late_trunk : how much later than the legs the trunk straightens, as a share of the rise.
    sit_lean_delay : how much later the trunk leans while sitting down, as a share of that phase.
    crouch, crouch_s : share of the standing height lost, slowly, before sitting down, and over how
        long.
    lean_scale : of the lean that lifts the person off the seat.
    twist : share of the pelvis's and chest's rotation with the steps that is left.
    sway_deg, weave_deg : irregular motion of trunk lean and pelvis yaw while walking.
    seed : of the irregular motion.
    """

    pauses: tuple[Pause, ...] = ()
    mark_m: float = 3.0
    head_lead_s: float = 0.35
    chest_lead_s: float = 0.08
    bounce: float = 1.0
    lean_deg: float = 0.0
    lean_s: float = 0.4
    lean_hold_s: float = 0.0
    lifts: float = 0.0
    seat_off_share: float = 0.36
    settle_m: float = 0.0
    settle_s: float = 0.5
    sit_lean_deg: float = 0.0
    turn_skew: float = 1.0
    final_skew: float = 1.0
    turn_dip: float | None = None
    shortest_final_s: float = 0.9
    sit_overlap: float | None = None
    late_trunk: float = 0.0
    sit_lean_delay: float = 0.0
    crouch: float = 0.0
    crouch_s: float = 0.6
    lean_scale: float = 1.0
    twist: float = 1.0
    sway_deg: float = 0.0
    weave_deg: float = 0.0
    seed: int = 0

    def rng(self) -> Rng:
        """A generator of the irregular motion, apart from those of the trial."""
        return np.random.default_rng([self.seed, 31])


PLAIN = Manner()


def draw_manner(rng: Rng, slowness: float = 0.0) -> Manner:
    """Draw what happens in one trial of a patient.

    Parameters
    ----------
    slowness : 0 for a healthy walker .. 1 for somebody who freezes often.
    """
    two_stage = rng.random() < 0.15 + 0.3 * slowness
    return Manner(
        pauses=draw_pauses(rng, slowness),
        mark_m=_mark_m(rng),
        head_lead_s=float(rng.uniform(0.0, 0.4)) if rng.random() < 0.35 else 0.0,
        chest_lead_s=float(rng.uniform(0.0, 0.1)) if rng.random() < 0.35 else 0.0,
        bounce=float(rng.uniform(0.0, 0.9)),
        lean_deg=float(rng.uniform(1.0, 14.0)) if rng.random() < 0.8 or two_stage else 0.0,
        lean_s=float(rng.uniform(0.25, 1.1) * (1.0 + slowness)),
        lean_hold_s=float(rng.uniform(0.2, 2.5)) if two_stage else float(rng.uniform(-0.4, 0.05)),
        lifts=float(rng.uniform(0.0, 0.3)),
        seat_off_share=float(rng.uniform(0.32, 0.56)),
        settle_m=float(rng.uniform(0.0, 0.04)) if rng.random() < 0.6 else 0.0,
        settle_s=float(rng.uniform(0.2, 1.3)),
        sit_lean_deg=float(rng.uniform(0.0, 24.0)),
        turn_skew=float(np.exp(rng.normal(0, 0.15 + 0.2 * slowness))),
        final_skew=float(np.exp(rng.normal(0, 0.2 + 0.2 * slowness))),
        turn_dip=float(rng.uniform(0.0, 0.95)),
        shortest_final_s=0.5,
        sit_overlap=float(rng.uniform(-0.1, 0.75)) if rng.random() < 0.85 else None,
        late_trunk=float(rng.uniform(0.0, 0.6)) if rng.random() < 0.6 else 0.0,
        sit_lean_delay=float(rng.uniform(-0.1, 0.5)) if rng.random() < 0.7 else 0.0,
        crouch=float(rng.uniform(0.0, 0.16)) if rng.random() < 0.75 else 0.0,
        crouch_s=float(rng.uniform(0.3, 1.3)),
        lean_scale=float(rng.uniform(0.5, 1.15)),
        twist=float(rng.uniform(0.2, 1.0)),
        sway_deg=float(rng.uniform(0.0, 5.5)),
        weave_deg=float(rng.uniform(0.0, 4.0)),
        seed=int(rng.integers(2**31)),
    )


def draw_pauses(rng: Rng, slowness: float) -> tuple[Pause, ...]:
    """None, one, two or three pauses at different places, 0.5 to 8 s long."""
    n_pauses = int(rng.choice(4, p=_PAUSES_FAST if slowness < 0.5 else _PAUSES_SLOW))
    places = rng.permutation(list(Place))[:n_pauses]
    return tuple(
        Pause(
            Place(place),
            float(np.clip(0.4 + rng.exponential(1.6), 0.5, 8.0))
            if rng.random() < 0.8
            else float(rng.uniform(2.0, 8.0)),
            float(rng.uniform(0.15, 0.85)),
        )
        for place in places
    )


def _mark_m(rng: Rng) -> float:
    """Most people turn a little before the line; some walkways are 2 to 4 m long."""
    if rng.random() < 0.2:
        return float(rng.uniform(2.0, 4.0))
    return 3.0 - abs(float(rng.normal(0.15, 0.25)))


def skewed(share: Array, skew: float) -> Array:
    """A share of time 0 to 1, bent so that what runs on it begins slowly (above 1) or ends so."""
    return np.clip(share, 0.0, 1.0) ** skew


def trial_manner(patients: bool, speed_mps: float, rng: Rng) -> Manner:
    """The manner of one trial of a cohort; `PLAIN` unless it is one of patients."""
    if not patients:
        return PLAIN
    slowness = float(np.clip((0.9 - speed_mps) / 0.7, 0.0, 1.0))
    return draw_manner(rng, slowness)
